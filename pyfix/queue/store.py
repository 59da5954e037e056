"""qmgr's view of the queue: every message's state, kept in memory and in the state log.

Law: docs/queue.md. One process only (qmgr, or a command while qmgr is down) has a Store.
Nothing here reads a message's content; envelopes come from `Reader.open(store.place(slot))`.

    store = Store(directory); store.recover()
    slot = store.admit(notice)          # a COMMITTED item of ipc.messages; 0: seen before
    store.activate(slot)                # it is being delivered
    left = store.done(slot, [0, 3])     # recipients sent or bounced: never offered again
    store.note(slot, reasons)           # recipients deferred, others still under way
    store.defer(slot, when_us, reasons) # nothing under way any more: try again at `when_us`
    store.remove(slot)                  # no recipient left, or the administrator's delete
    store.due(now_us, limit)            # slots whose time has come (now INCOMING, out of the wheel)
"""

import os
import time
from array import array
from collections.abc import Callable, Iterable, Sequence

from pyfix._core.slots import SlotTable
from pyfix._core.wheel import Wheel
from pyfix.model import HOLD as HOLD_FLAG
from pyfix.model import Place
from pyfix.queue.states import (
    ACTIVE,
    CORRUPT,
    DEFERRED,
    FORCED,
    HOLD,
    INCOMING,
    MULTI,
    NULL_SENDER,
    Message,
    Recovered,
)

Reason = tuple[int, str, str]       # recipient index, enhanced status code, text


class Many:
    """Outcomes of a message with several recipients: which are finished, and each one's last reason."""

    __slots__ = ("finished", "left", "reasons")

    def __init__(self, count: int) -> None:
        self.finished, self.left, self.reasons = bytearray(count), count, array("Q")


class Store:
    """See the module's head. `clock` gives microseconds since the epoch."""

    def __init__(self, directory: str, clock: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        self.directory, self._clock = directory, clock
        self._table = SlotTable(int.from_bytes(os.urandom(8), "little"))
        self._wheel = Wheel(self._table, clock() // 1_000_000)
        self._many: dict[int, Many] = {}
        self._memory: dict[int, dict[int, tuple[str, str]]] = {}

    # ---- messages come and are looked at

    def recover(self) -> Recovered:
        """Read the queue from disk. Messages that were active are incoming again."""
        return Recovered(0, 0, 0, 0, [], 0.0)

    def admit(self, notice: Sequence[object]) -> int:
        """Take a committed message (an item of ipc.messages.COMMITTED). Its slot; 0 when it was seen before."""
        queue_id, arrival, segment, offset, length, size, flags, sender, nrcpt = notice[:9]
        if self._table.find(queue_id):
            return 0
        bits = flags & 0xff | (MULTI if nrcpt > 1 else 0) | (0 if sender else NULL_SENDER)
        state = HOLD if flags & HOLD_FLAG else INCOMING
        slot = self._table.add(queue_id, arrival, segment, offset, length, size, bits, state)
        if nrcpt > 1:
            self._many[slot] = Many(nrcpt)
        return slot

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

    def pending(self, slot: int) -> list[int]:
        """Indexes of the recipients that are not finished."""
        many = self._many.get(slot)
        return [0] if many is None else [i for i, f in enumerate(many.finished) if not f]

    def activate(self, slot: int) -> int:
        """A delivery begins: out of the wheel, state ACTIVE. Returns how many have begun so far."""
        self._wheel.cancel(slot)
        self._table.set_state(slot, ACTIVE)
        return self._table.tried(slot)

    def done(self, slot: int, indexes: Sequence[int]) -> int:
        """These recipients are sent or bounced. Durable within milliseconds. Returns how many are left."""
        many = self._many.get(slot)
        if many is None:
            return 0 if indexes else 1
        for i in indexes:
            if not many.finished[i]:
                many.finished[i] = 1
                many.left -= 1
        return many.left

    def note(self, slot: int, reasons: Sequence[Reason]) -> None:
        """Remember why these recipients are deferred; the message's state stays."""
        self._memory.setdefault(slot, {}).update((i, (dsn, text)) for i, dsn, text in reasons)

    def defer(self, slot: int, when_us: int, reasons: Sequence[Reason] = ()) -> None:
        """State DEFERRED, due at `when_us`, for these reasons. Never waits for the disk."""
        if reasons:
            self.note(slot, reasons)
        self._table.set_state(slot, DEFERRED)
        self._wheel.insert(slot, when_us // 1_000_000)

    def reasons(self, slot: int) -> dict[int, tuple[str, str]]:
        """Recipient index -> (dsn, text) of the last reason, of those not finished that have one. Reads the state log."""
        pending = set(self.pending(slot))
        return {i: reason for i, reason in self._memory.get(slot, {}).items() if i in pending}

    def remove(self, slot: int) -> None:
        """It leaves the queue; the slot is free at once. Ask synced() where the answer must wait for the disk."""
        self._wheel.cancel(slot)
        self._table.remove(slot)
        self._many.pop(slot, None)
        self._memory.pop(slot, None)

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

    def release(self, slot: int) -> None:
        """HOLD -> DEFERRED, due now (as postsuper -H moves it)."""
        if self._table.state(slot) == HOLD:
            self._table.set_state(slot, DEFERRED)
            self._wheel.insert(slot, self._clock() // 1_000_000)

    def expire(self, slot: int) -> None:
        """Set FORCED in its flags: returned to sender at the next attempt, whatever its age."""
        self._table.set_flag(slot, FORCED)

    def bury(self, slot: int, why: str) -> str:
        """Its record can't be read or it kills its deliverer: state CORRUPT, the bytes copied to corrupt/. Returns the file's path."""
        self._wheel.cancel(slot)
        self._table.set_state(slot, CORRUPT)
        return os.path.join(self.directory, "corrupt", self.queue_id(slot).decode())

    # ---- durability and upkeep

    def synced(self, callback: Callable[[Exception | None], None]) -> None:
        """Call back when everything told so far is on disk (at once when it is)."""
        callback(None)

    def writer_gone(self, name: str) -> list[int]:
        """A writer process left: admit what it committed without telling. Returns the new slots."""
        return []

    def maintain(self) -> None:
        """A bounded step (a few ms) of checkpoint, recycling, compaction, reserve: call it about every 100 ms."""

    def close(self) -> None:
        """Checkpoint, sync, let go. Blocks."""
