# cython: boundscheck=False
"""The header block of a message: fields, their known names, and what is missing, in one pass.

Law: a field is a name of printable ASCII, perhaps blanks, and a colon; a line that begins
with a blank continues it; an empty line ends the block, and so does any other line, which
then is the first of the body. The scan goes on where it stopped when more bytes have come, and
gives the same table however the bytes were cut.

Source: RFC 5322 section 2.2; postconf(5) header_size_limit, message_drop_headers; cleanup(8).
"""

from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcpy, memset

HEADER_NAMES = (
    b"", b"bcc", b"cc", b"content-length", b"content-transfer-encoding", b"content-type", b"date", b"delivered-to",
    b"errors-to", b"from", b"message-id", b"mime-version", b"received", b"reply-to", b"resent-bcc", b"resent-cc",
    b"resent-date", b"resent-from", b"resent-message-id", b"resent-reply-to", b"resent-sender", b"resent-to",
    b"return-path", b"return-receipt-to", b"sender", b"tls-required", b"to", b"apparently-to", b"subject")

cdef const char* NAMES[H_COUNT]
FLAG_8BIT, FLAG_NO_BLANK, FLAG_OVERFLOW, FLAG_LONG, FLAG_NUL = (
    HEADERS_8BIT, HEADERS_NO_BLANK, HEADERS_OVERFLOW, HEADERS_LONG, HEADERS_NUL)

# Names of one length stand together: BY_LENGTH[n] .. BY_LENGTH[n + 1] - 1 of ORDER.
cdef int BY_LENGTH[28]
cdef int ORDER[H_COUNT]


def _sort_names():
    cdef int at = 0, length, i
    for i in range(<int> H_COUNT):
        NAMES[i] = HEADER_NAMES[i]
    for length in range(28):
        BY_LENGTH[length] = at
        for i in range(1, <int> H_COUNT):
            if len(HEADER_NAMES[i]) == length:
                ORDER[at] = i
                at += 1


_sort_names()


cdef uint32_t header_id(const char* name, size_t n) noexcept nogil:
    """The HeaderId of a field name in any case, H_OTHER if it is not a known one."""
    cdef int k
    cdef size_t i
    cdef const char* known
    if n < 2 or n > 25:
        return H_OTHER
    for k in range(BY_LENGTH[n], BY_LENGTH[n + 1]):
        known = NAMES[ORDER[k]]
        i = 0
        while i < n and (name[i] == known[i] or (65 <= name[i] <= 90 and name[i] + 32 == known[i])):
            i += 1
        if i == n:
            return <uint32_t> ORDER[k]
    return H_OTHER


cdef size_t header_name(const char* p, size_t n, size_t* value) noexcept nogil:
    """Length of the field name at the start of a line, 0 if it is no field; `value` gets the offset behind the colon."""
    cdef size_t i = 0, length
    while i < n and 32 < p[i] < 127 and p[i] != b":":
        i += 1
    length = i
    while i < n and (p[i] == 32 or p[i] == 9):
        i += 1
    if i == n or p[i] != b":":
        return 0
    value[0] = i + 1
    return length


cdef void headers_begin(HeaderTable* t, HeaderField* fields, uint32_t room, uint32_t limit) noexcept nogil:
    """An empty table that fills `fields`."""
    memset(t, 0, sizeof(HeaderTable))
    t.fields, t.room, t.limit = fields, room, limit


cdef inline uint32_t odd_bytes(const char* p, size_t n) noexcept nogil:
    """HEADERS_8BIT and HEADERS_NUL for these bytes."""
    cdef unsigned char every = 0
    cdef unsigned char zero = 0
    cdef size_t i
    for i in range(n):
        every |= <unsigned char> p[i]
        zero |= p[i] == 0
    return (HEADERS_8BIT if every & 0x80 else 0) | (HEADERS_NUL if zero else 0)


cdef void close_field(const char* p, HeaderTable* t) noexcept nogil:
    """The field that is open has all its lines: counts it and puts it into the array."""
    cdef size_t start, end
    if not t.open:
        return
    t.open = False
    t.seen |= <uint32_t> 1 << t.last.id
    if t.limit and t.last.end - t.last.start > t.limit:
        t.flags |= HEADERS_LONG
    if t.last.id == H_RECEIVED:
        t.received += 1
    elif t.last.id == H_DELIVERED_TO:
        t.delivered_to += 1
    elif t.last.id == H_MESSAGE_ID and t.message_id == 0:
        start, end = t.last.value, t.last.end
        while start < end and is_blank(p[start]):
            start += 1
        while end > start and is_blank(p[end - 1]):
            end -= 1
        t.message_id, t.message_id_length = start, end - start
    if t.count < t.room:
        memcpy(&t.fields[t.count], &t.last, sizeof(HeaderField))
    else:
        t.flags |= HEADERS_OVERFLOW
    t.count += 1


cdef inline bint is_blank(char c) noexcept nogil:
    return c == 32 or c == 9 or c == 13 or c == 10


cdef int end_block(const char* p, HeaderTable* t, size_t body, uint32_t flags) noexcept nogil:
    close_field(p, t)
    t.body = t.next = body
    t.flags |= flags
    return HEADERS_END


cdef int scan_headers(const char* p, size_t n, HeaderTable* t, bint final) noexcept nogil:
    """Goes through the lines of content `p` from t.next on. `final`: nothing comes after these n bytes.

    HEADERS_END once the block is over; with `final` always. A line that is not complete yet waits.
    """
    cdef const char* newline
    cdef size_t end, stop, name, value = 0
    while t.next < n:
        newline = <const char*> memchr(p + t.next, 10, n - t.next)
        if newline == NULL and not final:
            return HEADERS_MORE
        end = n if newline == NULL else <size_t> (newline - p) + 1
        stop = end if newline == NULL else end - 1
        if stop > t.next and p[stop - 1] == 13:
            stop -= 1
        if stop == t.next:
            return end_block(p, t, end, 0)
        if t.open and (p[t.next] == 32 or p[t.next] == 9):
            t.last.end = <uint32_t> end
        else:
            close_field(p, t)
            name = header_name(p + t.next, stop - t.next, &value)
            if name == 0:
                return end_block(p, t, t.next, HEADERS_NO_BLANK)
            t.last.start, t.last.name_length, t.last.end = <uint32_t> t.next, <uint32_t> name, <uint32_t> end
            t.last.value = <uint32_t> (t.next + value)
            t.last.id = header_id(p + t.next, name)
            t.open = True
        t.flags |= odd_bytes(p + t.next, stop - t.next)
        t.next = end
    return end_block(p, t, n, 0) if final else HEADERS_MORE


cdef class HeaderScanner:
    """A header scan that is fed in pieces: what the tests and the slow paths use.

    feed(piece) -> bool      is the end of the header block found?
    finish()                 no more pieces come
    fields                   [(id, name, value as it stands, with its line ends)]
    """

    cdef HeaderTable table
    cdef HeaderField* array
    cdef bytearray content
    cdef readonly bint done

    def __cinit__(self, uint32_t room=1024, uint32_t limit=0):
        self.array = <HeaderField*> malloc((room + 1) * sizeof(HeaderField))
        if self.array == NULL:
            raise MemoryError
        headers_begin(&self.table, self.array, room, limit)
        self.content = bytearray()

    def __dealloc__(self):
        free(self.array)

    def feed(self, bytes piece not None):
        """Takes more content; true when the end of the header block is among what was given."""
        self.content += piece
        if not self.done:
            self.done = scan_headers(self.content, len(self.content), &self.table, False) == HEADERS_END
        return self.done

    def finish(self):
        """The content ends here, and so does the header block if its end has not come."""
        if not self.done:
            self.done = scan_headers(self.content, len(self.content), &self.table, True) == HEADERS_END

    @property
    def fields(self):
        """[(id, name, value)] of the fields whose lines are all there; values keep their line ends."""
        cdef uint32_t i
        cdef list result = []
        for i in range(min(self.table.count, self.table.room)):
            field = self.array[i]
            result.append((field.id, bytes(self.content[field.start:field.start + field.name_length]),
                           bytes(self.content[field.value:field.end])))
        return result

    @property
    def body(self):
        """Offset of the body, None before the end is found."""
        return self.table.body if self.done else None

    @property
    def flags(self):
        """FLAG_* bits."""
        return self.table.flags

    @property
    def count(self):
        """How many fields there were, also beyond the room."""
        return self.table.count

    @property
    def received(self):
        """Number of Received fields."""
        return self.table.received

    @property
    def delivered_to(self):
        """Number of Delivered-To fields."""
        return self.table.delivered_to

    @property
    def message_id(self):
        """Value of the first Message-ID without blanks around it, b"" if none."""
        return bytes(self.content[self.table.message_id:self.table.message_id + self.table.message_id_length])

    def has(self, bytes name not None):
        """Was there a field of this known name (lower case)?"""
        return bool(self.table.seen >> HEADER_NAMES.index(name) & 1)
