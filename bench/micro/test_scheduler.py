"""What a message costs in qmgr: taken from a writer, given to an agent, answered, removed; log lines made.

Run: .venv/bin/python -m pytest bench/micro/test_scheduler.py -o testpaths=. ; the bar is 30 us of CPU a message.
Beside it the frames (msgpack both ways) and a plain-Python heap that makes the same choice.
"""

import heapq
import itertools

import pytest

from pyfix.ipc.connection import decode, encode
from pyfix.ipc.messages import COMMITTED, DELIVER, OUTCOME
from pyfix.qmgr.scheduler import Agent, Limits, Message, Scheduler
from tests.kit.qmgr import Log, World
from tests.oracle.manager import jobs

COUNT, GROUP = 2000, 20


class Silent(Log):
    """A log that forgets."""

    def info(self, text):
        pass


def flow(world, agents, numbers):
    """COUNT messages in groups of GROUP through a manager, with the frames' bytes made and read."""
    from pyfix._core.slots import make_id
    manager, now = world.manager, world.clock.time
    for _ in range(COUNT // GROUP):
        first = next(numbers) * GROUP
        items = [[make_id(i, now), now, i >> 13, 4352 * (i & 8191), 4300, 4096, 0, b"sender@example.org", 1,
                  [["smtp", f"d{i % 10}.example", [0]]]] for i in range(first, first + GROUP)]
        manager.committed(decode(encode([COMMITTED, items])[4:])[1])
        manager.wake()
        while work := manager.dispatch():
            for agent, entries in work:
                given = decode(encode([DELIVER, jobs(entries)])[4:])[1]
                answers = [[one[0], "", [[0, "sent", "2.0.0", "250 2.0.0 Ok: queued"]]] for one in given]
                manager.outcomes(agent, decode(encode([OUTCOME, answers])[4:])[1])
    assert not manager.active


def test_one_message_through_qmgr(benchmark):
    world = World(active_limit=20000)
    world.manager.log = Silent()
    agents, numbers = [world.agent(), world.agent()], itertools.count(1)
    benchmark.extra_info["per_message"] = COUNT
    benchmark(flow, world, agents, numbers)


@pytest.mark.parametrize("sites", [1, 100, 10000])
def test_choice(benchmark, sites):
    """enter, assign, finish, well: the scheduler alone, with messages waiting at many sites."""
    scheduler = Scheduler(lambda name: Limits())
    agent = Agent("smtp", None)
    scheduler.join(agent)
    scheduler.ready(agent, 50)

    def run():
        for i in range(COUNT):
            message = Message(i, b"ABCDEF", 0, 1, 0, 100, 100, 0, b"s@example.org", 1, 0)
            name = f"d{i % sites}.example"
            scheduler.enter(message, "smtp", name, [0], name, 0)
        while scheduler.waiting:
            for who, entries in scheduler.assign(0):
                for entry in entries:
                    scheduler.well(scheduler.finish(who, entry.job).site, 0)
    benchmark(run)


def test_choice_plain_python(benchmark):
    """The least that plain Python can do for the same choice: a heap of (stamp, age, message)."""
    def run():
        heap, clock = [], 0.0
        for i in range(COUNT):
            heapq.heappush(heap, (clock, i, {"name": f"d{i % 100}.example", "recipients": [0], "window": 5}))
        while heap:
            stamp, _, entry = heapq.heappop(heap)
            clock = max(clock + 0.8, stamp)
            entry["window"] = min(entry["window"] + 1, 20)
    benchmark(run)


def test_a_list_and_single_messages(benchmark):
    """A list of 100,000 recipients at one site while single messages come: time for all."""
    def run():
        scheduler = Scheduler(lambda name: Limits())
        agent = Agent("smtp", None)
        scheduler.join(agent)
        scheduler.ready(agent, 20)
        whole = Message(1, b"LIST", 0, 1, 0, 100, 100, 0, b"s@example.org", 100000, 0)
        scheduler.enter(whole, "smtp", "example.com", list(range(100000)), "example.com", 0)
        number = 2
        while scheduler.waiting:
            for who, entries in scheduler.assign(0):
                for entry in entries:
                    scheduler.well(scheduler.finish(who, entry.job).site, 0)
            if number < 500:
                single = Message(number, b"ONE", 0, 1, 0, 100, 100, 0, b"s@example.org", 1, 0)
                scheduler.enter(single, "smtp", "example.com", [0], "example.com", 0)
                number += 1
    benchmark(run)
