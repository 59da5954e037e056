"""Every disk that a crash may leave is recovered: nothing acknowledged is lost, partial, or revived.

Law: docs/queue.md "What the disk promises". A recording of the queue at work is cut at many points; for each, the disks that
POSIX allows are built and recovered. The mutations show that the test can fail: without any one sync it does.
"""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pyfix import durable
from pyfix._core import frame
from pyfix.queue.store import Store

from .disk import DATA, NAMES, Base, Op, choices, forced, image, read_in, write_out
from .workload import SIZE, Broken, Facts, Workload, check

EMPTY = Base({}, {})


@pytest.fixture(scope="module")
def shared() -> Iterator[Path]:
    """A directory in memory where there is one: thousands of small files are written."""
    import shutil
    import tempfile
    path = Path(tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    yield path
    shutil.rmtree(path)


def recording(path: Path, rounds: int, seed: int = 1) -> tuple[Workload, list[Op], int]:
    """Run the workload; it, its operations, and the directory's inode."""
    path.mkdir(exist_ok=True)
    work = Workload(path, seed)
    return work, work.run(rounds), path.stat().st_ino


def points(ops: list[Op], rng: random.Random, count: int) -> list[int]:
    """Where to cut: after operations that matter, spread over the whole."""
    places = [i + 1 for i, op in enumerate(ops) if op[0] in DATA + NAMES + (durable.MARK, durable.SYNC_END)]
    return sorted(rng.sample(places, min(count, len(places))))


def explore(path: Path, work: Workload, ops: list[Op], inode: int, cuts: list[int], rounds: int, rng: random.Random,
            ignore: Callable[[Op], bool] = lambda op: False, spoil: Callable[[Base], Base] = lambda state: state) -> int:
    """Check all states of all cuts; how many there were. Broken."""
    path.mkdir(exist_ok=True)
    count = 0
    for cut in cuts:
        facts = Facts(ops, cut)
        for kept in choices(ops, cut, forced(ops, cut, ignore), rng, rounds):
            write_out(spoil(image(EMPTY, ops, kept, inode)), path)
            first = check(path, work.sent, facts)
            count += 1
            if count % 10 == 0:
                assert check(path, work.sent, facts) == first, "I6: recovery changes what it finds"
    return count


def test_some_crash_states(shared: Path) -> None:
    work, ops, inode = recording(shared / "a", 12)
    rng = random.Random(2)
    assert explore(shared / "state", work, ops, inode, points(ops, rng, 25), 3, rng) > 200


@pytest.mark.crash
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(4))
def test_thousands_of_crash_states(shared: Path, seed: int) -> None:
    work, ops, inode = recording(shared / f"w{seed}", 60, seed)
    rng = random.Random(seed)
    kinds = {op[0] for op in ops}
    assert kinds >= {durable.CREATE, durable.WRITE, durable.RENAME, durable.ALLOCATE, durable.SYNC_END, durable.DIR_SYNC_END}
    assert explore(shared / "state", work, ops, inode, points(ops, rng, 120), 8, rng) > 1500


@pytest.mark.crash
@pytest.mark.timeout(900)
def test_a_crash_during_recovery(shared: Path) -> None:
    work, ops, inode = recording(shared / "r", 30, 9)
    rng = random.Random(3)
    path = shared / "state"
    path.mkdir(exist_ok=True)
    for cut in points(ops, rng, 30):
        facts = Facts(ops, cut)
        kept = rng.choice(list(choices(ops, cut, forced(ops, cut), rng, 3)))
        write_out(image(EMPTY, ops, kept, inode), path)
        base = read_in(path)
        durable.record()
        store = Store(str(path), segment_size=SIZE, warn=lambda line: None)
        store.recover()
        store.close()
        again = durable.recorded()
        for second in points(again, rng, 6):
            for kept in choices(again, second, forced(again, second), rng, 2):
                write_out(image(base, again, kept, path.stat().st_ino), path)
                check(path, work.sent, facts)


# ---- what must turn it red

def inodes(ops: list[Op], kind: int, base: Callable[[bytes], bool]) -> set[int]:
    """Inodes of the files created under names that `base` picks."""
    return {op[2] for op in ops if op[0] == durable.CREATE and base(op[3])}


def segments(ops: list[Op], kind: int) -> set[int]:
    """Inodes of files that were once segments of a kind (1 messages, 4 state log)."""
    return {op[1] for op in ops if op[0] == durable.WRITE and op[2] == 0
            and (head := frame.segment_read(op[3])) is not None and head[1] == kind}


def no_sync_of(chosen: set[int]) -> Callable[[Op], bool]:
    return lambda op: op[0] in (durable.SYNC_BEGIN, durable.SYNC_END) and op[1] in chosen


MUTATIONS = {
    "message segments": lambda ops: no_sync_of(segments(ops, 1)),
    "state log": lambda ops: no_sync_of(segments(ops, 4)),
    "checkpoint": lambda ops: no_sync_of(inodes(ops, 0, lambda name: name == b"checkpoint.new")),
    "directory": lambda ops: lambda op: op[0] in (durable.DIR_SYNC_BEGIN, durable.DIR_SYNC_END),
}


@pytest.mark.crash
@pytest.mark.timeout(600)
@pytest.mark.parametrize("what", MUTATIONS)
def test_without_a_sync_it_is_red(shared: Path, what: str) -> None:
    work, ops, inode = recording(shared / f"m-{what.replace(' ', '')}", 40, 5)
    rng = random.Random(1)
    with pytest.raises(Broken):
        explore(shared / "state", work, ops, inode, points(ops, rng, 150), 8, rng, MUTATIONS[what](ops))


@pytest.mark.crash
@pytest.mark.timeout(600)
def test_without_done_records_it_is_red(shared: Path) -> None:
    work, ops, inode = recording(shared / "d", 30, 6)
    states = segments(ops, 4)
    lost = [(op[0], op[1], op[2], bytes(len(op[3])), op[4]) if op[0] == durable.WRITE and op[1] in states and op[2]
            else op for op in ops]
    rng = random.Random(1)
    with pytest.raises(Broken):
        explore(shared / "state", work, lost, inode, points(ops, rng, 80), 2, rng)


def restamp(state: Base) -> Base:
    """As if nobody looked at checksums: whatever has a record's header gets right ones."""
    files = dict(state.files)
    for name, inode in state.names.items():
        data = bytearray(files.get(inode, b""))
        head = frame.segment_read(bytes(data[:4096]))
        if not name.endswith(b".seg") or head is None:
            continue
        number, _, _, salt, _ = head
        for at in range(4096, len(data) - 32, 8):
            magic, length, offset, durable_mark, head_length, kind = (
                int.from_bytes(data[at + 4 * i:at + 4 * i + 4], "little") for i in range(6))
            if magic == salt & 0xffffffff and offset == at and 32 + head_length <= length <= len(data) - at:
                whole = bytes(data[at + 32:at + length])
                data[at:at + (length + 7) // 8 * 8] = frame.encode(kind, whole[:head_length], whole[head_length:], salt,
                                                                   number, at, durable_mark)
        files[inode] = bytes(data)
    return Base(state.names, files)


@pytest.mark.crash
@pytest.mark.timeout(600)
def test_without_checksums_it_is_red(shared: Path) -> None:
    work, ops, inode = recording(shared / "c", 20, 7)
    rng = random.Random(1)
    with pytest.raises(Broken):
        explore(shared / "state", work, ops, inode, points(ops, rng, 80), 2, rng, spoil=restamp)
