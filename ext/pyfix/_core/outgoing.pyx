"""Stored content becomes what follows 354: clean line ends, stuffed dots, broken long lines, the final dot.

Law: RFC 5321 2.3.8 (CR and LF only as CRLF), 4.5.2 (transparency), 4.5.3.1.6 (line
length); Postfix smtp_line_length_limit. Whatever is stored, the output holds no CR or
LF but in CRLF, and CRLF.CRLF once, at its end: a stray CR or LF becomes a space, and
a long line is broken with CRLF SPACE, so that what follows can't look like a dot line.

`clean_prefix` says how much of a chunk may leave as it is, so that content which needs
no edit is sent from where it lies.
"""

from libc.string cimport memchr, memcpy

cdef enum:
    SHORTEST_LIMIT = 16    # a shorter limit would make the output grow without sense


cdef inline Py_ssize_t up_to_limit(LineState* state, Py_ssize_t length) noexcept nogil:
    """Count up to `length` bytes of the line; returns how many fit."""
    if state.limit and state.column + length > state.limit:
        length = state.limit - state.column
    state.column += length
    return length


cdef Py_ssize_t clean_prefix(LineState* state, const char* data, Py_ssize_t length) noexcept nogil:
    """Number of leading bytes that need no edit; `state` is then that after these bytes."""
    cdef Py_ssize_t position = 0, size, fits
    cdef const char* newline
    cdef const char* cr
    if state.cr:
        return 0
    while position < length:
        if state.column == 0 and data[position] == 46:
            return position
        newline = <const char*>memchr(data + position, 10, length - position)
        size = (newline - data if newline != NULL else length) - position
        cr = <const char*>memchr(data + position, 13, size)
        if cr != NULL:
            size = cr - data - position
        fits = up_to_limit(state, size)
        position += fits
        if fits < size or cr == NULL or newline != cr + 1:
            return position
        state.column = 0
        position += 2
    return position


cdef inline Py_ssize_t put_byte(LineState* state, char byte, char* out) noexcept nogil:
    """One byte of text; at most 4 bytes are written."""
    cdef Py_ssize_t n = 0
    if state.limit and state.column >= state.limit:
        out[0], out[1], out[2] = 13, 10, 32
        n, state.column, state.folded = 3, 1, True
    elif state.column == 0 and byte == 46:
        out[0] = 46
        n = 1
    out[n] = byte
    state.column += 1
    return n + 1


cdef inline Py_ssize_t step(LineState* state, char byte, char* out) noexcept nogil:
    """One byte that may need an edit; at most 8 bytes are written."""
    cdef Py_ssize_t n = 0
    if state.cr:
        state.cr = False
        if byte == 10:
            out[0], out[1] = 13, 10
            state.column = 0
            return 2
        n = put_byte(state, 32, out)
    if byte == 13:
        state.cr = True
        return n
    return n + put_byte(state, 32 if byte == 10 else byte, out + n)


cdef Py_ssize_t encode_into(LineState* state, const char* data, Py_ssize_t length, char* out) noexcept nogil:
    """Encode a chunk; `out` has room for 2 * length + 16 bytes. Returns how many were written."""
    cdef Py_ssize_t position = 0, written = 0, clean
    while position < length:
        clean = clean_prefix(state, data + position, length - position)
        memcpy(out + written, data + position, clean)
        position += clean
        written += clean
        if position < length:
            written += step(state, data[position], out + written)
            position += 1
    return written


cdef Py_ssize_t finish_into(LineState* state, char* out) noexcept nogil:
    """End the last line if it is open, and the content; `out` has room for 16 bytes."""
    cdef Py_ssize_t n = 0
    if state.cr:
        state.cr = False
        n = put_byte(state, 32, out)
    if state.column:
        out[n], out[n + 1] = 13, 10
        n += 2
        state.column = 0
    out[n], out[n + 1], out[n + 2] = 46, 13, 10
    return n + 3


cdef class Encoder:
    """The encoder for Python callers: encode() each chunk, then finish().

    limit: longest line in bytes (smtp_line_length_limit), 0 for none; below 16 it is taken as 16.
    """

    cdef LineState state

    def __cinit__(self, Py_ssize_t limit=998):
        self.state.limit = 0 if limit <= 0 else max(limit, SHORTEST_LIMIT)

    @property
    def folded(self) -> bool:
        """Whether a line had to be broken."""
        return self.state.folded

    def clean(self, bytes data not None) -> int:
        """How many leading bytes of `data` may be sent as they are; they count as encoded."""
        return clean_prefix(&self.state, data, len(data))

    def encode(self, bytes data not None) -> bytes:
        """The chunk as it goes on the wire."""
        cdef bytearray out = bytearray(2 * len(data) + 16)
        cdef Py_ssize_t size = encode_into(&self.state, data, len(data), out)
        return bytes(out[:size])

    def finish(self) -> bytes:
        """What ends the content: CRLF if the last line is open, then the final dot."""
        cdef char[16] out
        cdef Py_ssize_t size = finish_into(&self.state, out)
        return out[:size]
