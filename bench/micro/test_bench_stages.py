"""What every message and session passes in compiled code, each beside its plain-Python twin: cleanup, qmgr, smtpd, and a segment's records.

    python -m pytest bench/micro/test_bench_stages.py --benchmark-columns=median,ops
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pyfix._core.slots import make_id
from pyfix.qmgr.parameters import Parameters
from pyfix.queue.scan import scan
from pyfix.smtpd import hot as smtpd
from tests.core.test_scan import written
from tests.fuzz import doors
from tests.fuzz.segments import NUMBER, SALT, SIZE, opened
from tests.fuzz.stages import Link, Side
from tests.oracle import accepting, door, routes
from tests.oracle import scan as plain_scan

COUNT = 200
RECORDS = written(*[b"x" * 100] * 40)
FILE = opened(RECORDS)
BYTES = plain_scan.Segment(bytes(plain_scan.START) + RECORDS, SIZE, SALT, NUMBER)
ADDRESSES = [b"user%d@host%d.example" % (n, n % 7) for n in range(COUNT)]
KNOWN = {address: ("smtp", "h.example", None, doors.DEFAULT) for address in ADDRESSES}


class Resolver(doors.Answers):
    """One that knows all addresses."""

    def __init__(self) -> None:
        self._cache = dict(KNOWN)


@pytest.fixture(scope="module")
def sides() -> Iterator[dict[str, Any]]:
    made = {"core": Side(False), "twin": Side(True)}
    for side in made.values():
        side.manager.parameters = Parameters(limits=side.parameters.limits, active_limit=10 * COUNT)
        side.join("lmtp", 10 * COUNT)
    yield made
    for side in made.values():
        side.store.close()
        side.directory.cleanup()


class Swallow(Link):
    """A connection that keeps nothing."""

    def send_now(self, message: list[Any]) -> None:
        pass


def through(side: Side, numbers: Iterator[int]) -> int:
    """Messages come, go out, and are sent."""
    side.log.clear()
    items = [[make_id(n, 0), side.clock.time, 1, n * 4096, 4000, 1000, 0, b"s@example.org", 1, [["lmtp", f"d{n % 10}.example", [0]]]]
             for n in itertools.islice(numbers, COUNT)]
    side.manager.committed(items)
    while work := side.manager.dispatch():
        for agent, entries in work:
            side.manager.outcomes(agent, [[entry.job, "", entry.recipients] for entry in entries])
    return len(side.log)


NUMBERS = {"core": itertools.count(1), "twin": itertools.count(1)}


@pytest.mark.parametrize("way", ["core", "twin"])
def test_manager(benchmark: Any, sides: dict[str, Any], way: str) -> None:
    benchmark.group = "manager"
    assert benchmark(through, sides[way], NUMBERS[way]) == 2 * COUNT


def message_core() -> tuple[int, int]:
    """A message of many recipients, from its end to its notice."""
    stage = doors.Stage(0)
    stage.resolver = Resolver()
    intake = stage.intake(doors.origin_of(0)[0])
    intake.sender, intake.recipients = b"joe@a.example", [doors.Recipient(address) for address in ADDRESSES]
    intake.start()
    intake.put(doors.HEADER)
    intake.finish(0, lambda reply: None)
    stage.on_group([(intake, (3, 4096, 500), None)])
    return len(stage.waiting[0][0]) - len(b"%d" % intake.arrival), len(stage.notices[0])


def message_twin() -> tuple[int, int]:
    one = accepting.Message(b"000001", b"joe@a.example", ADDRESSES)
    sender, places = accepting.queued_sender(one, {}), accepting.routes(one, KNOWN)
    assert sender and places
    now, size = 1_800_000_000_000_000, 150
    return (len(accepting.head(one, sender, places, now, size, 7)) - len(b"%d" % now),
            len(accepting.notice(one, sender, places, now, size, (3, 4096, 500))))


SETTINGS = doors.Settings(3, [])
SETTINGS.resolver = Resolver()


CACHE = doors.Resolver(1)
ROUTES = routes.Routes(True, False, doors.route)


PAIRS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "segment": (lambda: tuple(scan(FILE)), lambda: plain_scan.scan(BYTES)),
    "message": (message_core, message_twin),
    "cache": (lambda: [CACHE.cached(address) for address in ADDRESSES], lambda: [ROUTES.cached(address, b"") for address in ADDRESSES]),
    "door": (lambda: [smtpd.welcome(SETTINGS, address, b"") for address in ADDRESSES],
             lambda: [door.welcome(KNOWN.get(address), True, True, False) for address in ADDRESSES]),
}


@pytest.mark.parametrize("way", ["core", "twin"])
@pytest.mark.parametrize("name", PAIRS)
def test_stages(benchmark: Any, name: str, way: str) -> None:
    benchmark.group = name
    core, twin = PAIRS[name]
    assert benchmark(core if way == "core" else twin) == twin()
