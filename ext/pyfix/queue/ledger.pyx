"""The plain message in the store's books: admitted, active, gone; one recipient, content in its own record.

Law: docs/queue.md "Memory". What is done here is what Books (pyfix/queue/books.py) and Store do for any message; whatever
is not plain is left to them, untouched.
"""

from libc.stdint cimport uint64_t

from pyfix._core.pack cimport Packer
from pyfix._core.slots cimport ACTIVE, HOLD, INCOMING, LINKED, NULL_SENDER, Slot, SlotTable
from pyfix._core.wheel cimport Wheel
from pyfix.queue.commit cimport SOON, Item
from pyfix.queue.journal cimport Journal

cdef enum:
    STATE = 4           # the kind of record
    OP_REMOVE = 4       # states.OP_REMOVE
    HOLD_FLAG = 16      # model.HOLD
    KEPT_FLAGS = 0x80ff # model.KEPT_FLAGS
    LONG_BIT = 63


cdef class Segment:
    """What is known of one segment: messages alive in it, their bytes, how far it has been read, whether that is its end."""

    def __init__(self, str name="", long long size=0, long long tail=0):
        self.name, self.size, self.tail = name, size, tail


cdef class Ledger:
    """The tables that a plain message needs. `many`, `big`: slot -> what is not plain about it."""

    cdef Segment entry(self, long long number):
        cdef Segment entry = self.segments.get(number)
        if entry is None:
            entry = self.segments[number] = Segment()
        return entry

    def segment(self, number):
        """The entry of a segment, made when it is new."""
        return self.entry(number)

    def admit_plain(self, notice):
        """File the message of a COMMITTED item: its slot, 0 when it was seen before, -1 when it is not plain."""
        cdef long long segment = notice[2], offset = notice[3], length = notice[4], size = notice[5]
        cdef long flags = notice[6]
        cdef Segment entry
        cdef uint32_t slot
        cdef bytes sender = notice[7]
        if notice[8] != 1 or size > length or not 0 <= length <= 0xffffffff or not 0 <= offset <= 0xffffffff - length:
            return -1
        entry = self.segments.get(segment)
        if entry is None:               # a new segment, or one that is gone: the store looks
            return -1
        if offset < entry.tail:
            return 0
        slot = self.table.add(notice[0], notice[1], segment, offset, length, size,
                              flags & KEPT_FLAGS | (0 if sender else NULL_SENDER), HOLD if flags & HOLD_FLAG else INCOMING)
        entry.live += 1
        entry.bytes += length
        entry.tail = (offset + length + 7) & ~<long long>7
        return slot

    def activate(self, uint32_t slot) -> int:
        """A delivery begins: out of the wheel, state ACTIVE. Returns how many have begun so far. KeyError: not in use."""
        cdef Slot* s = self.table.get(slot)
        if s.flags & LINKED:
            self.wheel.cancel(slot)
        self.table.set_state_c(slot, ACTIVE)
        if s.tries < 255:
            s.tries += 1
        return s.tries

    def remove_plain(self, uint32_t slot, Journal log not None) -> bool:
        """A plain message leaves the queue, in memory and in the state log. False: it is not plain, and nothing was done."""
        cdef Slot* s = self.table.get(slot)
        cdef Segment entry
        cdef Packer op
        cdef Item* item = NULL
        if s.reason_segment or s.flags & LINKED or slot in self.many or slot in self.big:
            return False
        op = Packer()
        op.array(2)
        op.integer(OP_REMOVE)
        op.integer(s.number & ~(<uint64_t>1 << LONG_BIT))
        log.put(STATE, op.take(), NULL, 0, None, None, SOON, &item)
        entry = self.entry(s.segment)
        entry.live -= 1
        entry.bytes -= s.length
        self.table.forget(slot)
        return True
