"""The law that a run is checked against: every message is in exactly one state, with a next step, and nobody is lost or served twice."""

from __future__ import annotations

from collections import Counter

from pyfix._core.slots import split_id
from pyfix.qmgr.parameters import SECOND
from pyfix.queue.states import ACTIVE, DEFERRED, INCOMING, NAMES

from bench.sim.world import Simulation


def audit(simulation: Simulation) -> None:
    """Compares qmgr's state, the queue's and the fake Internet's books at this moment. AssertionError: what is wrong."""
    store, manager = simulation.store, simulation.manager
    places: Counter[int] = Counter()
    waiting = set(manager.incoming) | set(manager.due)
    cursor = 0
    while True:
        slots, cursor = store.scan(NAMES, cursor, 10_000)
        for slot in slots:
            places[split_id(store.queue_id(slot))[0]] += 1
            wrong = step_missing(simulation, slot, waiting)
            assert not wrong, f"message {split_id(store.queue_id(slot))[0]} ({NAMES[store.state(slot)]}): {wrong}"
        if not cursor:
            break
    there = simulation.born.keys() - simulation.gone.keys()
    assert places.keys() == there, f"in the queue {len(places)}, still to be delivered {len(there)}"
    assert set(places.values()) <= {1}, "a message is in two places"
    pending = sum(message.pending for message in manager.active.values())
    scheduler = manager.scheduler
    assert pending == scheduler.waiting + scheduler.busy, f"{pending} deliveries, {scheduler.waiting} wait, {scheduler.busy} out"
    assert not there or manager.next_time() is not None or scheduler.busy, "messages, and nothing that will happen"


def step_missing(simulation: Simulation, slot: int, waiting: set[int]) -> str:
    """What keeps a message from going on, "" for nothing."""
    store, manager = simulation.store, simulation.manager
    state, active = store.state(slot), manager.active.get(slot)
    if state == DEFERRED:
        latest = manager.parameters.maximal_backoff + manager.parameters.queue_run_delay + 2 * SECOND
        due = store.message(slot).due * SECOND
        if not 0 < due <= simulation.clock.time + latest:
            return f"due at {due}, now {simulation.clock.time}"
        return "active too" if active else ""
    if state == ACTIVE:
        return "" if active and active.pending > 0 else "no delivery under way"
    if state == INCOMING:
        return "" if slot in waiting and not active else "nobody waits for it"
    return ""


def settled(simulation: Simulation) -> None:
    """At the end: all messages left, each recipient was accepted or refused once and no more. AssertionError: what is wrong."""
    assert simulation.born.keys() == simulation.gone.keys(), f"{len(simulation.born) - len(simulation.gone)} are still queued"
    taken: Counter[int] = Counter()
    for provider in simulation.internet.providers.values():
        for books in (provider.accepted, provider.rejected):
            assert not books or max(books.values()) == 1, f"{provider.name}: a recipient was served twice"
            taken.update(number for number, _ in books)
    failed = simulation.reports.sent["failure"]
    short = sum(taken[number] < count for number, count in simulation.recipients.items())
    assert short <= failed, f"{short} messages left with recipients nobody heard of"
