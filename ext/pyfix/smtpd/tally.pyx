"""A table of counts for each client that several processes read and one writes (anvil(8)).

The law: fixed size, no locks. The one writer claims a slot of the key's bucket and keeps it while a connection is
counted or the window lasts; readers see each number whole. A bucket that is full says so (-1), and
nothing of others is lost.

Layout: slots of 40 bytes, buckets of eight; key 0 is an empty slot.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memset

cdef enum:
    WIDTH = 8                # slots of a bucket
    RATES = 5                # kinds of events counted in a window

cdef struct Slot:
    uint64_t key
    uint32_t connections     # now
    uint32_t window          # which period the rates are of
    uint32_t[6] rates        # (five, and one to keep the size)

SLOT = sizeof(Slot)


cdef class Tally:
    """The table in `memory`, a whole number of buckets; `writable` for its one writer."""

    cdef const unsigned char[::1] memory
    cdef Slot* slots
    cdef uint64_t buckets
    cdef bint writable

    def __init__(self, memory, bint writable=False):
        self.memory = memory
        self.buckets = self.memory.shape[0] // (WIDTH * sizeof(Slot))
        if self.buckets == 0 or self.memory.shape[0] % (WIDTH * sizeof(Slot)):
            raise ValueError("a table of counts has a whole number of buckets")
        self.slots = <Slot*> &self.memory[0]
        self.writable = writable

    cdef Slot* find(self, uint64_t key) noexcept:
        cdef Slot* slot = self.slots + key % self.buckets * WIDTH
        cdef int i
        for i in range(WIDTH):
            if slot[i].key == key:
                return slot + i
        return NULL

    cdef Slot* claim(self, uint64_t key, uint32_t window) except? NULL:
        """The key's slot, an empty one if it has none yet; NULL: the bucket is full."""
        cdef Slot* slot = self.find(key)
        cdef int i
        if not self.writable:
            raise ValueError("only its writer changes a table")
        if slot != NULL:
            return slot
        slot = self.slots + key % self.buckets * WIDTH
        for i in range(WIDTH):
            if slot[i].key == 0 or (slot[i].connections == 0 and slot[i].window != window):
                memset(slot + i, 0, sizeof(Slot))
                slot[i].window = window
                slot[i].key = key
                return slot + i
        return NULL

    def connections(self, uint64_t key) -> int:
        """Connections now."""
        cdef Slot* slot = self.find(key)
        return slot.connections if slot != NULL else 0

    def rate(self, uint64_t key, int kind, uint32_t window) -> int:
        """Events of a kind in that window."""
        cdef Slot* slot = self.find(key)
        return slot.rates[kind] if slot != NULL and 0 <= kind < RATES and slot.window == window else 0

    def connect(self, uint64_t key, uint32_t window) -> int:
        """One connection more: how many now; -1: no room."""
        cdef Slot* slot = self.claim(key, window)
        if slot == NULL:
            return -1
        slot.connections += 1
        return slot.connections

    def leave(self, uint64_t key) -> bool:
        """One connection less. False where none was counted."""
        cdef Slot* slot = self.find(key)
        if slot == NULL or slot.connections == 0 or not self.writable:
            return False
        slot.connections -= 1
        return True

    def count(self, uint64_t key, int kind, uint32_t window) -> int:
        """One event more: how many in this window; -1: no room."""
        cdef Slot* slot
        if not 0 <= kind < RATES:
            raise ValueError("no such kind of event")
        slot = self.claim(key, window)
        if slot == NULL:
            return -1
        if slot.window != window:
            memset(slot.rates, 0, sizeof(slot.rates))
            slot.window = window
        slot.rates[kind] += 1
        return slot.rates[kind]
