"""frame, slots and wheel against their oracles, with hypothesis and by known values."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfix._core import frame, slots, wheel
from tests.oracle import frame as plain_frame
from tests.oracle import slots as plain_slots
from tests.oracle import wheel as plain_wheel

WORD = st.integers(0, 0xffffffff)
BASE = 1_700_000_000


def test_crc32c_known_values() -> None:
    assert frame.checksum(b"123456789") == 0xe3069283             # RFC 3720, B.4 and the usual check value
    assert frame.checksum(bytes(32)) == 0x8a9136aa
    assert frame.checksum(b"\xff" * 32) == 0x62a8ab43


@given(st.binary(max_size=300), WORD)
def test_checksums_agree(data: bytes, crc: int) -> None:
    assert frame.checksum(data, crc) == plain_frame.checksum(data, crc)
    assert frame.checksum_soft(data) == plain_frame.checksum(data)
    assert frame.checksum(data[7:], frame.checksum(data[:7])) == frame.checksum(data)


@given(st.integers(1, 5), st.binary(max_size=60), st.binary(max_size=60), st.integers(0, 2**64 - 1), WORD,
       st.integers(0, 1000).map(lambda n: n * 8), st.data())
def test_records_agree_whole_cut_and_damaged(kind, head, body, salt, number, offset, data) -> None:
    durable = data.draw(st.integers(0, offset))
    record = frame.encode(kind, head, body, salt, number, offset, durable)
    assert record == plain_frame.encode(kind, head, body, salt, number, offset, durable)
    limit = offset + len(record)
    assert frame.decode(record, salt, number, offset, limit) == (0, kind, head, body, 32 + len(head) + len(body), durable)
    for cut in range(0, len(record), 5):
        assert frame.decode(record[:cut], salt, number, offset, limit) == plain_frame.decode(record[:cut], salt, number, offset, limit)
    damaged = bytearray(record)
    damaged[data.draw(st.integers(0, 32 + len(head) + len(body) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    verdict = frame.decode(bytes(damaged), salt, number, offset, limit)
    assert verdict == plain_frame.decode(bytes(damaged), salt, number, offset, limit)
    assert verdict[0] != 0 or verdict[3] is None
    assert frame.decode(record, salt, number, offset + 8, limit + 8)[0] != 0
    assert frame.decode(record, salt, number ^ 1, offset, limit)[0] != 0


@given(st.binary(max_size=200), WORD, WORD)
def test_any_bytes_are_no_record(data: bytes, offset: int, limit: int) -> None:
    assert frame.decode(data, 1, 1, offset, limit) == plain_frame.decode(data, 1, 1, offset, limit)


def test_a_segments_head_stands_twice() -> None:
    head = frame.segment_head(7, 1, 65536, 2**63 + 5, b"smtpd.0")
    assert len(head) == 4096 and frame.segment_read(head) == (7, 1, 65536, 2**63 + 5, b"smtpd.0")
    for at in list(range(128)) + list(range(512, 640)):
        bad = bytearray(head)
        bad[at] ^= 4
        assert frame.segment_read(bytes(bad)) == (7, 1, 65536, 2**63 + 5, b"smtpd.0")
    assert frame.segment_read(bytes(4096)) is None and frame.segment_read(b"") is None
    with pytest.raises(ValueError):
        frame.segment_head(1, 1, 1, 1, b"x" * 64)


@given(st.integers(0, 2**60 - 1), st.integers(0, 2**32 * 1_000_000 - 1), st.booleans())
def test_queue_ids_agree_and_come_back(number: int, when: int, long_form: bool) -> None:
    queue_id = slots.make_id(number, when, long_form)
    assert queue_id == plain_slots.make_id(number, when, long_form)
    assert slots.split_id(queue_id) == (number, when // 1_000_000 if long_form else 0, when % 1_000_000, long_form)


@given(st.binary(max_size=45))
def test_what_is_no_queue_id_is_refused(text: bytes) -> None:
    try:
        number, seconds, micro, long_form = slots.split_id(text)
    except ValueError:
        return
    back = slots.make_id(number, seconds * 1_000_000 + micro, long_form)
    assert slots.split_id(back) == (number, seconds, micro, long_form)


def test_the_table_against_a_dictionary() -> None:
    rng, table, plain = random.Random(4), slots.SlotTable(77), plain_slots.SlotTable()
    where: dict[int, int] = {}
    for step in range(20000):
        number = rng.randrange(4000)
        if number in where and rng.random() < 0.5:
            table.remove(where.pop(number))
            del plain.slots[number]
        elif number not in where:
            queue_id, state = slots.make_id(number, step), rng.randint(1, 5)
            where[number] = table.add(queue_id, 0, 1, 2, 3, 4, 0, state)
            plain.add(queue_id, number, state)
        else:
            with pytest.raises(KeyError):
                table.add(slots.make_id(number, 1), 0, 1, 2, 3, 4, 0)
    assert len(table) == len(plain.slots) and all(table.count(s) == plain.count(s) for s in range(1, 6))
    for number in range(4000):
        assert table.find_number(number) == where.get(number, 0)
        if number in where:
            assert table.queue_id(where[number]) == plain.slots[number][0]
    other, cursor = slots.SlotTable(5), 0
    while True:
        image, cursor = table.dump(cursor, 100)
        other.load(image)
        if not cursor:
            break
    assert len(other) == len(table) and all(other.find(q) for q, _ in plain.slots.values())
    assert other.count(2) == 0 and other.count(1) == table.count(1) + table.count(2)
    with pytest.raises(ValueError):
        other.load(b"x" * 63)
    with pytest.raises(KeyError):
        table.place(0)
    with pytest.raises(KeyError):
        table.place(1 << 31)


@given(st.lists(st.tuples(st.sampled_from("iiicp"), st.integers(1, 40), st.sampled_from((0, 1, 5, 255, 256, 257, 70000))),
                max_size=60), st.integers(0, 70000))
def test_the_wheel_against_a_dictionary(steps: list, start: int) -> None:
    table = slots.SlotTable(1)
    numbers = [table.add(slots.make_id(i, 0), 0, 1, 1, 1, 1, 0, 3) for i in range(41)]
    mine, plain = wheel.Wheel(table, BASE + start), plain_wheel.Wheel(BASE + start)
    now = BASE + start
    for what, n, span in steps:
        slot = numbers[n]
        if what == "i":
            mine.insert(slot, now + span + n)
            plain.insert(slot, now + span + n)
        elif what == "c":
            assert mine.cancel(slot) == plain.cancel(slot)
        else:
            now += span // 3
            due = plain.pop(now, 5)
            taken = mine.pop(now, 5)
            assert len(taken) == min(5, len(due)) and set(taken) <= due
            for one in taken:
                plain.cancel(one)
        assert len(mine) == len(plain)
    wake = mine.wake()
    assert (wake == 0) == (len(plain) == 0) and (not wake or wake <= max(now, min(plain.times.values())))
    assert set(mine.pop(now + 100_000, 1000)) == set(plain.times)


def test_the_wheel_beyond_its_horizon_rush_and_refile() -> None:
    table = slots.SlotTable(1)
    one, two = (table.add(slots.make_id(i, 0), 0, 1, 1, 1, 1, 0, 3) for i in (1, 2))
    mine = wheel.Wheel(table, BASE)
    mine.insert(one, BASE + 300 * 86400)
    assert mine.pop(BASE + 299 * 86400) == [] and mine.pop(BASE + 300 * 86400) == [one]
    with pytest.raises(KeyError):
        mine.insert(99, BASE)
    mine.insert(one, BASE + 400 * 86400)
    with pytest.raises(AssertionError):
        table.remove(one)
    table.set_due(two, BASE)
    assert mine.refile() == 1 and mine.rush() == 2
    assert set(mine.pop(0)) == {one, two} and mine.wake() == 0
