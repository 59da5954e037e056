"""The disk is full, the reserve too: what became of messages waits in memory, and is on disk as soon as there is room."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pyfix import durable
from pyfix.errors import DiskFull
from pyfix.queue import backlog
from pyfix.queue.states import ACTIVE, DEFERRED, HOLD, OP_WARN, pack_op
from tests.unit.queue.test_store import EPOCH, Bench

LATER = EPOCH + 10**9


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    found = Bench(tmp_path)
    yield found
    durable.fill_disk(False)
    found.writer.close()
    found.store.close()


def exhaust(bench: Bench, slot: int) -> None:
    """Deferrals fill the state log, until there is no room for one more."""
    for _ in range(4):
        bench.work(20)              # what upkeep wants to write is written
    durable.fill_disk(True)
    (Path(bench.path) / "reserve").unlink(missing_ok=True)
    while not bench.store._backlog:
        bench.store.defer(slot, LATER, [(0, "4.0.0", "x" * 900)])
    with pytest.raises(DiskFull):
        while True:                 # the smallest record of all fits no more
            bench.store._log.append(4, pack_op((OP_WARN, 1)))


def again(bench: Bench) -> None:
    """There is room, and time for a step of upkeep."""
    durable.fill_disk(False)
    bench.store.maintain()


def test_what_is_told_while_there_is_no_room_is_written_later(bench: Bench) -> None:
    ids = [bench.send(b"x" * 50, nrcpt) for nrcpt in (1, 1, 2, 1, 1)]
    filler, removed, half, held, late = bench.admit()
    exhaust(bench, filler)
    bench.store.activate(removed)
    bench.store.remove(removed)
    assert bench.store.done(half, [1]) == 1
    bench.store.hold(held)
    bench.store.defer(late, LATER, [(0, "4.2.2", "mailbox full")])
    assert bench.store.state(removed) == ACTIVE, "its segment would be given free before the disk knows that it is gone"
    assert bench.store.state(late) == DEFERRED and bench.store.reasons(late) == {}
    bench.store.maintain()
    assert bench.store._backlog, "there was room"
    again(bench)
    assert not bench.store._backlog and bench.store.state(removed) == 0
    assert bench.store.reasons(late) == {0: ("4.2.2", "mailbox full")}
    bench.crash()
    assert bench.store.find(ids[1]) == 0
    assert bench.store.pending(bench.store.find(ids[2])) == [0]
    assert bench.store.state(bench.store.find(ids[3])) == HOLD


def test_what_is_removed_meanwhile_is_not_tried_again(bench: Bench) -> None:
    bench.send(b"one"), bench.send(b"two")
    filler, deleted = bench.admit()
    bench.store.defer(deleted, EPOCH)
    exhaust(bench, filler)
    bench.store.remove(deleted)
    bench.store.remove(deleted)                 # postsuper -d finds it still
    assert deleted not in bench.store.due(LATER * 2)
    again(bench)
    assert bench.store.state(deleted) == 0 and not bench.store._backlog


def test_order_is_kept(bench: Bench) -> None:
    queue_id = bench.send(b"one")
    bench.send(b"two")
    slot, filler = bench.admit()
    exhaust(bench, filler)
    for _ in range(3):
        bench.store.hold(slot)
        bench.store.release(slot)
    durable.fill_disk(False)
    bench.store.hold(slot)                      # there is room, and others wait: it goes behind them
    bench.crash()
    assert bench.store.state(bench.store.find(queue_id)) == HOLD


def test_who_waits_for_the_disk_is_told_that_it_is_full(bench: Bench) -> None:
    bench.send(b"one")
    [slot] = bench.admit()
    exhaust(bench, slot)
    told: list[object] = []
    bench.store.synced(told.append)
    assert isinstance(told[0], DiskFull)
    with pytest.raises(DiskFull):
        bench.store.sync()
    durable.fill_disk(False)
    bench.store.synced(told.append)
    bench.store.sync()
    assert told[1:] == [None]


def test_deferrals_that_wait_are_bounded_and_outcomes_are_not(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [bench.send(b"x") for _ in range(30)]
    slots = bench.admit()
    exhaust(bench, slots[0])
    monkeypatch.setattr(backlog, "MOST_LAZY", 10)
    for slot in slots * 3:
        bench.store.defer(slot, LATER, [(0, "4.0.0", "later")])
    assert len(bench.store._backlog) == 10
    for slot in slots:
        bench.store.remove(slot)
    again(bench)
    bench.crash()
    assert not any(map(bench.store.find, ids))
