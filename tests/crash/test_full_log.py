"""The state log finds no room, outcomes wait in memory, room comes back: whenever the power is cut, nothing is lost, revived or partial.

Law: docs/queue.md "Space" (what waits counts as on disk for nobody), HOSTILE 2.1 (ENOSPC).
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from pyfix import durable
from pyfix.errors import DiskFull

from .test_queue_replay import explore, shared
from .workload import Workload

__all__ = ["shared"]
pytestmark = [pytest.mark.crash, pytest.mark.timeout(300)]


@pytest.fixture(autouse=True)
def room() -> Iterator[None]:
    yield
    durable.fill_disk(False)


class Full(Workload):
    """A queue at work whose disk has no room from the first outcome to the last third of them."""

    waited = 0          # records, at the most

    def quiet(self, rounds: int) -> None:
        marks: list[bytes] = []
        durable.fill_disk(True)
        for number in range(rounds):
            if number == rounds * 2 // 3:
                durable.fill_disk(False)
            slots = self.store.scan((1, 3))[0]
            self.put_off(slots[1:], number < rounds // 2)
            marks += [self.deliver(slot) for slot in slots[:2]]
            self.waited = max(self.waited, len(self.store._backlog))
            self.now += 1_100_000
            self.store.maintain()
            self.store.ready()
            with contextlib.suppress(DiskFull):
                self.store.sync()
                for mark in filter(None, marks):
                    durable.mark(b"STUCK " + mark)
                marks.clear()

    def put_off(self, slots: list[int], until_full: bool) -> None:
        """Deferrals fill the state log, and whatever was kept for it."""
        for slot in slots * (24 // max(len(slots), 1) + 1) * (200 if until_full else 1):
            self.store.defer(slot, self.now + 10_000_000, [(i, "4.0.0", "not now") for i in self.store.pending(slot)])
            if until_full and self.store._backlog:
                return


@pytest.mark.parametrize("seed", range(4))
def test_a_power_cut_while_outcomes_wait(shared: Path, seed: int) -> None:
    path = shared / f"full{seed}"
    path.mkdir()
    work = Full(path, seed)
    ops = work.run(24)
    assert work.waited > 5 and not work.store._backlog, "the log never was full, or what waited was not written"
    rng = Random(seed)
    late = sorted(rng.sample(range(len(ops) // 3, len(ops) + 1), 60))
    assert explore(shared / "state", work, ops, path.stat().st_ino, late, 3, rng) > 500
