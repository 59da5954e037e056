"""What the load receiver makes of each message: its mark, its sums, and the count of its copies by run and number.

Law: traffic.pyx says what an X-Load line is. A mark whose check value does not fit is damage, never a number to count; what is
counted is what a mark that is whole tells of, beside what has come.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memchr, memcmp, memcpy, memset

from pyfix._core.data cimport ContentSink
from pyfix._core.frame cimport crc32c

cdef const char* NAME = b"X-Load: "


cdef class Run:
    """What has come of one run: an entry for each message number, 24 bytes."""

    def __init__(self, bytes name):
        self.name = name

    def __dealloc__(self):
        free(self.entries)

    cdef int take(self, int64_t number, int32_t wanted, uint64_t wanted_sum, int32_t got, uint64_t got_sum) except -1:
        """One copy of message `number`, meant for `wanted` recipients, came for `got` of them."""
        cdef Entry* entry
        if number >= self.size:
            self.grow(number)
        entry = &self.entries[number]
        entry.wanted, entry.wanted_sum = wanted, wanted_sum
        entry.got += got
        entry.got_sum += got_sum
        return 0

    cdef int grow(self, int64_t number) except -1:
        """Makes room for `number`."""
        cdef int64_t size = max(number + 1, self.size * 2, 1024)
        cdef Entry* grown = <Entry*>realloc(self.entries, size * sizeof(Entry))
        if grown == NULL:
            raise MemoryError()
        memset(grown + self.size, 0, (size - self.size) * sizeof(Entry))
        self.entries, self.size = grown, size
        return 0

    def state(self) -> bytes:
        """All entries, for merge() in another process."""
        return (<char*>self.entries)[:self.size * sizeof(Entry)] if self.size else b""

    def merge(self, bytes data not None) -> None:
        """Adds what another process received of this run."""
        cdef const Entry* other = <const Entry*><const char*>data
        cdef int64_t i, count = len(data) // sizeof(Entry)
        if count > self.size:
            self.grow(count - 1)
        for i in range(count):
            if other[i].wanted:
                self.take(i, other[i].wanted, other[i].wanted_sum, other[i].got, other[i].got_sum)

    def result(self) -> dict:
        """Numbers of messages: seen, complete, incomplete, doubled, with other recipients than they were sent to.

        wrong_recipients: as many as were wanted, but not those: an address was changed, or one lost and one doubled.
        """
        cdef int64_t i, highest = -1, complete = 0, partial = 0, missing = 0, doubled = 0, wrong = 0, extra = 0
        for i in range(self.size):
            if self.entries[i].wanted == 0:
                continue
            highest = i
            if self.entries[i].got < self.entries[i].wanted:
                partial += 1
                missing += self.entries[i].wanted - self.entries[i].got
            elif self.entries[i].got > self.entries[i].wanted:
                doubled += 1
                extra += self.entries[i].got - self.entries[i].wanted
            elif self.entries[i].got_sum != self.entries[i].wanted_sum:
                wrong += 1
            else:
                complete += 1
        return {"messages": partial + doubled + wrong + complete, "highest": highest, "complete": complete,
                "incomplete": partial, "recipients_missing": missing, "doubled": doubled, "recipients_extra": extra,
                "wrong_recipients": wrong}


cdef bint hex_value(const char* p, int n, uint64_t* out) noexcept nogil:
    """Lower-case hexadecimal digits, all `n` of them."""
    cdef int i
    cdef unsigned char c
    out[0] = 0
    for i in range(n):
        c = p[i]
        if b'0' <= c <= b'9':
            c -= 48
        elif b'a' <= c <= b'f':
            c -= 87
        else:
            return False
        out[0] = out[0] << 4 | c
    return True


cdef int number_value(const char* p, int n, int64_t* out) noexcept nogil:
    """Decimal digits and the blank behind them: how many bytes, 0 if there is no number."""
    cdef int i = 0
    out[0] = 0
    while i < n and i < 18 and b'0' <= p[i] <= b'9':
        out[0] = out[0] * 10 + p[i] - 48
        i += 1
    return i + 1 if i and i < n and p[i] == b' ' else 0


cdef bint parse_mark(const char* p, int n, Mark* mark) noexcept nogil:
    """What follows "X-Load: ", without the line end: whether it is whole and true to its check value."""
    cdef uint64_t check, crc
    cdef int64_t recipients
    cdef int at = 0, step
    if n < 44 or not hex_value(p + n - 8, 8, &check) or check != crc32c(0, p, n - 8):
        return False
    while at < 16 and p[at] != b' ':
        mark.run[at] = p[at]
        at += 1
    mark.run[at] = 0
    at += 1
    step = number_value(p + at, n - at, &mark.number)
    at += step
    if step == 0 or mark.number >= NUMBERS:
        return False
    step = number_value(p + at, n - at, &recipients)
    at += step
    if step == 0 or n - at < 17 or not hex_value(p + at, 16, &mark.sum):
        return False
    mark.recipients = <int32_t>recipients
    at += 17
    step = number_value(p + at, n - at, &mark.stamp)
    at += step
    if step == 0:
        return False
    step = number_value(p + at, n - at, &mark.length)
    at += step
    if step == 0 or n - at != 17 or not hex_value(p + at, 8, &crc):
        return False
    mark.crc = <uint32_t>crc
    return True


cdef class Check(ContentSink):
    """One message's content on its way: finds the mark in the header, sums up the body."""

    cdef void begin(self) noexcept:
        self.line_length = 0
        self.in_body = self.marked = self.damaged = False
        self.crc, self.length = 0, 0

    cdef int write(self, const char* p, size_t n) except -1:
        cdef size_t at = 0
        cdef size_t size
        cdef const char* newline
        while at < n and not self.in_body:
            newline = <const char*>memchr(p + at, 10, n - at)
            size = (newline + 1 - p if newline != NULL else n) - at
            if self.line_length == 0 and newline != NULL:
                self.take_line(p + at, size)
            else:
                self.keep(p + at, size)
                if newline != NULL:
                    self.take_line(self.line, self.line_length)
                    self.line_length = 0
            at += size
        if at < n:
            self.crc = crc32c(self.crc, p + at, n - at)
            self.length += n - at
        return 0

    cdef void keep(self, const char* p, size_t n) noexcept:
        """A part of a line; what is over the limit is not looked at, but its end (LF) is kept in mind."""
        if n > <size_t>(LINE - self.line_length):
            n = LINE - self.line_length
        memcpy(self.line + self.line_length, p, n)
        self.line_length += <int>n

    cdef void take_line(self, const char* p, size_t n) noexcept:
        """One header line with its end."""
        if n <= 2:
            self.in_body = True
        elif n > 10 and n <= LINE and p[0] == b'X' and memcmp(p, NAME, 8) == 0 and not self.marked:
            self.marked = parse_mark(p + 8, <int>n - 10, &self.mark)
            self.damaged = not self.marked

    cdef bint intact(self) noexcept:
        """Whether the body is the one that the mark tells of."""
        return self.length == self.mark.length and self.crc == self.mark.crc


def examine(content: bytes, cuts=()) -> tuple:
    """What the receiver makes of a message's content, cut at the given offsets: for tests.

    (mark or None, damaged, intact); the mark is (run, number, recipients, sum, stamp, length, crc).
    """
    cdef Check check = Check()
    cdef const char* p = content
    cdef size_t start = 0, stop
    check.begin()
    for stop in (*cuts, len(content)):
        check.write(p + start, stop - start)
        start = stop
    if not check.marked:
        return None, bool(check.damaged), False
    return ((<bytes>check.mark.run, check.mark.number, check.mark.recipients, check.mark.sum, check.mark.stamp, check.mark.length,
             check.mark.crc), False, check.intact())
