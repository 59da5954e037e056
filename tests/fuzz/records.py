"""Fuzz targets for records, tables and books: any bytes in, or a script of operations made of them; the same as the twin out."""

import re
import tempfile
from collections.abc import Callable, Iterator
from functools import cache

from pyfix import maps
from pyfix._core import frame, slots, wheel
from pyfix.errors import Corrupt, TableError
from pyfix.maps import report
from pyfix.maps.cdbfile import Cdb, build
from pyfix.model import Envelope
from pyfix.queue import envelope
from pyfix.queue.journal import Journal
from pyfix.queue.ledger import Ledger
from pyfix.smtpd.tally import SLOT, Tally
from tests.fuzz.text import chance_of
from tests.oracle import cdb as plain_cdb
from tests.oracle import frame as plain_frame
from tests.oracle import ledger as plain_ledger
from tests.oracle import queue_envelope as plain_envelope
from tests.oracle import slots as plain_slots
from tests.oracle import tally as plain_tally
from tests.oracle import wheel as plain_wheel
from tests.oracle.way import walk
from tests.property.test_scheduler import EXPRESSIONS, follows_the_manual
from tests.unit.deliver.test_way import ADDRESSES, Site, Walker, deliver

SALT, NUMBER, OFFSET, LIMIT = 7, 3, 4096, 8192      # of the segment that records pretend to be in
LINKED = 0x1000                     # a slot in the wheel
BASE = 1_700_000_000
SPANS = (0, 1, 5, 255, 256, 257, 70_000)


def steps(data: bytes, width: int) -> Iterator[bytes]:
    """Operations of `width` bytes each."""
    return (data[at:at + width] for at in range(0, len(data) - width + 1, width))


def record(data: bytes) -> None:
    """A log record, or what stands where one should be."""
    assert frame.decode(data, SALT, NUMBER, OFFSET, LIMIT) == plain_frame.decode(data, SALT, NUMBER, OFFSET, LIMIT)
    head, _, body = data.partition(b"\n")
    made = frame.encode(2, head, body, SALT, NUMBER, OFFSET, OFFSET)
    assert made == plain_frame.encode(2, head, body, SALT, NUMBER, OFFSET, OFFSET)
    assert frame.decode(made, SALT, NUMBER, OFFSET, OFFSET + len(made))[:4] == (0, 2, head, body)


def stored(data: bytes) -> None:
    """An envelope as it lies in a record."""
    try:
        want = plain_envelope.unpack(data)
    except ValueError:
        want = None
    try:
        found = envelope.unpack(data)
    except Corrupt:
        assert want is None, vars_of(want)
        return
    assert want is not None and vars_of(found) == vars_of(want)
    assert vars_of(envelope.unpack(envelope.pack(found))) == vars_of(found) and envelope.pack(found) == plain_envelope.pack(want)


def vars_of(one: Envelope) -> tuple:
    """An envelope's values."""
    return (one.queue_id, one.arrival, one.sender, one.flags, one.size, one.ret, one.envid, one.generation, one.attributes, one.extents,
            [(r.address, r.original, r.orcpt, r.notify, r.transport, r.nexthop) for r in one.recipients])


def queue_ids(data: bytes) -> None:
    """What is a queue id, and which message it names."""
    try:
        number, seconds, micro, long_form = slots.split_id(data)
    except ValueError:
        return
    assert slots.split_id(slots.make_id(number, seconds * 1_000_000 + micro, long_form)) == (number, seconds, micro, long_form)


def timers(data: bytes) -> None:
    """A script for the slot table and the timer wheel: add, remove, insert, cancel, pop."""
    table, numbers = slots.SlotTable(1), plain_slots.SlotTable()
    mine, plain, now, where = wheel.Wheel(table, BASE), plain_wheel.Wheel(BASE), BASE, {}
    for what, n in steps(data, 2):
        kind, span = what % 5, SPANS[what // 5 % len(SPANS)]
        if kind == 0 and n not in where:
            where[n] = table.add(slots.make_id(n, span), 0, 1, 2, 3, 4, 0, 3)
            numbers.add(b"", n, 3)
        elif kind == 1 and n in where:
            assert mine.cancel(where[n]) == plain.cancel(n)
            table.remove(where.pop(n))
            del numbers.slots[n]
        elif kind == 2 and n in where:
            mine.insert(where[n], now + span + n)
            plain.insert(n, now + span + n)
        elif kind == 3 and n in where:
            assert mine.cancel(where[n]) == plain.cancel(n)
        elif kind == 4:
            now += span // 3
            due, taken = plain.pop(now, 5), {table.number(slot) for slot in mine.pop(now, 5)}
            assert len(taken) == min(5, len(due)) and taken <= due
            for one in taken:
                plain.cancel(one)
        assert (len(mine), len(table)) == (len(plain), len(numbers.slots))
    assert all(table.find_number(n) == where.get(n, 0) for n in range(256)) and table.count(3) == numbers.count(3)


def counts(data: bytes) -> None:
    """A script for a table of two buckets; keys that share a bucket fill it."""
    table, plain = Tally(bytearray(SLOT * 16), True), plain_tally.Tally(2)
    for what, n in steps(data, 2):
        key, window = 1 + n % 24, what >> 4
        if what % 3 == 0:
            assert table.connect(key, window) == plain.connect(key, window)
        elif what % 3 == 1:
            assert table.leave(key) == plain.leave(key)
        else:
            assert table.count(key, n % 5, window) == plain.count(key, n % 5, window)
        assert [table.connections(one) for one in range(1, 25)] == [plain.connections(one) for one in range(1, 25)]
        assert [table.rate(key, kind, window) for kind in range(5)] == [plain.rate(key, kind, window) for kind in range(5)]


class Desk(Ledger):
    """A Ledger with its tables."""

    def __init__(self) -> None:
        self.table = slots.SlotTable(1)
        self.wheel = wheel.Wheel(self.table, BASE)
        self.many, self.big, self.segments, self.reasons = {}, {}, {}, {}


@cache
def state_log() -> Journal:
    """One log for all runs."""
    folder = tempfile.TemporaryDirectory(prefix="fuzz-")
    journal = Journal(folder.name, "qmgr.state", 4, segment_size=1 << 16)
    state_log.folder = folder           # type: ignore[attr-defined]
    return journal


def books(data: bytes) -> None:
    """A script for the plain message's books: segments, notices, deliveries, ends."""
    desk, plain, log, ends = Desk(), plain_ledger.Ledger(), state_log(), {}
    for what, n, m in steps(data, 3):
        number, kind = 1 + n % 32, what % 6
        slot = desk.table.find_number(number)
        if kind == 0:
            desk.segment(n % 3), plain.segments.setdefault(n % 3, plain_ledger.Segment())
        elif kind in (1, 2):
            at = n % 3
            length = (30, 4000, 2**32 - 1, 0)[what // 6 % 4]
            offset = (ends.get(at, 4096), 0, -8, m)[what // 24 % 4]
            notice = [slots.make_id(number, 0), 0, at, offset, length, (length, 20, 2**33)[m % 3] if m else 1, m, b"s" * (m % 2), 1 + (m == 77)]
            assert admitted(desk, notice) == plain.admit(number, notice), notice
            ends[at] = desk.segment(at).tail if at in desk.segments else 0
        elif kind == 3 and slot:
            assert desk.activate(slot) == plain.activate(number)
            desk.many.pop(slot, None), desk.big.pop(slot, None)
            plain.messages[number].odd = bool(desk.table.reason(slot)[0])
        elif kind == 4 and slot:
            make_odd(desk, slot, m)
            plain.messages[number].odd = True
        elif kind == 5 and slot:
            assert desk.remove_plain(slot, log) == plain.remove(number)
        same_books(desk, plain)


def admitted(desk: Desk, notice: list) -> str:
    """What became of a notice, in the twin's words."""
    try:
        slot = desk.admit_plain(notice)
    except KeyError:
        return "known"
    return "new" if slot > 0 else "seen" if slot == 0 else "special"


def make_odd(desk: Desk, slot: int, m: int) -> None:
    """Gives a message something that is not plain; three of the four pass with its next delivery."""
    if m % 4 == 0:
        desk.wheel.insert(slot, BASE + m)
    elif m % 4 == 1:
        desk.many[slot] = None
    elif m % 4 == 2:
        desk.big[slot] = ()
    else:
        desk.table.set_reason(slot, 1, 8)


def same_books(desk: Desk, plain: plain_ledger.Ledger) -> None:
    table = desk.table
    assert len(table) == len(plain.messages)
    for number, message in plain.messages.items():
        slot = table.find_number(number)
        assert (table.place(slot)[0], table.place(slot)[2], table.size(slot), table.flags(slot) & ~LINKED, table.state(slot), table.tries(slot)) == (
            message.segment, message.length, min(message.size, 2**32 - 1), message.flags, message.state, message.tries)
    assert {number: (one.live, one.bytes, one.tail) for number, one in desk.segments.items()} == {
        number: (one.live, one.bytes, one.tail) for number, one in plain.segments.items()}


def database(data: bytes) -> None:
    """Lines "key value" as a cdb file, sound and with a byte changed."""
    entries = [(key, value) for key, _, value in (line.partition(b" ") for line in data.split(b"\n"))]
    good, chance = bytes(build(entries)), chance_of(data)
    assert good == plain_cdb.build(entries)
    bad = bytearray(good)
    bad[chance.randrange(len(bad))] = chance.randrange(256)
    for image in (good, bytes(bad)):
        reader = Cdb(image)
        for key in {key for key, _ in entries} | {b"none", b""}:
            assert outcome(lambda: reader.find(key), TableError) == outcome(lambda: plain_cdb.find(image, key), ValueError)
        assert outcome(lambda: list(reader.items()), TableError) == outcome(lambda: plain_cdb.items(image), ValueError)


def outcome(act: Callable[[], object], error: type[Exception]) -> object:
    """What a call gives, or that it found damage."""
    try:
        return act()
    except error:
        return "damaged"


def patterns(data: bytes) -> None:
    """A pattern and texts, each on its line: pcre: and Python's re agree, where both take the pattern; regexp: lives."""
    pattern, *texts = (line.decode("latin-1") for line in re.sub(rb"[^ -~\n]", b"", data).split(b"\n"))
    if not pattern or "/" in pattern or len(pattern) > 60:
        return
    report.set_sink(lambda level, text: None)
    tables = [maps.open(f"{kind}:{{{{/{pattern}/ yes}}}}", flags=0) for kind in ("pcre", "regexp")] if balanced(pattern) else []
    for text in texts:
        found = [table.get(text[:100].encode()) for table in tables]
        assert set(found) <= {None, b"yes"}
        if tables and SHARED.fullmatch(pattern):
            want = b"yes" if re.search(pattern, text[:100], re.I | re.S) else None
            assert not text or found == [want, want], (pattern, text)


SHARED = re.compile(r"\^?(?:(?:[A-Za-z0-9@]|\\\.|\.|\[[a-z]+\]|\[\^[a-z]+\]|\((?:[a-z]+\|)*[a-z]+\))[*+?]?)+\$?")


def balanced(pattern: str) -> bool:
    """Whether it can stand in an inline table."""
    return pattern.count("{") == pattern.count("}") == 0 and "$" not in pattern[:-1] and "," not in pattern and " " not in pattern


def servers(data: bytes) -> None:
    """A delivery's way: a limit, then a line of servers for each destination; the first byte says what is known of it."""
    limit, lines = (data[0] % 4 if data else 0), [line for line in data[1:].split(b"\n") if line]
    chance, places = chance_of(data), list(range(len(lines)))
    verdicts = {address: chance.choice(["dead", "dead", "deferred", "sent"]) for address in ADDRESSES}
    lists = [[ADDRESSES[c % len(ADDRESSES)] for c in line[1:]] or [ADDRESSES[0]] for line in lines]
    known = {n: lists[n] for n in places if lines[n][0] % 3 == 0}
    found = {n: lists[n] for n in places if lines[n][0] % 3 == 1}
    site = Site("y.example", places)
    site.found = {n: (1e12, known[n]) for n in known}
    assert deliver(Walker(site, found, verdicts.get, limit)) == walk(places, known, found, verdicts.get, limit)


def windows(data: bytes) -> None:
    """A site's concurrency window: its settings in four bytes, then an outcome a bit."""
    expressions, settings = list(EXPRESSIONS), data[:4].ljust(4, b"\1")
    outcomes = [bool(byte >> bit & 1) for byte in data[4:30] for bit in range(8)]
    follows_the_manual(1 + settings[0] % 10, settings[1] % 31, expressions[settings[2] % 7], expressions[settings[2] // 7 % 7],
                       (0, 0.5, 1, 3)[settings[3] % 4], outcomes)


TARGETS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one for one in (record, stored, queue_ids, timers, counts, books, database, patterns, servers, windows)}
