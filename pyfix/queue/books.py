"""What the store knows in memory: slots, recipients' outcomes, what stands in which segment.

Law: docs/queue.md "Memory". Every change of state is one method here, used alike by the store (which
also logs it) and by recovery (which reads it from the log): that is what makes a replay give
the state that was. Each change may be applied twice without harm.
"""

import os
from array import array
from collections.abc import Iterable, Sequence

from pyfix._core.slots import SlotTable
from pyfix._core.wheel import Wheel
from pyfix.model import HOLD as HOLD_FLAG
from pyfix.model import KEPT_FLAGS
from pyfix.queue.ledger import Ledger, Segment
from pyfix.queue.states import (
    BIG,
    CORRUPT,
    DEFERRED,
    FINISHED,
    FORCED,
    HOLD,
    INCOMING,
    MULTI,
    NULL_SENDER,
    OP_BURY,
    OP_DEFER,
    OP_DONE,
    OP_EXPIRE,
    OP_HOLD,
    OP_NOTE,
    OP_RELEASE,
    OP_REMOVE,
    OP_WARN,
    WARNED,
)


class Many:
    """Outcomes of a message with several recipients: which are finished, and where each one's last reason is."""

    __slots__ = ("finished", "left", "reasons")

    def __init__(self, finished: bytearray) -> None:
        self.finished, self.left = finished, finished.count(0)
        self.reasons: array[int] | None = None      # segment << 32 | offset in the state log, 0 none


class Books(Ledger):
    """The tables. `now` is in seconds; slots are int, 0 means none."""

    def __init__(self, now: int) -> None:
        self.table = SlotTable(int.from_bytes(os.urandom(8), "little"))
        self.wheel = Wheel(self.table, now)
        self.many: dict[int, Many] = {}
        self.big: dict[int, tuple[tuple[int, int], ...]] = {}      # slot -> ((segment, bytes), ...) of its chunks
        self.segments: dict[int, Segment] = {}
        self.reasons: dict[int, int] = {}                           # state log segment -> reasons that count

    # ---- messages

    def admit(self, queue_id: bytes, arrival: int, segment: int, offset: int, length: int, size: int, flags: int,
              sender: bytes, nrcpt: int, chunks: Iterable[tuple[int, int, int]] = ()) -> int:
        """File a message; its slot. ValueError: not a queue id; KeyError: it is filed already."""
        bits = flags & KEPT_FLAGS | (MULTI if nrcpt > 1 else 0) | (0 if sender else NULL_SENDER)
        state = HOLD if flags & HOLD_FLAG else INCOMING
        slot = self.table.add(queue_id, arrival, segment, offset, length, size, bits, state)
        if nrcpt > 1:
            self.many[slot] = Many(bytearray(nrcpt))
        self.place_counts(slot, segment, length, 1)
        self.set_chunks(slot, [(number, n) for number, _, n in chunks])
        return slot

    def place_counts(self, slot: int, segment: int, length: int, by: int) -> None:
        """Count a record in (1) or out (-1) of a segment."""
        entry = self.segment(segment)
        entry.live += by
        entry.bytes += by * length

    def set_chunks(self, slot: int, chunks: Sequence[tuple[int, int]]) -> None:
        """Count a message's chunks, instead of those it had."""
        for number, length in self.big.pop(slot, ()):
            self.place_counts(slot, number, length, -1)
        if chunks:
            self.big[slot] = tuple(chunks)
            self.table.set_flag(slot, BIG)
        for number, length in chunks:
            self.place_counts(slot, number, length, 1)

    def remove(self, slot: int) -> None:
        """The message is gone."""
        segment, _, length = self.table.place(slot)
        self.place_counts(slot, segment, length, -1)
        self.set_chunks(slot, ())
        self.drop_reasons(slot)
        self.many.pop(slot, None)
        self.wheel.cancel(slot)
        self.table.remove(slot)

    def move(self, slot: int, segment: int, offset: int, length: int, chunks: Sequence[tuple[int, int]]) -> None:
        """Its record is elsewhere now."""
        old, _, old_length = self.table.place(slot)
        self.place_counts(slot, old, old_length, -1)
        self.table.set_place(slot, segment, offset, length)
        self.place_counts(slot, segment, length, 1)
        self.set_chunks(slot, chunks)

    # ---- outcomes

    def done(self, slot: int, indexes: Iterable[int]) -> int:
        """These recipients are finished; how many are left. IndexError: no such recipient."""
        many = self.many.get(slot)
        if many is None:
            for i in indexes:
                if i:
                    raise IndexError(f"recipient {i} of 1")
                self.table.set_flag(slot, FINISHED)
            return 0 if self.table.flags(slot) & FINISHED else 1
        for i in indexes:
            if not many.finished[i]:
                many.finished[i] = 1
                many.left -= 1
                self.set_many_reason(many, i, 0)
        return many.left

    def pending(self, slot: int) -> list[int]:
        """Indexes of the recipients not finished."""
        many = self.many.get(slot)
        if many is None:
            return [] if self.table.flags(slot) & FINISHED else [0]
        return [i for i, finished in enumerate(many.finished) if not finished]

    def note(self, slot: int, indexes: Iterable[int], segment: int, offset: int) -> None:
        """The last reason of these recipients is at that place of the state log."""
        many = self.many.get(slot)
        if many is None:
            self.count_reason(self.table.reason(slot)[0], -1)
            self.table.set_reason(slot, segment, offset)
            self.count_reason(segment, 1)
            return
        for i in indexes:
            if not many.finished[i]:
                self.set_many_reason(many, i, segment << 32 | offset)

    def set_many_reason(self, many: Many, index: int, place: int) -> None:
        """Change where one recipient's reason is, and the counts with it."""
        if many.reasons is None:
            if not place:
                return
            many.reasons = array("Q", bytes(8 * len(many.finished)))
        self.count_reason(many.reasons[index] >> 32, -1)
        many.reasons[index] = place
        self.count_reason(place >> 32, 1)

    def count_reason(self, segment: int, by: int) -> None:
        """Count a reason in or out of a state log segment (0: none)."""
        if segment:
            self.reasons[segment] = self.reasons.get(segment, 0) + by

    def drop_reasons(self, slot: int) -> None:
        """Nothing refers to its reasons any more."""
        many = self.many.get(slot)
        if many is None:
            self.count_reason(self.table.reason(slot)[0], -1)
        elif many.reasons is not None:
            for i in range(len(many.finished)):
                self.set_many_reason(many, i, 0)

    def reason_places(self, slot: int) -> dict[int, tuple[int, int]]:
        """Recipient index -> (segment, offset) of its last reason."""
        many = self.many.get(slot)
        if many is None:
            place = self.table.reason(slot)
            return {0: place} if place[0] else {}
        places = many.reasons or ()
        return {i: (place >> 32, place & 0xffffffff) for i, place in enumerate(places) if place}

    # ---- replay

    def apply(self, op: list, segment: int, offset: int) -> None:
        """Do what a state record (which stands at that place) says. For recovery: the wheel is filled afterwards."""
        slot = self.table.find_number(op[1])
        if not slot:
            return
        kind = op[0]
        if kind == OP_DONE:
            if self.done(slot, op[2]) == 0:
                self.remove(slot)
        elif kind in (OP_DEFER, OP_NOTE):
            if op[-1]:
                self.note(slot, [reason[0] for reason in op[-1]], segment, offset)
            if kind == OP_DEFER:
                self.table.set_due(slot, op[2])
                self.table.set_tries(slot, op[3])
                self.table.set_state(slot, DEFERRED)
        elif kind == OP_REMOVE:
            self.remove(slot)
        elif kind == OP_HOLD:
            self.table.set_due(slot, 0)
            self.table.set_state(slot, HOLD)
        elif kind == OP_RELEASE:
            self.table.set_due(slot, op[2])
            self.table.set_state(slot, DEFERRED)
        elif kind == OP_EXPIRE:
            self.table.set_flag(slot, FORCED)
        elif kind == OP_WARN:
            self.table.set_flag(slot, WARNED)
        elif kind == OP_BURY:
            self.table.set_due(slot, 0)
            self.table.set_state(slot, CORRUPT)
