"""xtext and its Unicode sister utf-8-addr-xtext, both ways (RFC 3461 section 4, RFC 6533 section 3).

The law: what is decoded is printable, ASCII or where it may be valid UTF-8: a NUL or line end in ENVID or
ORCPT would travel into logs, the queue and notifications. What is encoded is printable ASCII.
As in Postfix the type of an ORCPT says which of the two its address has, and `\\x` without a brace stands for itself.
"""

from libc.string cimport memchr

from pyfix._core.chars cimport PRINT, has_class, is_utf8
from pyfix._core.span cimport Span, span, span_is

cdef const char* DIGITS = b"0123456789ABCDEF"
cdef enum:
    MOST_DIGITS = 6              # of a code point


cdef inline int hex_digit(char c) noexcept nogil:
    """RFC 3461 has upper case only; Postfix takes both."""
    cdef int low = c | 32
    if 48 <= c <= 57:
        return c - 48
    return low - 87 if 97 <= low <= 102 else -1


cdef inline bint is_good(char c, bint utf8) noexcept nogil:
    return has_class(c, PRINT) or (utf8 and <unsigned char> c >= 128)


cdef bytes xtext_value(Span value, bint utf8):
    """RFC 3461 xtext decoded, None if it is malformed or not printable ASCII; with `utf8` it may be printable UTF-8."""
    cdef bytearray decoded = bytearray(value.n)
    cdef char* out = decoded
    cdef size_t at = 0, length = 0
    cdef int high, low
    while at < value.n:
        out[length] = value.p[at]
        if value.p[at] == b'+':
            if at + 2 >= value.n:
                return None
            high, low = hex_digit(value.p[at + 1]), hex_digit(value.p[at + 2])
            if high < 0 or low < 0:
                return None
            out[length] = <char> (high * 16 + low)
            at += 2
        if not is_good(out[length], utf8):
            return None
        at += 1
        length += 1
    return bytes(decoded[:length]) if is_utf8(out, length) else None


cdef bytes uxtext_value(Span value):
    """RFC 6533 utf-8-addr-xtext decoded, None if it is malformed or not printable UTF-8."""
    cdef bytearray decoded = bytearray(value.n)      # "\\x{41}" is longer than what it stands for
    cdef char* out = decoded
    cdef size_t at = 0, length = 0
    cdef long point
    while at < value.n:
        if at + 2 < value.n and value.p[at] == b'\\' and value.p[at + 1] == b'x' and value.p[at + 2] == b'{':
            point = code_point(value, &at)
            if point < 32 or point == 127:
                return None
            length += put_utf8(point, out + length)
            continue
        if not is_good(value.p[at], True):
            return None
        out[length] = value.p[at]
        at += 1
        length += 1
    return bytes(decoded[:length]) if is_utf8(out, length) else None


cdef long code_point(Span value, size_t* at) noexcept nogil:
    """The code point that "\\x{" at `at` begins, -1 if there is none; `at` moves behind its brace."""
    cdef size_t i = at[0] + 3
    cdef size_t first = i
    cdef long point = 0
    while i < value.n and i - first < MOST_DIGITS and hex_digit(value.p[i]) >= 0:
        point = point * 16 + hex_digit(value.p[i])
        i += 1
    if i == first or i == value.n or value.p[i] != b'}' or point > 0x10FFFF:
        return -1
    at[0] = i + 1
    return point


cdef size_t put_utf8(long point, char* out) noexcept nogil:
    """A code point in UTF-8: its length."""
    cdef size_t n = 1 if point < 0x80 else 2 if point < 0x800 else 3 if point < 0x10000 else 4
    cdef size_t i
    if n == 1:
        out[0] = <char> point
        return 1
    for i in range(n - 1, 0, -1):
        out[i] = <char> (0x80 | point & 0x3F)
        point >>= 6
    out[0] = <char> ((0xF00 >> n & 0xFF) | point)
    return n


cdef bytes orcpt_value(Span value):
    """ORCPT's "type;address" with the address decoded, None if it is malformed."""
    cdef const char* semicolon = <const char*> memchr(value.p, b';', value.n)
    cdef bytes address
    cdef Span kind, text
    if semicolon == NULL or semicolon == value.p:
        return None
    kind = span(value.p, semicolon - value.p)
    text = span(semicolon + 1, value.p + value.n - semicolon - 1)
    address = uxtext_value(text) if span_is(kind, b"UTF-8", 5) else xtext_value(text, True)
    return None if address is None else value.p[:kind.n + 1] + address


cdef size_t put_xtext(const char* p, size_t n, char* out) noexcept nogil:
    """[p, p+n) as xtext into `out`, which has room for XTEXT_GROWTH times as much: its length."""
    cdef size_t i, length = 0
    cdef unsigned char c
    for i in range(n):
        c = <unsigned char> p[i]
        if 33 <= c <= 126 and c != b'+' and c != b'=':
            out[length] = p[i]
            length += 1
        else:
            out[length], out[length + 1], out[length + 2] = b'+', DIGITS[c >> 4], DIGITS[c & 15]
            length += 3
    return length


cdef bytes orcpt_text(bytes orcpt):
    """A decoded "type;address" for the wire."""
    kind, _, address = orcpt.partition(b";")
    if kind.upper() == b"UTF-8":
        return kind + b";" + uxtext(address)
    return xtext(kind) + b";" + xtext(address)


def xtext(bytes value not None) -> bytes:
    """RFC 3461 xtext: bytes outside "!" to "~", and "+" and "=", become +HH."""
    cdef size_t n = len(value)
    cdef bytearray out = bytearray(n * XTEXT_GROWTH)
    cdef size_t length = put_xtext(value, n, out)
    return bytes(out[:length])


def uxtext(bytes value not None) -> bytes:
    """RFC 6533 utf-8-addr-xtext: code points outside "!" to "~", and "+", "=" and the backslash, become \\x{HEX}."""
    return b"".join([c.encode() if "!" <= c <= "~" and c not in "+=\\" else b"\\x{%X}" % ord(c)
                     for c in value.decode("utf-8", "replace")])


def unxtext(bytes value not None, bint utf8=False) -> bytes | None:
    """Decoded xtext, None if malformed or not printable ASCII; with `utf8` it may be UTF-8."""
    return xtext_value(span(value, len(value)), utf8)


def unuxtext(bytes value not None) -> bytes | None:
    """Decoded utf-8-addr-xtext, None if malformed or not printable UTF-8."""
    return uxtext_value(span(value, len(value)))


def orcpt(bytes value not None) -> bytes | None:
    """ORCPT's "type;address" with the address decoded, None if malformed."""
    return orcpt_value(span(value, len(value)))


def to_wire(bytes value not None) -> bytes:
    """The same encoded again."""
    return orcpt_text(value)
