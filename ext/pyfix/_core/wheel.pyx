"""The timer wheel: when each deferred message is due, in whole seconds.

Law: docs/queue.md "Memory". Three levels of 256 buckets (1 s, 256 s, 65536 s a bucket:
194 days; what is later waits in the last bucket and is filed again). The links are in the
slots, so that filing, cancelling and taking cost the same with one message and with ten million.
No clock: the caller says what time it is, and it never runs back.
"""

from pyfix._core.slots cimport DEFERRED, LINKED, Slot, SlotTable

cdef enum:
    READY = 768             # the bucket of what is due
    HEAD = 0x80000000       # marks a slot's prev as a bucket's number


cdef class Wheel:
    """A wheel over the slots of `table`, beginning at `now` (seconds since the epoch)."""

    def __cinit__(self, SlotTable table not None, uint32_t now):
        self.table = table
        self.now = now

    def __len__(self) -> int:
        return self.used

    cdef void link(self, uint32_t slot, uint32_t bucket) noexcept nogil:
        """Put the slot at the head of a bucket."""
        cdef Slot* s = self.table.at(slot)
        s.next = self.heads[bucket]
        s.prev = HEAD | bucket
        if s.next:
            self.table.at(s.next).prev = slot
        self.heads[bucket] = slot

    cdef void unlink(self, uint32_t slot) noexcept nogil:
        cdef Slot* s = self.table.at(slot)
        if s.prev & HEAD:
            self.heads[s.prev & ~<uint32_t>HEAD] = s.next
        else:
            self.table.at(s.prev).next = s.next
        if s.next:
            self.table.at(s.next).prev = s.prev
        s.next = s.prev = 0

    cdef uint32_t bucket_for(self, uint32_t due) noexcept nogil:
        """The bucket of a time: by its distance from now."""
        if due <= self.now:
            return READY
        if due - self.now < 256:
            return due & 255
        if (due >> 8) - (self.now >> 8) < 256:
            return 256 + ((due >> 8) & 255)
        if (due >> 16) - (self.now >> 16) < 256:
            return 512 + ((due >> 16) & 255)
        return 512 + (((self.now >> 16) + 255) & 255)

    cdef void cascade(self, uint32_t bucket) noexcept nogil:
        """File again what is in a bucket whose time has come."""
        cdef uint32_t slot = self.heads[bucket]
        cdef uint32_t follower
        self.heads[bucket] = 0
        while slot:
            follower = self.table.at(slot).next
            self.link(slot, self.bucket_for(self.table.at(slot).due))
            slot = follower

    cdef void advance(self, uint32_t now) noexcept nogil:
        """Let the time pass, second by second."""
        while self.now < now:
            if self.used == 0:
                self.now = now
                return
            self.now += 1
            if self.now & 0xffff == 0:
                self.cascade(512 + ((self.now >> 16) & 255))
            if self.now & 0xff == 0:
                self.cascade(256 + ((self.now >> 8) & 255))
            self.cascade(self.now & 255)

    def insert(self, uint32_t slot, uint32_t due) -> None:
        """File a slot for `due`, in place of where it was. KeyError: not in use."""
        cdef Slot* s = self.table.get(slot)
        if s.flags & LINKED:
            self.unlink(slot)
        else:
            self.used += 1
            s.flags |= LINKED
        s.due = due
        self.link(slot, self.bucket_for(due))

    def cancel(self, uint32_t slot) -> bool:
        """Take a slot out; False when it was not in the wheel. KeyError: not in use."""
        cdef Slot* s = self.table.get(slot)
        if not s.flags & LINKED:
            return False
        self.unlink(slot)
        s.flags &= ~<unsigned short>LINKED
        s.due = 0
        self.used -= 1
        return True

    def pop(self, uint32_t now, uint32_t limit=1000) -> list:
        """Take out at most `limit` slots that are due at `now`."""
        cdef list due = []
        cdef uint32_t slot
        cdef Slot* s
        self.advance(now)
        while limit and self.heads[READY]:
            slot = self.heads[READY]
            self.unlink(slot)
            s = self.table.at(slot)
            s.flags &= ~<unsigned short>LINKED
            s.due = 0
            self.used -= 1
            limit -= 1
            due.append(slot)
        return due

    def wake(self) -> int:
        """The second at which pop() is worth calling next (it may find nothing yet); 0 when the wheel is empty."""
        cdef uint32_t i
        if self.used == 0:
            return 0
        if self.heads[READY]:
            return self.now
        for i in range(1, 256):
            if self.heads[(self.now + i) & 255]:
                return self.now + i
            if (self.now + i) & 255 == 0:
                return self.now + i
        return self.now + 256

    def refile(self) -> int:
        """File every deferred slot of the table that is not filed, at its due time (after a restart); how many."""
        cdef uint32_t slot
        cdef uint32_t filed = 0
        cdef Slot* s
        for slot in range(1, self.table.top + 1):
            s = self.table.at(slot)
            if s.state == DEFERRED and not s.flags & LINKED:
                s.flags |= LINKED
                self.link(slot, self.bucket_for(s.due))
                filed += 1
        self.used += filed
        return filed

    def rush(self) -> int:
        """Make everything due now (postqueue -f); returns how many are due."""
        cdef uint32_t bucket, slot, follower
        for bucket in range(<uint32_t>READY):
            slot = self.heads[bucket]
            self.heads[bucket] = 0
            while slot:
                follower = self.table.at(slot).next
                self.table.at(slot).due = self.now
                self.link(slot, READY)
                slot = follower
        return self.used
