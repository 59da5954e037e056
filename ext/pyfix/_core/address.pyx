# cython: boundscheck=False
"""Envelope addresses: paths of MAIL and RCPT, quoting, parts, extensions, folding.

Law: an address travels in internal form, with no quotes; the domain is what
follows the *last* "@". An ordinary path is recognised in one scan and not copied;
any other goes through the RFC 5322 parser (tok822), as lenient as Postfix's, and must
hold exactly one address.

Source: RFC 5321 sections 4.1.1.2, 4.1.1.3 and 4.1.2 (the words of a command: _core.command); postconf(5) strict_rfc821_envelopes,
recipient_delimiter, owner_request_special.
"""

from libc.stdlib cimport free, malloc
from libc.string cimport memchr, strlen

from pyfix._core.quote cimport is_plain, last_at
from pyfix._core.tok822 cimport ADDR, Tokens, internal_form, parse_tokens, tokens_close, tokens_open

from pyfix._core.quote import FLAG_8BITCLEAN, FLAG_BARE_LOCALPART, FLAG_EXPOSE_AT, quote, unquote

SEVERAL, SYNTAX, EMPTY, ROUTED, NUL = PATH_SEVERAL, PATH_SYNTAX, PATH_EMPTY, PATH_ROUTED, PATH_NUL

cdef inline unsigned char lower(unsigned char c) noexcept nogil:
    return c + 32 if 65 <= c <= 90 else c


cdef int parse_path_into(const char* p, size_t n, bint strict, bint allow_empty, char* room,
                         Path* path) noexcept nogil:
    """Reads one path, with or without <>; `room` holds n + 1 bytes. Returns path.error."""
    cdef size_t i, first = 0, end = n
    cdef const char* colon
    cdef bint plain = True
    cdef unsigned char ok = 1
    path.data, path.length, path.at, path.error = p, 0, -1, PATH_OK
    if n >= 2 and p[0] == b"<" and p[n - 1] == b">":
        first, end = 1, n - 1
    for i in range(first, end):
        ok &= is_plain(p[i])
        if p[i] == b"@":
            path.at = <Py_ssize_t> (i - first)
    if strict and (n == 0 or p[0] != b"<"):
        path.error = PATH_SYNTAX
    elif ok:
        path.data, path.length = p + first, end - first
    elif n > 0 and memchr(p, 0, n) != NULL:
        path.error = PATH_NUL
    else:
        if p[first] == b"@":
            colon = <const char*> memchr(p + first, b":", end - first)
            if colon != NULL:
                first = colon - p + 1
        parse_odd_path(p + first, end - first, strict, room, path)
    if path.error == PATH_OK:
        if path.length == 0 and not allow_empty:
            path.error = PATH_EMPTY
        elif path.length > 0 and strict and path.data[0] == b"@":
            path.error = PATH_ROUTED
    return path.error


cdef void parse_odd_path(const char* p, size_t n, bint strict, char* room, Path* path) noexcept nogil:
    """The way through the RFC 5322 parser: the last address of the list, and how much there was beside it."""
    cdef Tokens t
    cdef int i, address = -1, addresses = 0, others = 0
    if tokens_open(&t, n, 0) < 0:
        path.error = PATH_MEMORY
        return
    i = parse_tokens(&t, p, n, 0)
    while i >= 0:
        if t.node[i].kind == ADDR:
            address, addresses = i, addresses + 1
        elif t.node[i].kind != b"<" and t.node[i].kind != b">":
            others += 1
        i = t.node[i].next
    if addresses > 1:
        path.error = PATH_SEVERAL
    elif strict and others > 0:
        path.error = PATH_SYNTAX
    if address >= 0:
        path.length = internal_form(&t, t.node[address].head, True, room)
    path.data = room
    path.at = last_at(room, path.length)
    tokens_close(&t)


cdef bint same_folded(const char* p, size_t n, const char* word, size_t count) noexcept nogil:
    cdef size_t i
    if n != count:
        return False
    for i in range(n):
        if lower(p[i]) != <unsigned char> word[i]:
            return False
    return True


cdef bint is_list_name(const char* p, size_t n) noexcept nogil:
    """owner-x or x-request."""
    return (n >= 6 and same_folded(p, 6, b"owner-", 6)) or (n > 8 and same_folded(p + n - 8, 8, b"-request", 8))


cdef Py_ssize_t extension_at(const char* local, size_t n, const char* delimiters, size_t count,
                             bint owner_special, const char* double_bounce) noexcept nogil:
    """Offset in a local part of the first recipient delimiter, -1 where there is no extension to split off.

    None in postmaster, mailer-daemon and the double bounce sender, nor for a delimiter that comes
    first; with "-" among the delimiters, none in owner-x and x-request if `owner_special`.
    """
    cdef size_t i
    if (count == 0 or same_folded(local, n, b"postmaster", 10) or same_folded(local, n, b"mailer-daemon", 13)
            or same_folded(local, n, double_bounce, strlen(double_bounce))):
        return -1
    if owner_special and memchr(delimiters, b"-", count) != NULL and is_list_name(local, n):
        return -1
    for i in range(n):
        if memchr(delimiters, local[i], count) != NULL:
            return <Py_ssize_t> i if i > 0 else -1
    return -1


def parse_path(bytes text not None, bint strict=False, bint allow_empty=False):
    """The address of a MAIL or RCPT path such as b"<a@b>": (internal form, 0), or (None, error)."""
    cdef Path path
    cdef char stack[1024]
    cdef char* room = stack
    cdef size_t n = len(text)
    if n >= sizeof(stack):
        room = <char*> malloc(n + 1)
        if room == NULL:
            raise MemoryError
    try:
        if parse_path_into(text, n, strict, allow_empty, room, &path) != PATH_OK:
            if path.error == PATH_MEMORY:
                raise MemoryError
            return None, path.error
        return path.data[:path.length], 0
    finally:
        if room != stack:
            free(room)


def strip_extension(bytes address not None, bytes delimiters not None, bint owner_request_special=True,
                    bytes double_bounce=b"double-bounce"):
    """(address without extension, extension with its delimiter), or None where there is nothing to split."""
    cdef const char* p = address
    cdef size_t n = len(address), local = n
    cdef Py_ssize_t at = last_at(p, n), cut
    if at >= 0:
        local = <size_t> at
    cut = extension_at(p, local, delimiters, len(delimiters), owner_request_special, double_bounce)
    if cut < 0:
        return None
    return address[:cut] + address[local:], address[cut:local]


def fold(bytes text not None):
    """ASCII lower case; UTF-8 and all other bytes stay."""
    return text.lower()
