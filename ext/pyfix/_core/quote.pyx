# cython: boundscheck=False
"""Quoting of local parts: internal form to external form and back.

Law: unquoting what was quoted gives the same address again. A local part is
either a dot-string or is quoted as a whole; the domain is taken as it is.

Source: RFC 5321 section 4.1.2 (Local-part), RFC 5322 section 3.2.4.
"""

from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcpy

FLAG_8BITCLEAN, FLAG_EXPOSE_AT, FLAG_BARE_LOCALPART = QUOTE_8BIT, QUOTE_EXPOSE_AT, QUOTE_BARE_LOCALPART

# Bytes that an ordinary path may not hold, one bit set for each other byte value.
cdef void fill_plain() noexcept nogil:
    cdef int c
    for c in range(256):
        PLAIN[c] = c != 0 and memchr(b"\t\n\r ()<>,;:\\\"[]", c, 15) == NULL


fill_plain()


cdef Py_ssize_t last_at(const char* p, size_t n) noexcept nogil:
    cdef Py_ssize_t i = <Py_ssize_t> n - 1
    while i >= 0 and p[i] != b"@":
        i -= 1
    return i


cdef bint is_dot_string(const char* p, size_t n, int flags) noexcept nogil:
    """Needs this local part no quotes?"""
    cdef size_t i
    cdef unsigned char c
    if n == 0 or p[0] == b"." or p[n - 1] == b".":
        return False
    for i in range(n):
        c = p[i]
        if c == b".":
            if p[i + 1] == b".":
                return False
        elif c <= 32 or c == 127 or (c > 127 and not flags & QUOTE_8BIT):
            return False
        elif c == b"@":
            if not flags & QUOTE_EXPOSE_AT:
                return False
        elif not PLAIN[c]:
            return False
    return True


cdef size_t quote_into(const char* p, size_t n, int flags, char* out) noexcept nogil:
    """External form of an internal address: quotes round the local part where it needs them.

    `out` holds 2 * n + 2 bytes; returns the length. A route "@a,@b:" in front stays as it is.
    """
    cdef size_t start = 0, end = n, i, k = 0
    cdef const char* colon
    cdef Py_ssize_t at
    if n > 0 and p[0] == b"@":
        colon = <const char*> memchr(p, b":", n)
        if colon != NULL:
            start = colon - p + 1
    if not flags & QUOTE_BARE_LOCALPART:
        at = last_at(p + start, n - start)
        if at >= 0:
            end = start + <size_t> at
    if is_dot_string(p + start, end - start, flags):
        memcpy(out, p, n)
        return n
    memcpy(out, p, start)
    k = start
    out[k] = b'"'
    k += 1
    for i in range(start, end):
        if (p[i] == b'"' or p[i] == b"\\" or p[i] == b"\r"
                or (<unsigned char> p[i] > 127 and not flags & QUOTE_8BIT)):
            out[k] = b"\\"
            k += 1
        out[k] = p[i]
        k += 1
    out[k] = b'"'
    memcpy(out + k + 1, p + end, n - end)
    return k + 1 + n - end


cdef size_t unquote_into(const char* p, size_t n, char* out) noexcept nogil:
    """Internal form of an external address; `out` holds n bytes. The text behind the last unquoted "@" stays."""
    cdef size_t i = 0, k = 0
    cdef const char* colon
    cdef Py_ssize_t at_in = -1, at_out = 0
    cdef bint quoted = False
    if n > 0 and p[0] == b"@":
        colon = <const char*> memchr(p, b":", n)
        if colon != NULL:
            k = i = colon - p + 1
            memcpy(out, p, i)
    while i < n:
        if p[i] == b'"':
            quoted = not quoted
            i += 1
            continue
        if p[i] == b"@" and not quoted:
            at_in, at_out = <Py_ssize_t> i, <Py_ssize_t> k
        elif p[i] == b"\\":
            i += 1
            if i == n:
                break
        out[k] = p[i]
        k += 1
        i += 1
    if at_in >= 0:
        memcpy(out + at_out, p + at_in, n - <size_t> at_in)
        return <size_t> at_out + n - <size_t> at_in
    return k


def quote(bytes address not None, int flags=QUOTE_8BIT):
    """External form of an internal address: b'a b@c' gives b'"a b"@c'. `flags`: FLAG_* bits."""
    cdef size_t n = len(address)
    cdef char* room
    cdef const char* p = address
    cdef Py_ssize_t at = last_at(p, n)
    if at > 0 and not flags & QUOTE_BARE_LOCALPART and is_dot_string(p, <size_t> at, flags):
        return address
    room = <char*> malloc(2 * n + 2)
    if room == NULL:
        raise MemoryError
    try:
        return room[:quote_into(p, n, flags, room)]
    finally:
        free(room)


def unquote(bytes address not None):
    """Internal form of an external address: b'"a b"@c' gives b'a b@c'."""
    cdef size_t n = len(address)
    cdef const char* p = address
    cdef char* room
    if n == 0 or (memchr(p, b'"', n) == NULL and memchr(p, b"\\", n) == NULL):
        return address
    room = <char*> malloc(n)
    if room == NULL:
        raise MemoryError
    try:
        return room[:unquote_into(p, n, room)]
    finally:
        free(room)


cpdef bint is_simple(bytes address) except -1:
    """Is it user@domain with one "@", both parts, and nothing that would need quotes, brackets or a route?"""
    cdef const char* p = address
    cdef size_t i, n = len(address), marks = 0
    if n < 3 or p[0] == b"@" or p[n - 1] == b"@":
        return False
    for i in range(n):
        if not is_plain(p[i]):
            return False
        if p[i] == b"@":
            marks += 1
    return marks == 1
