"""qmgr is killed, its successor goes on, and then the power is cut: nothing the successor built on may be gone.

Law: docs/queue.md "Recovery" (what no later record vouches for is synced before it is admitted), HOSTILE 2.3. The syncs that
only recovery makes are planted as mutations here, for without a kill before it no power cut misses them.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyfix import durable

from .disk import choices, forced, image, write_out
from .second import EMPTY, Lives, lives
from .sites import states, syncs
from .test_queue_replay import points, recording, shared
from .workload import Broken, Facts, Workload, check

__all__ = ["shared"]
pytestmark = [pytest.mark.crash, pytest.mark.timeout(900)]


def both(shared: Path, name: str, seed: int, kills: int, long: float = 0.1) -> Iterator[tuple[Workload, Lives, int]]:
    """Lives whose first was killed while a sync was under way."""
    work, ops, inode = recording(shared / f"{name}{seed}", 30, seed, long)
    starts = [i + 1 for i, op in enumerate(ops) if op[0] == durable.SYNC_BEGIN]
    for cut in random.Random(seed).sample(starts, kills):
        yield work, lives(work, ops, cut, inode, shared / "second"), inode


@pytest.mark.parametrize("seed", range(1, 4))
def test_a_kill_and_then_a_power_cut(shared: Path, seed: int) -> None:
    rng, count = random.Random(seed), 0
    (shared / "state").mkdir(exist_ok=True)
    for work, (ops, second, _), inode in both(shared, "first", seed, 20):
        for cut in [second + at for at in points(ops[second:], rng, 6)]:
            facts = Facts(ops, cut)
            for kept in choices(ops, cut, forced(ops, cut), rng, 2):
                write_out(image(EMPTY, ops, kept, inode), shared / "state")
                check(shared / "state", work.sent, facts)
                count += 1
    assert count > 1000


def missed(shared: Path, seed: int, name: str) -> bool:
    """Whether a power cut in a second life misses that sync of its recovery."""
    rng = random.Random(seed)
    for work, (ops, second, syncs), inode in both(shared, name, seed, 25, 0.7 if name == "content" else 0.1):
        ignored = {id(ops[i]) for i in syncs[name]}
        for cut in [second + at for at in points(ops[second:], rng, 8)] if ignored else []:
            facts, must = Facts(ops, cut), forced(ops, cut)
            for kept in states(ops, cut, forced(ops, cut, lambda op: id(op) in ignored)):   # noqa: B023 - used at once
                write_out(image(EMPTY, ops, kept, inode), shared / "state")
                try:
                    check(shared / "state", work.sent, facts)
                except Broken:
                    assert not all(kept.get(i) for i in must), "red without the mutation"
                    return True
    return False


def test_without_the_sync_of_the_checkpoint_it_uses_it_is_red(shared: Path) -> None:
    """It may be whole in the kernel and not on disk. Where the next one finds no room, segments are freed by what this one says."""
    work, ops, inode = recording(shared / "full", 40, 6)
    (shared / "state").mkdir(exist_ok=True)
    missed = 0
    for cut in sorted(i + 1 for i in syncs(ops)["checkpoint"] if ops[i][0] == durable.SYNC_BEGIN):
        both, second, found = lives(work, ops, cut, inode, shared / "second", full=True)
        ignored = {id(both[i]) for i in found["checkpoint"]}
        for at in [second + at for at in points(both[second:], random.Random(1), 5)]:
            facts, must = Facts(both, at), forced(both, at)
            for kept in [*states(both, at, must), *states(both, at, forced(both, at, lambda op: id(op) in ignored))]:   # noqa: B023
                write_out(image(EMPTY, both, kept, inode), shared / "state")
                try:
                    check(shared / "state", work.sent, facts)
                except Broken:
                    assert not all(kept.get(i) for i in must), "red without the mutation"
                    missed += 1
    assert missed


@pytest.mark.parametrize("name", ["messages", "content"])
def test_without_a_sync_of_recovery_it_is_red(shared: Path, name: str) -> None:
    (shared / "state").mkdir(exist_ok=True)
    assert any(missed(shared, seed, name) for seed in range(1, 8))
