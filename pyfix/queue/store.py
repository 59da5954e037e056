"""qmgr's view of the queue: every message's state, kept in memory and in the state log.

Law: docs/queue.md. One process only (qmgr, or a command while qmgr is down) has a Store; all calls come from
one thread. Nothing here reads a message's content; envelopes come from `Reader.open(store.place(slot))`.

    store = Store(directory); store.recover(); store.attach(loop)
    slot = store.admit(notice)          # a COMMITTED item of ipc.messages; 0: seen before
    store.activate(slot)                # it is being delivered
    left = store.done(slot, [0, 3])     # recipients sent or bounced: never offered again
    store.note(slot, reasons)           # recipients deferred, others still under way
    store.defer(slot, when_us, reasons) # nothing under way any more: try again at `when_us`
    store.remove(slot)                  # no recipient left, or the administrator's delete
    store.due(now_us, limit)            # slots whose time has come (now INCOMING, out of the wheel)
    store.maintain()                    # about every 100 ms
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Sequence

from pyfix.errors import Corrupt, DiskFull, QueueError
from pyfix.model import Place
from pyfix.queue import recovery, states
from pyfix.queue.backlog import Backlog
from pyfix.queue.books import Books
from pyfix.queue.journal import Journal
from pyfix.queue.states import (
    CORRUPT,
    DEFERRED,
    FORCED,
    HOLD,
    INCOMING,
    WARNED,
    Message,
    Recovered,
    pack_op,
    unpack_op,
)
from pyfix.queue.upkeep import Upkeep

Reason = tuple[int, str, str]       # recipient index, enhanced status code, text
LAZY, SOON, NOW = 0, 1, 2           # Journal urgencies: DEFER, DONE, and what somebody waits for
AT_ONCE = 2000                      # records of the backlog written in one step of upkeep
NOWHERE = (0, 0)                    # the place of a record that waits in the backlog
STATE = 4
SEGMENT_SIZE = 64 << 20


class Store:
    """See the module's head. `clock` gives microseconds since the epoch; `warn` takes lines for the log."""

    def __init__(self, directory: str, clock: Callable[[], int] = lambda: time.time_ns() // 1000, *,
                 segment_size: int = SEGMENT_SIZE, warn: Callable[[str], None] | None = None) -> None:
        self.directory, self._clock, self._segment_size = directory, clock, segment_size
        self._warnings: list[str] = []
        self._warn = warn
        self._books = Books(clock() // 1_000_000)
        self._table, self._wheel = self._books.table, self._books.wheel
        self._loop = None
        self._owner = -1

    def _say(self, line: str) -> None:
        if self._warn is None:
            self._warnings.append(line)
        else:
            self._warn(line)

    # ---- messages come and are looked at

    def recover(self) -> Recovered:
        """Read the queue from disk. Messages that were active are incoming again. QueueError: another process has the queue."""
        began = time.monotonic()
        self._own()
        self._disk = recovery.Disk(self.directory, self._say)
        sequence = recovery.recover(self._disk, self._books)
        self._upkeep = Upkeep(self._disk, self._books, self._segment_size, sequence, self._clock)
        if not sequence:
            self._upkeep.first_checkpoint()
        self._log = Journal(self.directory, "qmgr.state", STATE, segment_size=self._segment_size, reserve=True,
                            on_group=self._settled)
        self._upkeep.begin(self._log)
        self._backlog = Backlog(self._books, self._log, self._say)
        count = self._table.count
        return Recovered(count(INCOMING), count(DEFERRED), count(HOLD), count(CORRUPT), self._warnings,
                         time.monotonic() - began)

    def _own(self) -> None:
        self._owner = os.open(os.path.join(self.directory, "owner"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._owner)
            self._owner = -1
            raise QueueError(f"{self.directory}: another process manages this queue") from None

    def attach(self, loop) -> None:
        """Let a loop report what is durable (else call ready() when fileno() is readable, or sync())."""
        self._loop = loop
        loop.add_reader(self._log.fileno(), self._log.ready)

    def admit(self, notice: Sequence) -> int:
        """Take a committed message (an item of ipc.messages.COMMITTED). Its slot; 0 when it was seen before."""
        slot = self._books.admit_plain(notice)
        return slot if slot >= 0 else self._admit(*notice[:9])

    def _admit(self, queue_id: bytes, arrival: int, segment: int, offset: int, length: int, size: int, flags: int,
               sender: bytes, nrcpt: int) -> int:
        """One with several recipients, with content in chunks elsewhere, or the first of its segment."""
        if segment not in self._books.segments and not self._disk.holds(segment):
            return 0        # the notice came late: upkeep had read the segment to its end, and all in it was finished
        entry = self._books.segment(segment)
        if offset < entry.tail:
            return 0
        chunks = self._disk.reader.open((segment, offset, length))[0].extents if size > length else ()
        slot = self._books.admit(queue_id, arrival, segment, offset, length, size, flags, sender, nrcpt, chunks)
        entry.tail = (offset + length + 7) & ~7
        return slot

    def writer_here(self, name: str) -> list[int]:
        """A writer said HELLO: admit what it committed before, so that only its notices are needed from now on. The new slots."""
        return self._upkeep.catch_up(name)

    def writer_gone(self, name: str) -> list[int]:
        """A writer process left: admit what it committed without telling. The new slots."""
        return self._upkeep.catch_up(name)

    def find(self, queue_id: bytes) -> int:
        """The slot of a queue id, 0 when it is not in the queue."""
        return self._table.find(queue_id)

    def message(self, slot: int) -> Message:
        """What is known about a slot. KeyError: not in use."""
        t = self._table
        return Message(slot, t.queue_id(slot), t.state(slot), t.flags(slot), t.arrival(slot), t.size(slot),
                       t.due(slot), t.tries(slot), Place(*t.place(slot)))

    def queue_id(self, slot: int) -> bytes:
        """Its queue id."""
        return self._table.queue_id(slot)

    def place(self, slot: int) -> Place:
        """Where its record is now (compaction may move it: ask again for each attempt)."""
        return Place(*self._table.place(slot))

    def state(self, slot: int) -> int:
        """Its state, 0 when the slot is not in use."""
        return self._table.state(slot)

    def count(self, state: int) -> int:
        """How many messages are in a state."""
        return self._table.count(state)

    def __len__(self) -> int:
        return len(self._table)

    def scan(self, states: Iterable[int], cursor: int = 0, limit: int = 1000) -> tuple[list[int], int]:
        """Slots in these states after `cursor` (0 to begin): (at most `limit` slots, next cursor; 0 at the end).

        Messages that come or go between two calls may or may not be seen; the others are seen once.
        """
        return self._table.walk(sum(1 << state for state in states), cursor, limit)

    # ---- outcomes

    def _op(self, urgency: int, *op: object) -> tuple[int, int]:
        """Write a state record: its place, NOWHERE where there is no room for it yet. QueueError: the log has ended."""
        full = None
        if not self._backlog:
            try:
                return self._log.append(STATE, pack_op(op), urgency)
            except DiskFull as error:
                full = error
        self._backlog.add(urgency, op, full)
        return NOWHERE

    def pending(self, slot: int) -> list[int]:
        """Indexes of the recipients that are not finished."""
        return self._books.pending(slot)

    def activate(self, slot: int) -> int:
        """A delivery begins: out of the wheel, state ACTIVE. Returns how many have begun so far."""
        return self._books.activate(slot)

    def done(self, slot: int, indexes: Sequence[int]) -> int:
        """These recipients are sent or bounced. Durable within milliseconds. Returns how many are left; remove() it when none is."""
        left = self._books.done(slot, indexes)
        self._op(SOON, states.OP_DONE, self._table.number(slot), indexes)
        return left

    def note(self, slot: int, reasons: Sequence[Reason]) -> None:
        """Remember why these recipients are deferred; the message's state stays."""
        place = self._op(LAZY, states.OP_NOTE, self._table.number(slot), reasons)
        self._books.note(slot, [reason[0] for reason in reasons], *place)

    def defer(self, slot: int, when_us: int, reasons: Sequence[Reason] = ()) -> None:
        """State DEFERRED, due at `when_us`, for these reasons. Never waits for the disk."""
        due = when_us // 1_000_000
        place = self._op(LAZY, states.OP_DEFER, self._table.number(slot), due, self._table.tries(slot), reasons)
        if reasons:
            self._books.note(slot, [reason[0] for reason in reasons], *place)
        self._table.set_state(slot, DEFERRED)
        self._wheel.insert(slot, due)

    def reasons(self, slot: int) -> dict[int, tuple[str, str]]:
        """Recipient index -> (dsn, text) of the last reason, of those not finished that have one. Reads the state log."""
        found: dict[int, tuple[str, str]] = {}
        cache: dict[tuple[int, int], list] = {}
        for index, place in self._books.reason_places(slot).items():
            if place not in cache:
                cache[place] = self._reason_record(place)
            found.update((i, (dsn, text)) for i, dsn, text in cache[place] if i == index)
        return found

    def _reason_record(self, place: tuple[int, int]) -> list:
        """The reasons in a state record; what is still on its way to disk is waited for."""
        try:
            return unpack_op(self._disk.reader.read(*place)[1])[-1]
        except Corrupt:
            self._log.wait()
            return unpack_op(self._disk.reader.read(*place)[1])[-1]

    def remove(self, slot: int) -> None:
        """It leaves the queue; the slot is free at once. Ask synced() where the answer must wait for the disk.

        While the disk has no room for the record it stays, as ACTIVE; nobody tries it again, and maintain() removes it as soon as there is.
        """
        try:
            if self._books.remove_plain(slot, self._log):
                return
        except DiskFull as error:
            self._backlog.add(SOON, (states.OP_REMOVE, self._table.number(slot)), error)
            return
        if self._op(SOON, states.OP_REMOVE, self._table.number(slot)) is not NOWHERE:
            self._books.remove(slot)

    # ---- time

    def due(self, now_us: int, limit: int = 1000) -> list[int]:
        """At most `limit` slots whose time has come: taken out of the wheel, state INCOMING."""
        slots = self._wheel.pop(now_us // 1_000_000, limit)
        for slot in slots:
            self._table.set_state(slot, INCOMING)
        return slots

    def wake(self) -> int:
        """Microseconds since the epoch when due() is worth calling next, 0: nothing deferred."""
        return self._wheel.wake() * 1_000_000

    def flush(self) -> int:
        """Make every deferred message due now; how many there are."""
        return self._wheel.rush()

    def hasten(self, slot: int) -> None:
        """Make one deferred message due now."""
        if self._table.state(slot) == DEFERRED:
            self._wheel.insert(slot, self._clock() // 1_000_000)

    # ---- the administrator

    def hold(self, slot: int) -> None:
        """State HOLD: no attempt until release()."""
        self._wheel.cancel(slot)
        self._table.set_state(slot, HOLD)
        self._op(SOON, states.OP_HOLD, self._table.number(slot))

    def release(self, slot: int) -> None:
        """HOLD -> DEFERRED, due now (as postsuper -H moves it)."""
        if self._table.state(slot) == HOLD:
            now = self._clock() // 1_000_000
            self._table.set_state(slot, DEFERRED)
            self._wheel.insert(slot, now)
            self._op(SOON, states.OP_RELEASE, self._table.number(slot), now)

    def expire(self, slot: int) -> None:
        """Set FORCED in its flags: returned to sender at the next attempt, whatever its age."""
        self._table.set_flag(slot, FORCED)
        self._op(SOON, states.OP_EXPIRE, self._table.number(slot))

    def warn(self, slot: int) -> None:
        """The sender was told that the message is late. Never waits for the disk (lost, it means a second warning)."""
        self._table.set_flag(slot, WARNED)
        self._op(LAZY, states.OP_WARN, self._table.number(slot))

    def is_warned(self, slot: int) -> bool:
        """Whether the sender was told that it is late."""
        return bool(self._table.flags(slot) & WARNED)

    def bury(self, slot: int, why: str) -> str:
        """Its record can't be read or it kills its deliverer: state CORRUPT, the bytes copied to corrupt/. Returns the file's path."""
        segment, offset, length = self._table.place(slot)
        path = self._disk.set_aside(segment, offset, offset + length, f"{self.queue_id(slot).decode()}: {why}")
        self._wheel.cancel(slot)
        self._table.set_state(slot, CORRUPT)
        self._op(SOON, states.OP_BURY, self._table.number(slot))
        return path

    # ---- durability and upkeep

    def synced(self, callback: Callable[[Exception | None], None]) -> None:
        """Call back (from the loop) when everything told so far is on disk, or with the error that prevents it."""
        full = self._backlog.flush() if self._backlog else None
        if full is None:
            self._log.barrier(callback)
        else:
            callback(full)

    def _settled(self, group: list) -> None:
        for callback, _, error in group:
            callback(error)

    def sync(self) -> None:
        """Block until everything told so far is on disk. QueueError: it can't be; DiskFull: not yet."""
        full = self._backlog.flush() if self._backlog else None
        self._log.wait()
        if full is not None:
            raise full

    @property
    def broken(self) -> int:
        """The errno that ended the state log, 0 while it is well. The process must start anew then."""
        return self._log.broken

    def fileno(self) -> int:
        """Readable when ready() has something to report."""
        return self._log.fileno()

    def ready(self) -> None:
        """Report what is durable."""
        self._log.ready()
        self._upkeep.ready()

    def maintain(self) -> list[int]:
        """A bounded step of checkpoint, recycling, compaction, reserve. Returns slots of messages it found on the way."""
        if self._backlog:
            self._backlog.flush(AT_ONCE)
        return self._upkeep.step()

    def checkpoint(self) -> None:
        """Write a whole checkpoint now. Blocks."""
        self._upkeep.checkpoint_now()

    def close(self) -> None:
        """Checkpoint, sync, let go. Blocks."""
        if self._owner < 0:
            return
        if self._loop is not None:
            self._loop.remove_reader(self._log.fileno())
        if not self._log.broken:
            self._upkeep.checkpoint_now()
        self._upkeep.close()
        self._log.close()
        os.close(self._owner)
        self._owner = -1
