"""The slot table: 64 bytes for each queued message, found by its queue id's number.

Law: docs/queue.md "Memory". qmgr keeps one slot a message, whatever its state; addresses
and reasons stay in the logs, the slot knows their places. Slots are pages that never
move; a seeded open-addressing index leads from the number in the queue id to the slot.

Queue ids have Postfix's two shapes (postconf(5), enable_long_queue_ids): short, five
hex digits of microseconds and a number in hex; long, base 52 seconds and microseconds, "z",
and the number in base 51. The number is unique for ever (docs/queue.md "Queue ids").
"""

from cpython.bytes cimport PyBytes_FromStringAndSize, PyBytes_GET_SIZE, PyBytes_AS_STRING
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, memset
from libc.stdint cimport int64_t

cdef extern from *:
    """
    static const char digits52[] = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";
    static const char digits16[] = "0123456789ABCDEF";
    static int value52(unsigned char c) {
        const char *p = c ? memchr(digits52, c, 52) : 0;
        return p ? (int)(p - digits52) : -1;
    }
    static int value16(unsigned char c) {
        const char *p = c ? memchr(digits16, c, 16) : 0;
        return p ? (int)(p - digits16) : -1;
    }
    """
    const char* digits52
    const char* digits16
    int value52(unsigned char c) noexcept nogil
    int value16(unsigned char c) noexcept nogil

cdef uint64_t LONG_ID = <uint64_t>1 << 63
cdef uint64_t NUMBER_LIMIT = <uint64_t>1 << 60
SLOT_BYTES = sizeof(Slot)
MAX_ID = 40


cdef int put_base(uint64_t value, int base, int width, const char* digits, char* out) noexcept nogil:
    """Write `value`, at least `width` digits; returns the digits written (at most 16)."""
    cdef char[16] text
    cdef int n = 0
    cdef int i
    while (value or n < width) and n < 16:
        text[n] = digits[value % <uint64_t>base]
        value //= <uint64_t>base
        n += 1
    for i in range(n):
        out[i] = text[n - 1 - i]
    return n


cdef int format_id(uint64_t number, uint32_t sec, uint32_t usec, char* out) noexcept nogil:
    """Write the queue id (MAX_ID bytes of room) and return its length."""
    cdef int n
    if not number & LONG_ID:
        n = put_base(usec, 16, 5, digits16, out)
        return n + put_base(number, 16, 1, digits16, out + n)
    n = put_base(sec, 52, 6, digits52, out)
    n += put_base(usec, 52, 4, digits52, out + n)
    out[n] = c"z"
    return n + 1 + put_base(number & ~LONG_ID, 51, 1, digits52, out + n + 1)


cdef int parse_digits(const char* text, Py_ssize_t length, int base, uint64_t limit, uint64_t* value) noexcept nogil:
    """Read `length` (> 0) digits below `limit`; -1 when that is not what stands there."""
    cdef int digit
    cdef Py_ssize_t i
    value[0] = 0
    if length < 1 or length > 16:
        return -1
    for i in range(length):
        digit = value16(<unsigned char>text[i]) if base == 16 else value52(<unsigned char>text[i])
        if digit < 0 or digit >= base:
            return -1
        value[0] = value[0] * <uint64_t>base + <uint64_t>digit
        if value[0] >= limit:
            return -1
    return 0


cdef int parse_id(const char* text, Py_ssize_t length, uint64_t* number, uint32_t* sec, uint32_t* usec) noexcept nogil:
    """Take a queue id apart; -1 when it has neither shape."""
    cdef uint64_t s = 0
    cdef uint64_t u = 0
    cdef Py_ssize_t z = length - 1
    while z > 0 and text[z] != c"z":
        z -= 1
    if z >= 10:
        if (parse_digits(text, z - 4, 52, <uint64_t>1 << 32, &s) or parse_digits(text + z - 4, 4, 52, 1000000, &u)
                or parse_digits(text + z + 1, length - z - 1, 51, NUMBER_LIMIT, number)):
            return -1
        number[0] |= LONG_ID
    elif (length < 6 or parse_digits(text, 5, 16, 1000000, &u)
            or parse_digits(text + 5, length - 5, 16, NUMBER_LIMIT, number)):
        return -1
    sec[0] = <uint32_t>s
    usec[0] = <uint32_t>u
    return 0


def make_id(uint64_t number, int64_t when_us, bint long_form=False) -> bytes:
    """The queue id of `number` (below 2**60) given at `when_us` (microseconds since the epoch)."""
    cdef char[40] text
    if number >= NUMBER_LIMIT or when_us < 0:
        raise ValueError("queue id number or time out of range")
    cdef uint32_t sec = <uint32_t>(when_us // 1000000)
    cdef uint32_t usec = <uint32_t>(when_us % 1000000)
    cdef int n = format_id(number | (LONG_ID if long_form else 0), sec, usec, text)
    return PyBytes_FromStringAndSize(text, n)


def split_id(bytes queue_id not None) -> tuple:
    """(number, seconds or 0, microseconds, long form?) of a queue id; ValueError when it is none."""
    cdef uint64_t number = 0
    cdef uint32_t sec = 0
    cdef uint32_t usec = 0
    if parse_id(PyBytes_AS_STRING(queue_id), PyBytes_GET_SIZE(queue_id), &number, &sec, &usec):
        raise ValueError(f"not a queue id: {queue_id[:40]!r}")
    return number & ~LONG_ID, sec, usec, (number & LONG_ID) != 0


cdef class SlotTable:
    """Slots by number. Slot 0 does not exist; `seed` (64 bits) makes the index unpredictable."""

    def __cinit__(self, uint64_t seed=0):
        self.seed = seed
        self.grow_index(1024)

    def __dealloc__(self):
        cdef uint32_t i
        for i in range(self.npages):
            free(self.pages[i])
        free(self.pages)
        free(self.index)

    def __len__(self) -> int:
        return self.used

    @property
    def last(self) -> int:
        """The highest slot ever in use: slots to walk are 1 .. last."""
        return self.top

    def memory(self) -> int:
        """Bytes held in slots and index."""
        return self.npages * PAGE_SLOTS * sizeof(Slot) + (self.mask + 1) * sizeof(uint32_t)

    cdef int grow_pages(self) except -1:
        cdef Slot** pages = <Slot**>realloc(self.pages, (self.npages + 1) * sizeof(Slot*))
        if pages == NULL:
            raise MemoryError
        self.pages = pages
        pages[self.npages] = <Slot*>calloc(PAGE_SLOTS, sizeof(Slot))
        if pages[self.npages] == NULL:
            raise MemoryError
        self.npages += 1
        return 0

    cdef uint64_t home(self, uint64_t number) noexcept nogil:
        """The number's first place in the index (the 64-bit finalizer of MurmurHash3, seeded)."""
        cdef uint64_t h = (number & ~LONG_ID) ^ self.seed
        h = (h ^ (h >> 33)) * <uint64_t>0xff51afd7ed558ccdULL
        h = (h ^ (h >> 33)) * <uint64_t>0xc4ceb9fe1a85ec53ULL
        return (h ^ (h >> 33)) & self.mask

    cdef int grow_index(self, uint64_t capacity) except -1:
        """Make an index of `capacity` (a power of two) places and file all slots in it."""
        cdef uint32_t* index = <uint32_t*>calloc(capacity, sizeof(uint32_t))
        cdef uint32_t* old = self.index
        cdef uint64_t size = self.mask + 1 if old != NULL else 0
        cdef uint64_t i, h
        if index == NULL:
            raise MemoryError
        self.index = index
        self.mask = capacity - 1
        for i in range(size):
            if old[i]:
                h = self.home(self.at(old[i]).number)
                while index[h]:
                    h = (h + 1) & self.mask
                index[h] = old[i]
        free(old)
        return 0

    cdef uint32_t new_slot(self) except 0:
        """A zeroed slot, not filed yet."""
        cdef uint32_t slot = self.free_head
        if slot:
            self.free_head = self.at(slot).next
        else:
            if self.top + 1 >= self.npages * PAGE_SLOTS:
                self.grow_pages()
            self.top += 1
            slot = self.top
        memset(self.at(slot), 0, sizeof(Slot))
        return slot

    cdef int file(self, uint32_t slot) except -1:
        """Enter a slot whose number and state are set into the index and the counts."""
        if (self.used + 1) * <uint64_t>4 > (self.mask + 1) * 3:
            self.grow_index((self.mask + 1) * 2)
        cdef uint64_t h = self.home(self.at(slot).number)
        while self.index[h]:
            h = (h + 1) & self.mask
        self.index[h] = slot
        self.used += 1
        self.counts[self.at(slot).state & 7] += 1
        return 0

    cdef uint32_t lookup(self, uint64_t number) noexcept nogil:
        """The slot of a queue id number, 0 when there is none."""
        cdef uint64_t h = self.home(number)
        while self.index[h]:
            if (self.at(self.index[h]).number ^ number) << 1 == 0:
                return self.index[h]
            h = (h + 1) & self.mask
        return 0

    cdef int forget(self, uint32_t slot) except -1:
        """Take the slot out of the index (shifting back what follows) and free it."""
        cdef uint64_t h = self.home(self.at(slot).number)
        cdef uint64_t hole, want
        while self.index[h] != slot:
            if not self.index[h]:
                raise AssertionError("slot is not in the index")
            h = (h + 1) & self.mask
        hole = h
        while True:
            h = (h + 1) & self.mask
            if not self.index[h]:
                break
            want = self.home(self.at(self.index[h]).number)
            if ((h - want) & self.mask) >= ((h - hole) & self.mask):
                self.index[hole] = self.index[h]
                hole = h
        self.index[hole] = 0
        self.counts[self.at(slot).state & 7] -= 1
        self.used -= 1
        memset(self.at(slot), 0, sizeof(Slot))
        self.at(slot).next = self.free_head
        self.free_head = slot
        return 0

    cdef void set_state_c(self, uint32_t slot, uint8_t state) noexcept nogil:
        cdef Slot* s = self.at(slot)
        self.counts[s.state & 7] -= 1
        self.counts[state & 7] += 1
        s.state = state

    cdef Slot* get(self, uint32_t slot) except NULL:
        """The slot's memory; KeyError for a slot that is not in use."""
        if slot == 0 or slot > self.top or self.at(slot).state == FREE:
            raise KeyError(slot)
        return self.at(slot)

    def add(self, bytes queue_id not None, int64_t arrival_us, uint32_t segment, uint32_t offset, uint32_t length,
            uint64_t size, uint16_t flags, uint8_t state=INCOMING) -> int:
        """File a message and return its slot. ValueError: not a queue id, or a bad state; KeyError: its number is taken."""
        cdef uint64_t number = 0
        cdef uint32_t sec = 0
        cdef uint32_t usec = 0
        cdef uint32_t slot
        if parse_id(PyBytes_AS_STRING(queue_id), PyBytes_GET_SIZE(queue_id), &number, &sec, &usec):
            raise ValueError(f"not a queue id: {queue_id[:40]!r}")
        if not INCOMING <= state <= CORRUPT:
            raise ValueError("not a queue state")
        if self.lookup(number):
            raise KeyError(queue_id)
        slot = self.new_slot()
        cdef Slot* s = self.at(slot)
        s.number, s.id_sec, s.id_usec = number, sec, usec
        s.arrival = <uint32_t>(arrival_us // 1000000)
        s.segment, s.offset, s.length = segment, offset, length
        s.size = <uint32_t>min(size, <uint64_t>0xffffffff)
        s.flags, s.state = flags & ~<uint16_t>LINKED, state
        self.file(slot)
        return slot

    def remove(self, uint32_t slot) -> None:
        """Free a slot. KeyError: not in use; AssertionError: still in the timer wheel."""
        if self.get(slot).flags & LINKED:
            raise AssertionError("slot is in the timer wheel")
        self.forget(slot)

    def find(self, bytes queue_id not None) -> int:
        """The slot of a queue id, 0 when it is not queued (or is not a queue id)."""
        cdef uint64_t number = 0
        cdef uint32_t sec = 0
        cdef uint32_t usec = 0
        cdef uint32_t slot
        cdef Slot* s
        if parse_id(PyBytes_AS_STRING(queue_id), PyBytes_GET_SIZE(queue_id), &number, &sec, &usec):
            return 0
        slot = self.lookup(number)
        if slot:
            s = self.at(slot)
            if s.number != number or s.id_sec != sec or s.id_usec != usec:
                return 0
        return slot

    def find_number(self, uint64_t number) -> int:
        """The slot of a queue id's number, 0 when there is none."""
        return self.lookup(number)

    def queue_id(self, uint32_t slot) -> bytes:
        """The queue id of a slot in use."""
        cdef char[40] text
        cdef Slot* s = self.get(slot)
        return PyBytes_FromStringAndSize(text, format_id(s.number, s.id_sec, s.id_usec, text))

    def number(self, uint32_t slot) -> int:
        """The number in its queue id."""
        return self.get(slot).number & ~LONG_ID

    def place(self, uint32_t slot) -> tuple:
        """(segment, offset, length) of its record."""
        cdef Slot* s = self.get(slot)
        return s.segment, s.offset, s.length

    def set_place(self, uint32_t slot, uint32_t segment, uint32_t offset, uint32_t length) -> None:
        """Its record has moved."""
        cdef Slot* s = self.get(slot)
        s.segment, s.offset, s.length = segment, offset, length

    def state(self, uint32_t slot) -> int:
        """Its state, 0 for a slot not in use."""
        return self.at(slot).state if 0 < slot <= self.top else 0

    def set_state(self, uint32_t slot, uint8_t state) -> None:
        """Change its state; ValueError when it is none."""
        if not INCOMING <= state <= CORRUPT:
            raise ValueError("not a queue state")
        self.get(slot)
        self.set_state_c(slot, state)

    def count(self, uint8_t state) -> int:
        """How many slots are in a state."""
        return self.counts[state & 7]

    def flags(self, uint32_t slot) -> int:
        """model.Envelope.flags and, above them, the table's own bits."""
        return self.get(slot).flags

    def set_flag(self, uint32_t slot, uint16_t flag, bint on=True) -> None:
        """Set or clear one bit (not LINKED, which is the wheel's)."""
        cdef Slot* s = self.get(slot)
        flag &= ~<uint16_t>LINKED
        s.flags = s.flags | flag if on else s.flags & ~flag

    def arrival(self, uint32_t slot) -> int:
        """Seconds since the epoch."""
        return self.get(slot).arrival

    def size(self, uint32_t slot) -> int:
        """Content bytes (at most 2**32 - 1 is remembered)."""
        return self.get(slot).size

    def due(self, uint32_t slot) -> int:
        """Seconds since the epoch of its next attempt, 0 when none is set."""
        return self.get(slot).due

    def tries(self, uint32_t slot) -> int:
        """Attempts made, at most 255 remembered."""
        return self.get(slot).tries

    def set_tries(self, uint32_t slot, uint8_t tries) -> None:
        """Set the count of attempts."""
        self.get(slot).tries = tries

    def tried(self, uint32_t slot) -> int:
        """Count one attempt more and return the count."""
        cdef Slot* s = self.get(slot)
        if s.tries < 255:
            s.tries += 1
        return s.tries

    def reason(self, uint32_t slot) -> tuple:
        """(segment, offset) of its last reason in the state log; (0, 0): none."""
        cdef Slot* s = self.get(slot)
        return s.reason_segment, s.reason_offset

    def set_due(self, uint32_t slot, uint32_t due) -> None:
        """Set when it is due without filing it in a wheel (recovery does, and files all at the end)."""
        self.get(slot).due = due

    def set_reason(self, uint32_t slot, uint32_t segment, uint32_t offset) -> None:
        """Remember where its last reason is."""
        cdef Slot* s = self.get(slot)
        s.reason_segment, s.reason_offset = segment, offset

    def walk(self, uint32_t states, uint32_t cursor=0, uint32_t limit=1000) -> tuple:
        """Slots after `cursor` whose state's bit is set in `states`: ([slot, ...] at most `limit`, next cursor or 0 at the end)."""
        cdef list found = []
        cdef uint32_t slot = cursor + 1
        while slot <= self.top:
            if (states >> self.at(slot).state) & 1 and self.at(slot).state != FREE:
                found.append(slot)
                limit -= 1
                if limit == 0:
                    return found, slot
            slot += 1
        return found, 0

    def dump(self, uint32_t cursor=0, uint32_t limit=16384) -> tuple:
        """Slots in use after `cursor` as bytes, SLOT_BYTES each, for a checkpoint: (bytes, next cursor or 0 at the end)."""
        cdef uint32_t last = min(self.top, cursor + limit)
        cdef uint32_t slot
        cdef Py_ssize_t n = 0
        for slot in range(cursor + 1, last + 1):
            n += self.at(slot).state != FREE
        cdef bytes out = PyBytes_FromStringAndSize(NULL, n * sizeof(Slot))
        cdef char* p = PyBytes_AS_STRING(out)
        for slot in range(cursor + 1, last + 1):
            if self.at(slot).state != FREE:
                memcpy(p, self.at(slot), sizeof(Slot))
                p += sizeof(Slot)
        return out, (last if last < self.top else 0)

    def load(self, bytes image not None) -> int:
        """File the slots of a dump(): links cleared, what was active incoming, a number already present skipped. Returns how many were filed; ValueError: not a dump."""
        cdef Py_ssize_t n = PyBytes_GET_SIZE(image) // <Py_ssize_t>sizeof(Slot)
        cdef Py_ssize_t i
        cdef uint32_t slot
        cdef uint32_t filed = 0
        cdef Slot* s
        cdef const char* p = PyBytes_AS_STRING(image)
        if n * <Py_ssize_t>sizeof(Slot) != PyBytes_GET_SIZE(image):
            raise ValueError("not a dump of slots")
        for i in range(n):
            slot = self.new_slot()
            s = self.at(slot)
            memcpy(s, p + i * <Py_ssize_t>sizeof(Slot), sizeof(Slot))
            if not INCOMING <= s.state <= CORRUPT or self.lookup(s.number):
                memset(s, 0, sizeof(Slot))
                s.next = self.free_head
                self.free_head = slot
                continue
            s.next = s.prev = 0
            s.flags &= ~<uint16_t>LINKED
            if s.state == ACTIVE:
                s.state = INCOMING
            self.file(slot)
            filed += 1
        return filed

    def by_segment(self) -> tuple:
        """What stands where: ({segment: [messages, bytes]}, {state log segment: reasons}), for a restart."""
        cdef dict live = {}
        cdef dict reasons = {}
        cdef uint32_t slot
        cdef uint32_t last = 0
        cdef list entry = None
        cdef Slot* s
        for slot in range(1, self.top + 1):
            s = self.at(slot)
            if s.state == FREE:
                continue
            if entry is None or s.segment != last:
                last = s.segment
                entry = live.setdefault(last, [0, 0])
            entry[0] += 1
            entry[1] += s.length
            if s.reason_segment:
                reasons[s.reason_segment] = reasons.get(s.reason_segment, 0) + 1
        return live, reasons

    def flagged(self, uint16_t flag) -> list:
        """Slots in use that have one of these bits."""
        return [slot for slot in range(1, self.top + 1) if self.at(slot).state != FREE and self.at(slot).flags & flag]

    def in_segment(self, uint32_t segment, uint32_t limit=1000) -> list:
        """At most `limit` slots whose record is in a segment."""
        cdef list found = []
        cdef uint32_t slot
        for slot in range(1, self.top + 1):
            if self.at(slot).state != FREE and self.at(slot).segment == segment:
                found.append(slot)
                if <uint32_t>len(found) == limit:
                    break
        return found

    def with_reason_in(self, uint32_t segment, uint32_t limit=1000) -> list:
        """At most `limit` slots whose last reason is in a segment of the state log."""
        cdef list found = []
        cdef uint32_t slot
        for slot in range(1, self.top + 1):
            if self.at(slot).state != FREE and self.at(slot).reason_segment == segment:
                found.append(slot)
                if <uint32_t>len(found) == limit:
                    break
        return found
