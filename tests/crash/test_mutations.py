"""What keeps the queue whole can not be left out: without any one sync, checksum or kind of record the crash tests are red.

Law: HOSTILE 2.3, I15. A mutation is made in the recording or in the disk that follows from it, so nothing in the product knows
of it: a sync that is ignored forces nothing, and a checksum that is made to fit whatever stands there checks nothing.
"""

import contextlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from pyfix import durable
from pyfix.errors import QueueError
from pyfix.queue import states as kinds
from pyfix.queue.books import Books
from pyfix.queue.reader import Reader
from pyfix.queue.recovery import Disk, recover
from pyfix.queue.store import Store
from tests.fuzz.records import LINKED
from tests.unit.queue.test_damage import fill
from tests.unit.queue.test_store import Bench

from .disk import DATA, NAMES, Base, forced, image, read_in, write_out
from .sites import near, states, syncs, torn
from .spoil import CHECKSUMS, without_records
from .test_failed_sync import refusing
from .test_queue_replay import EMPTY, explore, points, recording, shared
from .workload import EPOCH, Broken, Facts, check

__all__ = ["shared"]
pytestmark = [pytest.mark.crash, pytest.mark.timeout(900)]

SYNCS = ["messages", "messages, head", "names, messages", "state log", "state log, head", "names, state log", "checkpoint", "names, checkpoint",
         "names, free", "copies", "copies, head"]


def missed(path: Path, seed: int, name: str) -> bool:
    """Whether a recording without that sync leads to a disk that breaks a promise."""
    work, ops, inode = recording(path / f"{name.replace(' ', '')}{seed}", 40, seed)
    indexes = syncs(ops)[name]
    ignored = {id(ops[i]) for i in indexes}
    cuts = near(ops, indexes, 12)
    random.Random(seed).shuffle(cuts)
    (path / "state").mkdir(exist_ok=True)
    for cut in cuts[:150]:
        facts = Facts(ops, cut)
        for kept in states(ops, cut, forced(ops, cut, lambda op: id(op) in ignored)):
            write_out(image(EMPTY, ops, kept, inode), path / "state")
            try:
                check(path / "state", work.sent, facts)
            except Broken:
                assert not all(kept.get(i) for i in forced(ops, cut)), "red without the mutation"
                return True
    return False


def test_each_sync_is_in_the_list(shared: Path) -> None:
    _, ops, _ = recording(shared / "sites", 30, 3)
    assert set(syncs(ops)) == set(SYNCS), "another sync: it needs its mutation"


@pytest.mark.parametrize("name", SYNCS)
def test_without_a_sync_it_is_red(shared: Path, name: str) -> None:
    assert any(missed(shared, seed, name) for seed in range(5, 12))


LATER = EPOCH + 10**9
OPERATIONS: dict[str, Callable[[Store, int], object]] = {
    "OP_DONE": lambda store, slot: store.done(slot, [1]),
    "OP_DEFER": lambda store, slot: store.defer(slot, LATER, [(0, "4.2.2", "full")]),
    "OP_NOTE": lambda store, slot: store.note(slot, [(0, "4.2.2", "full")]),
    "OP_REMOVE": lambda store, slot: store.remove(slot),
    "OP_HOLD": lambda store, slot: store.hold(slot),
    "OP_RELEASE": lambda store, slot: (store.hold(slot), store.release(slot)),
    "OP_EXPIRE": lambda store, slot: store.expire(slot),
    "OP_BURY": lambda store, slot: store.bury(slot, "rotten"),
    "OP_WARN": lambda store, slot: store.warn(slot)}


def remembered(path: Path, state: Base) -> list[tuple[object, ...]]:
    """What recovery of a disk knows of its messages."""
    write_out(state, path)
    books = Books(EPOCH // 1_000_000)
    recover(Disk(str(path), lambda line: None), books)
    table = books.table
    return [(table.queue_id(slot), table.state(slot), table.flags(slot) & ~LINKED, table.due(slot), books.pending(slot), books.reason_places(slot))
            for slot in table.walk(0b111110, 0, 100)[0]]


@pytest.mark.parametrize("kind", OPERATIONS)
def test_each_kind_of_record_is_what_its_operation_is_remembered_by(shared: Path, kind: str) -> None:
    path = shared / f"one{kind}"
    path.mkdir()
    durable.record()
    bench = Bench(path)
    bench.send(b"one", nrcpt=2)
    [slot] = bench.admit()
    before = bench.store.state(slot)
    OPERATIONS[kind](bench.store, slot)
    bench.store.sync()
    ops, inode = durable.recorded(), path.stat().st_ino
    must = dict.fromkeys(forced(ops, len(ops)), True)
    bench.writer.close(), bench.store.close()
    (shared / "told").mkdir(exist_ok=True)
    kept = remembered(shared / "told", image(EMPTY, ops, must, inode))
    lost = remembered(shared / "told", image(EMPTY, without_records(ops, getattr(kinds, kind)), must, inode))
    assert before == kinds.INCOMING and kept != lost


def test_each_kind_of_record_is_in_the_list() -> None:
    assert {name for name in vars(kinds) if name.startswith("OP_")} == set(OPERATIONS), "another record: it needs its mutation"


@pytest.mark.parametrize("kind", ["OP_DONE", "OP_REMOVE", "OP_HOLD"])
def test_without_a_kind_of_record_it_is_red(shared: Path, kind: str) -> None:
    for seed in range(5, 12):
        work, ops, inode = recording(shared / f"{kind}{seed}", 40, seed)
        lost, rng = without_records(ops, getattr(kinds, kind)), random.Random(1)
        try:
            explore(shared / "state", work, lost, inode, points(ops, rng, 60), 1, rng)
        except Broken:
            return
    pytest.fail("nobody missed it")


def altered(path: Path, spoil: Callable[[Base], Base]) -> int:
    """Over every bit of a message's envelope: how often a flip sends the message to somebody else."""
    (path / "corrupt").mkdir(parents=True, exist_ok=True)
    place = sorted(fill(path, 3, 40).values())[1]
    state, wrong = read_in(path), 0
    segment = state.names[b"00000001.seg"]
    for at in range(place.offset + 32, place.offset + place.length - 40):
        data = bytearray(state.files[segment])
        data[at] ^= 1 << at % 8
        write_out(spoil(state._replace(files=state.files | {segment: bytes(data)})), path)
        books, reader = Books(0), Reader(str(path))
        recover(Disk(str(path), lambda line: None), books)
        for slot in books.table.walk(0b111110, 0, 100)[0]:
            with contextlib.suppress(QueueError):
                wrong += reader.open(books.table.place(slot))[0].recipients[0].address != b"r@example.com"
    return wrong


def test_without_the_checksum_of_a_records_head_it_is_red(shared: Path) -> None:
    """A torn envelope is no envelope; what the checksum is for is rot."""
    assert altered(shared / "rot", lambda state: state) == 0
    assert altered(shared / "rotten", CHECKSUMS["head of a record"]) > 5


def living(path: Path, state: Base) -> set[bytes]:
    """Ids of the messages that recovery of a disk finds and that can be read."""
    write_out(state, path)
    books, reader, found = Books(0), Reader(str(path)), set()
    recover(Disk(str(path), lambda line: None), books)
    for slot in books.table.walk(0b111110, 0, 1 << 20)[0]:
        with contextlib.suppress(QueueError):
            found.add(reader.open(books.table.place(slot))[0].queue_id)
    return found


def test_without_the_checksum_of_a_segments_head_it_is_red(shared: Path) -> None:
    """A rotten byte of it is seen, and the other copy is used; else all that stands in the segment is lost."""
    path, lost = shared / "heads", 0
    (path / "corrupt").mkdir(parents=True, exist_ok=True)
    sent = fill(path, 3, 40)
    state = read_in(path)
    segment = state.names[b"00000001.seg"]
    for at in range(128):
        data = bytearray(state.files[segment])
        data[at] ^= 1 << at % 8
        rotten = state._replace(files=state.files | {segment: bytes(data)})
        assert living(path, rotten) == set(sent)
        lost += living(path, CHECKSUMS["head of a segment"](rotten)) != set(sent)
    assert lost > 10


def test_without_the_checksum_of_a_cut_it_is_red(shared: Path) -> None:
    """A rotten cut does not count (docs/queue.md); believed, it would take away what was acknowledged."""
    ops, inode = refusing(shared / "refusing", 3)
    kept = {queue_id for word, queue_id in (op[3].split() for op in ops if op[0] == durable.MARK) if word == b"ACK"}
    state = image(EMPTY, ops, dict.fromkeys(forced(ops, len(ops)), True), inode)
    name = next(name for name in state.names if name.endswith(b".cut"))
    path, lost = shared / "cut", 0
    (path / "corrupt").mkdir(parents=True)
    assert kept and living(path, state) == kept
    offset = int.from_bytes(state.files[state.names[name]][:4], "little")
    for at in range(64):
        data = bytearray(state.files[state.names[name]])
        data[at // 8] ^= 1 << at % 8
        rotten = state._replace(files=state.files | {state.names[name]: bytes(data)})
        assert living(path, rotten) >= kept
        lost += not living(path, CHECKSUMS["cut"](rotten)) >= kept
    assert lost == offset.bit_count() > 1, "each bit that is missing makes it lie before what was taken"


@pytest.mark.parametrize("what, sync", [("body of a record", "messages"), ("checkpoint", "checkpoint")])
def test_without_a_checksum_it_is_red(shared: Path, what: str, sync: str) -> None:
    """Cut where a sync begins: all may be there but for one sector."""
    path = shared / "state"
    path.mkdir(exist_ok=True)
    work, ops, inode = recording(shared / what.replace(" ", ""), 20, 7)
    for at in sorted(i for i in syncs(ops)[sync] if ops[i][0] == durable.SYNC_BEGIN):
        for kept in torn(ops, at, forced(ops, at)):
            write_out(CHECKSUMS[what](image(EMPTY, ops, kept, inode)), path)
            try:
                check(path, work.sent, Facts(ops, at))
            except Broken:
                return
    pytest.fail("nobody missed it")


def test_what_replace_returns_from_is_durable(shared: Path) -> None:
    """Copies of what was damaged are the last of it: on disk, name and all; and without either sync they are not."""
    path = shared / "replaced"
    path.mkdir()
    durable.record()
    durable.Directory(str(path)).replace(b"name", b"x" * 5000)
    ops = durable.recorded()
    changes = {i for i, op in enumerate(ops) if op[0] in DATA + NAMES}
    assert forced(ops, len(ops)) == changes
    for kind in (durable.SYNC_BEGIN, durable.DIR_SYNC_BEGIN):
        assert forced(ops, len(ops), lambda op, kind=kind: op[0] in (kind, kind + 1)) < changes
