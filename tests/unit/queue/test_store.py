"""The store: states survive a restart with and without a checkpoint; space is given back; damage costs one message."""

import os
from pathlib import Path

import pytest

from pyfix.errors import DiskFull, QueueError
from pyfix.model import Envelope, Recipient
from pyfix.queue.envelope import pack
from pyfix.queue.reader import Reader
from pyfix.queue.states import CORRUPT, DEFERRED, HOLD, INCOMING
from pyfix.queue.store import Store
from pyfix.queue.writer import Writer

SIZE = 1 << 17
EPOCH = 1_700_000_000_000_000


class Clock:
    """Time that the test moves."""

    now = EPOCH

    def __call__(self) -> int:
        return self.now


class Bench:
    """A store and a writer on one directory."""

    def __init__(self, path: Path) -> None:
        self.path, self.clock = str(path), Clock()
        self.notices: list[list[object]] = []
        self.open()
        self.writer = Writer(self.path, "smtpd.0", None, self.on_group, segment_size=SIZE)

    def open(self) -> None:
        self.store = Store(self.path, self.clock, segment_size=SIZE)
        self.recovered = self.store.recover()

    def on_group(self, group: list) -> None:
        for (envelope, nrcpt), place, error in group:
            assert error is None
            self.notices.append([envelope.queue_id, envelope.arrival, *place, envelope.size, envelope.flags,
                                 envelope.sender, nrcpt, []])

    def send(self, body: bytes, nrcpt: int = 1, flags: int = 0, chunk: int = 0) -> bytes:
        queue_id = self.writer.new_id()
        extents = [self.writer.chunk(body[i:i + chunk]) for i in range(0, len(body), chunk)] if chunk else []
        recipients = [Recipient(b"r%d@example.com" % i, transport="smtp") for i in range(nrcpt)]
        envelope = Envelope(queue_id, EPOCH, b"a@example.org", flags, len(body), recipients=recipients, extents=extents)
        self.writer.commit(pack(envelope), None if chunk else body, (envelope, nrcpt), extents)
        return queue_id

    def admit(self) -> list[int]:
        self.writer.wait()
        slots = [self.store.admit(notice) for notice in self.notices]
        self.notices.clear()
        return slots

    def crash(self) -> None:
        """The process is gone without a word (what it appended is on disk)."""
        self.store.sync()
        self.store._upkeep.close()
        self.store._log.close()
        os.close(self.store._owner)
        self.open()

    def work(self, steps: int = 60) -> list[int]:
        """Upkeep; the slots that it found."""
        found = []
        for _ in range(steps):
            self.clock.now += 1_100_000
            found += self.store.maintain()
            self.store.sync()
            self.store.ready()
            if self.store._upkeep._thread:
                self.store._upkeep._thread.join()
            if self.store._upkeep._copies:
                self.store._upkeep._copies.wait()
        return found

    def picture(self) -> dict[bytes, tuple[object, ...]]:
        """All that the store says of all messages."""
        out, cursor = {}, 0
        while True:
            slots, cursor = self.store.scan((1, 2, 3, 4, 5), cursor, 7)
            for slot in slots:
                m = self.store.message(slot)
                state = INCOMING if m.state == 2 else m.state
                out[m.queue_id] = (state, m.flags, m.size, m.due, m.tries if m.due else 0, m.place,
                                   tuple(self.store.pending(slot)), tuple(sorted(self.store.reasons(slot).items())))
            if not cursor:
                return out


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def mixture(bench: Bench, count: int = 90) -> list[int]:
    """Messages in all states and with all kinds of outcomes."""
    for i in range(count):
        bench.send(os.urandom(3000), 1 + i % 3, chunk=700 if i % 10 == 9 else 0)
    slots = bench.admit()
    assert all(slots)
    for i, slot in enumerate(slots):
        bench.store.activate(slot)
        if i % 6 == 0:
            assert bench.store.done(slot, [0]) == 0
            bench.store.remove(slot)
        elif i % 6 == 1:
            assert bench.store.done(slot, [1]) == 1
            bench.store.defer(slot, EPOCH + 5_000_000 + i, [(0, "4.1.1", f"no {i}")])
        elif i % 6 == 2:
            bench.store.note(slot, [(2, "4.0.0", "two")])
            bench.store.defer(slot, EPOCH + 9_000_000, [(0, "4.1.1", "one"), (1, "4.2.2", "q\udcff")])
        elif i % 6 == 4:
            bench.store.defer(slot, EPOCH + 70_000_000, [(0, "4.1.1", "one")])
    bench.store.hold(slots[1])
    bench.store.expire(slots[2])
    bench.store.warn(slots[4])
    bench.store.hold(slots[7])
    bench.store.release(slots[7])
    return slots


def test_states_survive_a_restart_with_and_without_checkpoint(bench: Bench) -> None:
    slots = mixture(bench)
    before = bench.picture()
    assert [slot for slot in slots if bench.store.state(slot) and bench.store.is_warned(slot)] == [slots[4]]
    assert bench.store.reasons(slots[2]) == {0: ("4.1.1", "one"), 1: ("4.2.2", "q\udcff"), 2: ("4.0.0", "two")}
    bench.crash()
    assert bench.picture() == before and bench.recovered.warnings == []
    bench.store.close()
    bench.open()
    assert bench.picture() == before and bench.recovered.warnings == []


def test_a_checkpoint_taken_while_the_queue_works(bench: Bench) -> None:
    mixture(bench)
    bench.clock.now += 61_000_000
    turn = 0
    while bench.store._upkeep._image is None or turn < 40:
        bench.store.maintain()
        bench.send(b"more" * 20, 1 + turn % 2)
        for slot in bench.admit():
            bench.store.activate(slot)
            bench.store.defer(slot, EPOCH + turn, [(0, "4.0.0", f"turn {turn}")])
        found, _ = bench.store.scan((DEFERRED,), turn, 1)
        if turn % 3 == 0 and found:
            bench.store.remove(found[0])
        turn += 1
    before = bench.picture()
    bench.crash()
    assert bench.picture() == before


def test_a_notice_seen_before_is_dropped(bench: Bench) -> None:
    bench.send(b"x")
    bench.writer.wait()
    notice = bench.notices[0]
    slot = bench.store.admit(notice)
    assert slot and bench.store.admit(notice) == 0
    bench.store.remove(slot)
    assert bench.store.admit(notice) == 0


def test_a_notice_that_comes_after_its_segment_was_freed_is_dropped(bench: Bench) -> None:
    while len(list(Path(bench.path).glob("*.seg"))) < 4:
        bench.send(os.urandom(3000), chunk=0)
        bench.writer.wait()
    late, bench.notices = bench.notices, []
    bench.work()
    first = Path(bench.path) / f"{late[0][2]:08x}.seg"
    assert first.exists()
    for slot in bench.store.scan((INCOMING,))[0]:
        bench.store.remove(slot)
    bench.work()
    assert not first.exists()
    gone = [notice for notice in late if notice[2] == late[0][2]]
    assert len(gone) > 5 and [bench.store.admit(notice) for notice in gone] == [0] * len(gone)
    gone[0][8] = 2
    assert bench.store.admit(gone[0]) == 0
    assert len(bench.store) == 0
    bench.work()


def test_what_a_writer_committed_without_telling_is_found(bench: Bench) -> None:
    told = bench.send(b"x")
    bench.admit()
    silent = [bench.send(b"y" * 1000, chunk=400), bench.send(b"z", flags=16)]
    bench.writer.wait()
    slots = bench.store.writer_here("smtpd.0")
    assert [bench.store.queue_id(slot) for slot in slots] == silent
    assert bench.store.state(slots[1]) == HOLD
    assert bench.admit() == [0, 0]
    late = bench.send(b"w")
    bench.writer.close()
    slots = bench.store.writer_gone("smtpd.0")
    assert [bench.store.queue_id(slot) for slot in slots] == [late]
    assert bench.store.find(told)


def pair_in_one_group(bench: Bench, chunk: int) -> list[bytes]:
    """Two messages of one group, so that the second's record does not vouch for the first's; all before them are admitted."""
    groups: list[int] = []
    bench.writer.on_group = lambda group: (groups.append(len(group)), bench.on_group(group))
    for _ in range(200):
        bench.send(b"before")           # while it is synced the next ones gather
        sent = [bench.send(os.urandom(3000), chunk=chunk), bench.send(b"next")]
        bench.writer.wait()
        before, bench.notices[:] = bench.notices[:-2], bench.notices[-2:]
        assert all(bench.store.admit(notice) for notice in before)
        if groups[-1] >= 2:
            return sent
        bench.admit()
    raise AssertionError("no two messages ever came into one group")


@pytest.mark.parametrize("chunk", [0, 1000])
def test_a_record_that_its_writer_is_in_the_middle_of_is_read_when_it_is_whole(bench: Bench, chunk: int) -> None:
    """A reader beside a write sees any part of it: here the head is there, and the end of the body is not."""
    sent = pair_in_one_group(bench, chunk)
    known = len(bench.store)
    segment, offset, length = bench.notices[0][2:5]
    at = offset + length - 700 if not chunk else offset - 700
    with open(Path(bench.path) / f"{segment:08x}.seg", "r+b", buffering=0) as file:
        whole = os.pread(file.fileno(), 600, at)
        os.pwrite(file.fileno(), bytes(600), at)
        assert bench.store.writer_here("smtpd.0") == []
        os.pwrite(file.fileno(), whole, at)
    bench.store.writer_here("smtpd.0")          # as when another segment of this writer is to be freed
    assert [bench.store.find(queue_id) != 0 for queue_id in sent] == [True, True]
    assert bench.admit() == [0, 0]
    assert len(bench.store) == known + 2


def test_a_record_that_was_seen_half_written_is_taken_by_its_notice(bench: Bench) -> None:
    bench.send(os.urandom(3000))
    bench.writer.wait()
    segment, offset, length = bench.notices[0][2:5]
    with open(Path(bench.path) / f"{segment:08x}.seg", "r+b", buffering=0) as file:
        whole = os.pread(file.fileno(), 64, offset + length - 64)
        os.pwrite(file.fileno(), bytes(64), offset + length - 64)
        bench.store.writer_here("smtpd.0")
        os.pwrite(file.fileno(), whole, offset + length - 64)
    assert all(bench.admit())


def test_a_message_that_no_notice_tells_of_is_found_by_looking(bench: Bench) -> None:
    """Whatever became of the notice, it waits for no restart; one that is only late is none that is missing."""
    told, untold = bench.send(b"x"), bench.send(b"y")
    bench.writer.wait()
    assert bench.store.admit(bench.notices[0])
    assert [bench.store.queue_id(slot) for slot in bench.work()] == [untold]
    assert bench.store.find(told) and bench.store.admit(bench.notices[1]) == 0
    assert [line for line in bench.recovered.warnings if "no notice of them came" in line] != []
    late = bench.send(b"z")
    bench.writer.wait()
    bench.work(12)
    assert bench.store.find(late) == 0
    assert bench.store.admit(bench.notices[2])


def test_what_upkeep_finds_reaches_the_scheduler_on_a_full_disk_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise DiskFull("no room for the reserve")
    monkeypatch.setattr(bench.store._upkeep, "_renew_reserve", full)
    queue_id = bench.send(b"x")
    bench.writer.wait()
    assert [bench.store.queue_id(slot) for slot in bench.work()] == [queue_id]


def test_space_is_given_back(bench: Bench) -> None:
    slots = mixture(bench, 300)
    kept = [slot for i, slot in enumerate(slots) if bench.store.state(slot) and i % 45 == 10]
    for slot in slots:
        if bench.store.state(slot) and slot not in kept:
            bench.store.remove(slot)
    before = bench.picture()
    left = [Path(bench.path) / f"{number:08x}.seg" for number in {v[5][0] for v in before.values()}]
    bench.work()
    after = bench.picture()
    moved = [path for path in left if int(path.name[:8], 16) not in {v[5][0] for v in after.values()}]
    assert len(moved) >= 3 and all(path.exists() for path in moved)     # kept until both checkpoints know the copies
    bench.store.checkpoint()
    bench.store.checkpoint()
    bench.work(10)
    assert [v[:5] + v[6:] for v in after.values()] == [v[:5] + v[6:] for v in before.values()]
    assert not any(path.exists() for path in moved) and list(Path(bench.path).glob("*.free"))
    assert os.path.getsize(Path(bench.path) / "reserve") == SIZE
    reader = Reader(bench.path)
    for queue_id, entry in after.items():
        envelope, content = reader.open(entry[5])
        assert envelope.queue_id == queue_id and len(bytes(content)) == 3000
    bench.crash()
    assert bench.picture() == after and bench.recovered.warnings == []
    bench.store.close()
    bench.open()
    assert bench.picture() == after
    for slot in bench.store.scan((1, 3, 4), 0)[0]:
        bench.store.remove(slot)
    bench.writer.close()
    bench.store.checkpoint()
    bench.store.checkpoint()
    bench.work()
    assert len(list(Path(bench.path).glob("*.seg"))) <= 5


def test_a_live_writers_chunks_are_not_given_free(bench: Bench) -> None:
    queue_id = bench.writer.new_id()
    body = os.urandom(SIZE * 3)
    extents = [bench.writer.chunk(body[i:i + 30000]) for i in range(0, len(body), 30000)]
    bench.work()
    envelope = Envelope(queue_id, EPOCH, b"a@example.org", 0, len(body), recipients=[Recipient(b"b@example.com")],
                        extents=extents)
    bench.writer.commit(pack(envelope), None, (envelope, 1), extents)
    bench.writer.wait()
    bench.work()                    # the notice is still under way
    slot = bench.store.find(queue_id)
    assert slot and bytes(Reader(bench.path).open(bench.store.place(slot))[1]) == body


def test_a_record_damaged_at_run_time_is_buried(bench: Bench) -> None:
    bench.send(b"good")
    bench.send(b"bad")
    good, bad = bench.admit()
    path = bench.store.bury(bad, "checksum")
    assert b"bad" in Path(path).read_bytes()
    bench.crash()
    states = {entry[0] for entry in bench.picture().values()}
    assert states == {INCOMING, CORRUPT}


def test_one_store_at_a_time(bench: Bench) -> None:
    with pytest.raises(QueueError):
        Store(bench.path).recover()


def test_without_any_checkpoint_everything_is_held(bench: Bench) -> None:
    mixture(bench)
    bench.store.sync()
    bench.store._log.close()
    os.close(bench.store._owner)
    for path in Path(bench.path).glob("checkpoint*"):
        path.unlink()
    bench.open()
    assert {entry[0] for entry in bench.picture().values()} == {HOLD}
    assert any("hold" in line for line in bench.recovered.warnings)
