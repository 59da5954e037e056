"""A queue at work under the recorder, and what must hold of every disk that a crash could leave of it."""

import os
import random
import re
from pathlib import Path
from zlib import crc32

from pyfix import durable
from pyfix.errors import QueueError
from pyfix.model import Envelope, Recipient
from pyfix.queue.books import Books
from pyfix.queue.envelope import pack
from pyfix.queue.reader import Reader
from pyfix.queue.recovery import Disk, recover
from pyfix.queue.states import HOLD
from pyfix.queue.store import Store
from pyfix.queue.writer import Writer

SIZE = 16384
EPOCH = 1_700_000_000_000_000


def address(number: int) -> bytes:
    """A recipient; so long that many an envelope lies in two sectors."""
    return b"r%d@%b.example.com" % (number, b"host" * 30)


class Workload:
    """Commits, deliveries, deferrals, deletions, checkpoints, recycling, compaction: `rounds` of each, seeded.

    `long` is the part of the messages whose content comes in pieces, which often lie in another segment than the message.
    """

    def __init__(self, path: Path, seed: int = 1, long: float = 0.1) -> None:
        self.long = long
        self.path, self.rng, self.now = str(path), random.Random(seed), EPOCH
        self.sent: dict[bytes, tuple[int, int]] = {}            # id -> (crc of content, recipients)
        self.notices: list[list] = []

    def run(self, rounds: int) -> list[tuple[int, int, int, bytes, bytes]]:
        durable.record()
        self.store = Store(self.path, lambda: self.now, segment_size=SIZE, warn=lambda line: None)
        self.store.recover()
        self.writer = Writer(self.path, "smtpd.0", None, self.on_group, segment_size=SIZE)
        for _ in range(rounds):
            self.round()
        self.quiet(rounds)
        ops = durable.recorded()
        self.writer.close()
        self.store.close()
        return ops

    def on_group(self, group: list) -> None:
        for envelope, place, error in group:
            assert error is None
            durable.mark(b"ACK " + envelope.queue_id)
            self.notices.append([envelope.queue_id, envelope.arrival, *place, envelope.size, 0, envelope.sender,
                                 len(envelope.recipients)])

    def send(self) -> None:
        rng = self.rng
        body = rng.randbytes(rng.choice((0, 10, 300, 1500, 4000)))
        queue_id, nrcpt = self.writer.new_id(), rng.choice((1, 1, 2, 3))
        extents = []
        if rng.random() < self.long:
            body = rng.randbytes(9000)
            extents = [self.writer.chunk(body[i:i + 2500]) for i in range(0, len(body), 2500)]
        self.sent[queue_id] = crc32(body), nrcpt
        recipients = [Recipient(address(i)) for i in range(nrcpt)]
        envelope = Envelope(queue_id, EPOCH, b"s@example.org", 0, len(body), recipients=recipients, extents=extents)
        self.writer.commit(pack(envelope), None if extents else body, envelope, extents)

    def round(self) -> None:
        for _ in range(self.rng.randint(1, 8)):
            self.send()
        if self.rng.random() < 0.8:
            self.writer.wait()
        for notice in self.notices:
            self.store.admit(notice)
        self.notices.clear()
        marks = [self.deliver(slot) for slot in self.store.scan((1, 3))[0] if self.rng.random() < 0.5]
        if self.rng.random() < 0.6:
            self.store.sync()
            for mark in filter(None, marks):
                durable.mark(b"STUCK " + mark)
        self.now += 1_100_000 if self.rng.random() < 0.8 else 61_000_000
        for _ in range(3):
            self.store.maintain()
            self.store.ready()
        if self.rng.random() < 0.15:
            self.store.checkpoint()         # soon after segments were freed

    def quiet(self, rounds: int) -> None:
        """No mail comes; outcomes alone fill the state log, segment after segment."""
        for _ in range(rounds):
            slots = self.store.scan((1, 3))[0]
            for slot in slots[1:] * (24 // max(len(slots), 1) + 1):
                self.store.defer(slot, self.now + 10_000_000, [(i, "4.0.0", "not now") for i in self.store.pending(slot)])
            mark = self.deliver(slots[0]) if slots else b""
            self.store.sync()
            if mark:
                durable.mark(b"STUCK " + mark)

    def deliver(self, slot: int) -> bytes:
        queue_id, pending, what = self.store.queue_id(slot), self.store.pending(slot), self.rng.random()
        if what < 0.75:
            durable.mark(b"DOING %s %d" % (queue_id, pending[0]))
            if self.store.done(slot, [pending[0]]) == 0:
                self.store.remove(slot)
            return b"DONE %s %d" % (queue_id, pending[0])
        if what < 0.8:
            durable.mark(b"DOING %s -1" % queue_id)
            self.store.remove(slot)
            return b"GONE %s -1" % queue_id
        if what < 0.85:
            self.store.hold(slot)
            return b"HELD %s -1" % queue_id
        self.store.activate(slot)
        self.store.defer(slot, self.now + 10_000_000, [(i, "4.0.0", "not now") for i in pending])
        return b""


class Facts:
    """What the marks before a crash oblige the queue to."""

    def __init__(self, ops: list, cut: int) -> None:
        self.acked: set[bytes] = set()
        self.doing: set[tuple[bytes, int]] = set()      # may be finished
        self.stuck: set[tuple[bytes, int]] = set()      # is finished for good
        self.held: set[bytes] = set()
        for kind, _, _, text, _ in ops[:cut]:
            if kind != durable.MARK:
                continue
            words = text.split()
            if words[0] == b"ACK":
                self.acked.add(words[1])
            elif words[0] == b"DOING":
                self.doing.add((words[1], int(words[2])))
            elif words[1] == b"HELD":
                self.held.add(words[2])
            else:
                self.stuck.add((words[2], int(words[3])))


class Broken(AssertionError):
    """An invariant does not hold."""


def check(path: Path, sent: dict[bytes, tuple[int, int]], facts: Facts) -> tuple[object, ...]:
    """Recover the directory and hold it against the facts; a fingerprint of what was recovered. Broken."""
    warnings: list[str] = []
    books = Books(EPOCH // 1_000_000)
    recover(Disk(str(path), warnings.append), books)
    reader, table = Reader(str(path)), books.table
    live: dict[bytes, tuple[object, ...]] = {}
    slots, _ = table.walk(0b111110, 0, 1 << 30)
    for slot in slots:
        queue_id, pending = table.queue_id(slot), books.pending(slot)
        live[queue_id] = (table.state(slot), tuple(pending), table.place(slot))
        whole(reader, table.place(slot), queue_id, sent)
        for i in pending:
            if (queue_id, i) in facts.stuck or (queue_id, -1) in facts.stuck:
                raise Broken(f"I4: {queue_id!r} is offered to recipient {i} again")
        if queue_id in facts.held and table.state(slot) != HOLD:
            raise Broken(f"{queue_id!r} left the hold queue")
        if table.number(slot) >> 20 > max(int(name[:8], 16) for name in os.listdir(path) if name[8:] in (".seg", ".free")):
            raise Broken(f"I7: the number of {queue_id!r} would be given again")
    for queue_id in facts.acked:
        missing(queue_id, live, sent[queue_id][1], facts)
    if any(re.search("aside|checkpoint|gone|left as it is|damaged", line) for line in warnings):
        raise Broken(f"I8: a crash is taken for damage: {warnings}")
    return tuple(sorted(live.items()))


def whole(reader: Reader, place: tuple[int, int, int], queue_id: bytes, sent: dict[bytes, tuple[int, int]]) -> None:
    """I2, I3: it is a message that was sent, with its own content."""
    try:
        envelope, content = reader.open(place)
        body = bytes(content)
    except QueueError as trouble:
        raise Broken(f"I2: {queue_id!r} can't be read: {trouble}") from None
    if envelope.queue_id != queue_id or (crc32(body), len(envelope.recipients)) != sent.get(queue_id) \
            or any(recipient.address != address(i) for i, recipient in enumerate(envelope.recipients)):
        raise Broken(f"I2: {queue_id!r} is not what was sent")


def missing(queue_id: bytes, live: dict[bytes, tuple[object, ...]], nrcpt: int, facts: Facts) -> None:
    """I1: every recipient of an acknowledged message is pending, or its end had at least begun."""
    pending = live[queue_id][1] if queue_id in live else ()
    for i in range(nrcpt):
        if i not in pending and (queue_id, i) not in facts.doing and (queue_id, -1) not in facts.doing:    # type: ignore[operator]
            raise Broken(f"I1: {queue_id!r} is lost for recipient {i}")
