"""Every disk that a crash may leave is recovered: nothing acknowledged is lost, partial, or revived.

Law: docs/queue.md "What the disk promises". A recording of the queue at work is cut at many points; for each, the disks that
POSIX allows are built and recovered. test_mutations shows that this can fail.
"""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pyfix import durable
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


def recording(path: Path, rounds: int, seed: int = 1, long: float = 0.1) -> tuple[Workload, list[Op], int]:
    """Run the workload; it, its operations, and the directory's inode."""
    path.mkdir(exist_ok=True)
    work = Workload(path, seed, long)
    return work, work.run(rounds), path.stat().st_ino


def points(ops: list[Op], rng: random.Random, count: int) -> list[int]:
    """Where to cut: after operations that matter, spread over the whole."""
    places = [i + 1 for i, op in enumerate(ops) if op[0] in DATA + NAMES + (durable.MARK, durable.SYNC_END)]
    return sorted(rng.sample(places, min(count, len(places))))


def explore(path: Path, work: Workload, ops: list[Op], inode: int, cuts: list[int], rounds: int, rng: random.Random,
            spoil: Callable[[Base], Base] = lambda state: state) -> int:
    """Check all states of all cuts; how many there were. Broken."""
    path.mkdir(exist_ok=True)
    count = 0
    for cut in cuts:
        facts = Facts(ops, cut)
        for kept in choices(ops, cut, forced(ops, cut), rng, rounds):
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
@pytest.mark.parametrize("seed", range(5))
def test_thousands_of_crash_states(shared: Path, seed: int) -> None:
    work, ops, inode = recording(shared / f"w{seed}", 60, seed)
    rng = random.Random(seed)
    kinds = {op[0] for op in ops}
    assert kinds >= {durable.CREATE, durable.WRITE, durable.RENAME, durable.ALLOCATE, durable.SYNC_END, durable.DIR_SYNC_END}
    assert explore(shared / "state", work, ops, inode, points(ops, rng, 120), 4, rng) > 2000


@pytest.mark.crash
@pytest.mark.timeout(900)
def test_a_crash_during_recovery(shared: Path) -> None:
    work, ops, inode = recording(shared / "r", 30, 9)
    rng = random.Random(3)
    path = shared / "state"
    path.mkdir(exist_ok=True)
    for cut in points(ops, rng, 60):
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
