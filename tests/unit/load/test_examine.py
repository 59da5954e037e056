"""The receiver's look at a message: the mark, however it is cut, and every single changed byte."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from pyfix.load import mix
from pyfix.load.checking import examine
from pyfix.load.traffic import Traffic

TRAFFIC = Traffic(b"run7", 3, *mix.plain("a{u}@b.test", "u{u}@d{d}.test", 90, 9, "200:1,1500:1", "1:1,3:1", ""))


def fnv(data: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def crc32c(data: bytes) -> int:
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def test_the_mark_says_what_was_sent() -> None:
    for number in range(20):
        _, recipients, content = TRAFFIC.example(number, 77)
        body = content.partition(b"\r\n\r\n")[2]
        total = sum(map(fnv, recipients)) % 2**64
        assert examine(content) == ((b"run7", number, len(recipients), total, 77, len(body), crc32c(body)), False, True)


@given(st.integers(0, 50), st.lists(st.integers(0, 2000), max_size=8), st.lists(st.binary(max_size=600), max_size=3))
@settings(max_examples=100)
def test_cuts_and_lines_before_it_change_nothing(number: int, cuts: list[int], lines: list[bytes]) -> None:
    content = TRAFFIC.example(number)[2]
    extra = b"".join(b"X-%d: %b\r\n" % (n, line.replace(b"\r", b"").replace(b"\n", b"")) for n, line in enumerate(lines))
    mark = examine(content)
    assert examine(extra + content, tuple(sorted(min(cut, len(extra + content)) for cut in cuts))) == mark


def test_byte_by_byte() -> None:
    content = TRAFFIC.example(5)[2]
    assert examine(content, tuple(range(1, len(content)))) == examine(content) and examine(content)[2]


def test_any_changed_byte_of_mark_or_body_is_seen() -> None:
    content = TRAFFIC.example(8)[2]
    rng = random.Random(1)
    mark_end, body = content.index(b"\r\n"), content.index(b"\r\n\r\n") + 4
    for at in [*range(len("X-Load: "), mark_end), *range(body, len(content))]:
        other = content[:at] + bytes([content[at] ^ (1 << rng.randrange(7))]) + content[at + 1:]
        mark, damaged, intact = examine(other)
        assert not intact and (at >= body or mark is None and damaged), at


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_rubbish_is_no_mark(line: bytes) -> None:
    assert examine(b"X-Load: " + line.replace(b"\n", b"") + b"\r\n\r\nbody\r\n")[0] is None
    assert examine(line)[2] is False
