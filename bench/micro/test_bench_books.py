"""Records, tables and books, each beside its plain-Python twin or a library's: frames, envelopes, slots, timers, counts, cdb, deliveries.

    python -m pytest bench/micro/test_bench_books.py --benchmark-columns=median,ops
"""

from collections.abc import Callable
from typing import Any

import pytest

from bench.gate.operations import CONTENT
from pyfix._core import frame, slots, wheel
from pyfix._core.hashbuild import Builder
from pyfix._core.hashmap import Reader
from pyfix.maps.cdbfile import Cdb, build
from pyfix.model import Envelope, Recipient
from pyfix.queue import envelope
from pyfix.smtpd.tally import SLOT, Tally
from tests.fuzz.records import BASE, Desk, admitted, vars_of
from tests.oracle import cdb as plain_cdb
from tests.oracle import frame as plain_frame
from tests.oracle import ledger as plain_ledger
from tests.oracle import queue_envelope as plain_envelope
from tests.oracle import slots as plain_slots
from tests.oracle import tally as plain_tally
from tests.oracle import way as plain_way
from tests.oracle import wheel as plain_wheel
from tests.unit.deliver.test_way import ADDRESSES, Site, Walker, deliver

MESSAGE = Envelope(b"4F2A13C05D", 1_700_000_000_000_000, b"sender@example.org", 1, 4096, attributes={"client_name": "mx.example"},
                   recipients=[Recipient(b"r%d@example.com" % n, transport="smtp", nexthop="example.com") for n in range(5)])
PACKED = envelope.pack(MESSAGE)
RECORD = frame.encode(1, PACKED, CONTENT, 7, 1, 4096, 4096)
PLACE = (7, 1, 4096, 1 << 20)


def image_of(entries: list[tuple[bytes, bytes]]) -> bytes:
    """A table image."""
    builder = Builder(seed=bytes(16))
    for key, value in entries:
        builder.add(key, value)
    return bytes(builder.image()[0])


ENTRIES = [(b"user%d@example.com" % n, b"value%d" % n) for n in range(1000)]
FILE = bytes(build(ENTRIES))
READER = Cdb(FILE)
DICT = dict(ENTRIES)
IMAGE = Reader(image_of(ENTRIES))
IDS = [slots.make_id(n, 0) for n in range(1, 200)]
SERVERS = ["mx"]


def slots_by(table: Any, add: Callable[[Any, int], None], find: Callable[[Any, int], Any]) -> int:
    """Messages come and are looked for."""
    for n in range(1, 200):
        add(table, n)
    return sum(1 for n in range(1, 400) if find(table, n))


def slots_core() -> int:
    return slots_by(slots.SlotTable(1), lambda table, n: table.add(IDS[n - 1], 0, 1, 4096, 4000, 4000, 0), lambda table, n: table.find_number(n))


def slots_twin() -> int:
    return slots_by(plain_slots.SlotTable(), lambda table, n: table.add(IDS[n - 1], n, 1), lambda table, n: table.slots.get(n))


TABLE = slots.SlotTable(1)
NUMBERS = [TABLE.add(one, 0, 1, 4096, 4000, 4000, 0, 3) for one in IDS]


def timers_core() -> list[int]:
    timers = wheel.Wheel(TABLE, BASE)
    for number in NUMBERS:
        timers.insert(number, BASE + number % 50)
    return sorted(number for second in range(50) for number in timers.pop(BASE + second))


def timers_twin() -> list[int]:
    timers, found = plain_wheel.Wheel(BASE), []
    for number in NUMBERS:
        timers.insert(number, BASE + number % 50)
    for second in range(50):
        for number in timers.pop(BASE + second, 1000):
            timers.cancel(number)
            found.append(number)
    return sorted(found)


def counted(table: Any) -> list[int]:
    """Clients come, send and go."""
    found = []
    for key in range(1, 100):
        found += [table.connect(key, 1), table.count(key, 2, 1), table.leave(key)]
    return found


NOTICES = [[one, 0, 1, 4096 * n, 4000, 3000, 0, b"s@x.example", 1] for n, one in enumerate(IDS, 1)]


def books_core() -> int:
    desk = Desk()
    desk.segment(1)
    for notice in NOTICES:
        admitted(desk, notice)
    for number in range(1, 200):
        desk.activate(desk.table.find_number(number))
    return desk.segment(1).live


def books_twin() -> int:
    desk = plain_ledger.Ledger({1: plain_ledger.Segment()})
    for number, notice in enumerate(NOTICES, 1):
        desk.admit(number, notice)
    for number in range(1, 200):
        desk.activate(number)
    return desk.segments[1].live


KNOWN = {"mx": ADDRESSES}
SITE = Site("y.example", SERVERS)
SITE.found = {"mx": (1e12, ADDRESSES)}
WAY = Walker(SITE, {}, lambda address: "dead")


PAIRS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "frame": (lambda: frame.decode(RECORD, *PLACE), lambda: plain_frame.decode(RECORD, *PLACE)),
    "queue envelope": (lambda: vars_of(envelope.unpack(PACKED)), lambda: vars_of(plain_envelope.unpack(PACKED))),
    "slots": (slots_core, slots_twin),
    "wheel": (timers_core, timers_twin),
    "tally": (lambda: counted(Tally(bytearray(SLOT * 8 * 64), True)), lambda: counted(plain_tally.Tally(64))),
    "ledger": (books_core, books_twin),
    "hashmap": (lambda: IMAGE.find(b"user500@example.com"), lambda: DICT.get(b"user500@example.com")),      # beside a dict
    "cdb": (lambda: READER.find(b"user500@example.com"), lambda: plain_cdb.find(FILE, b"user500@example.com")),
    # six servers that do not answer; the core makes a session for each
    "way": (lambda: deliver(WAY), lambda: plain_way.walk(SERVERS, KNOWN, {}, lambda address: "dead", 0)),
}


@pytest.mark.parametrize("way", ["core", "twin"])
@pytest.mark.parametrize("name", PAIRS)
def test_books(benchmark: Any, name: str, way: str) -> None:
    benchmark.group = name
    core, twin = PAIRS[name]
    assert benchmark(core if way == "core" else twin) == twin()
