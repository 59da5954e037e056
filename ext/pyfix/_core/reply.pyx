"""SMTP replies on their way out (RFC 5321 section 4.2, RFC 2034, RFC 3463).

The law: a reply is one line, "code[ x.y.z] text" and CRLF; the class of the enhanced
code is that of the reply code; no byte that would end a line or drive a terminal gets
into it. What policy words is at most 510 bytes (RFC 5321 section 4.5.3.1.5); only an echo is longer.
"""

from pyfix._core.buffer cimport Buffer
from pyfix._core.chars cimport DIGIT, has_class


cdef enum:
    LONGEST = 4096      # of what may echo a whole command line; refusals are cut at 510 where they are worded


cdef bint dsn_shape(const char* p, size_t n) noexcept nogil:
    """Is [p, p+n) an enhanced status code: class 2, 4 or 5, then two numbers of 1-3 digits?"""
    cdef size_t at = 2, start, part
    if n < 5 or p[1] != b'.' or (p[0] != b'2' and p[0] != b'4' and p[0] != b'5'):
        return False
    for part in range(2):
        start = at
        while at < n and at - start < 3 and has_class(p[at], DIGIT):
            at += 1
        if at == start or (part == 0 and (at == n or p[at] != b'.')):
            return False
        at += part == 0
    return at == n


cdef int put_reply(Buffer out, int code, const char* p, size_t n) except -1:
    """Appends "code text" CRLF; `p` is what follows the code. Control bytes become blanks."""
    cdef size_t start, i
    if n > LONGEST - 4:
        n = LONGEST - 4
    out.reserve(n + 8)
    out.append_number(code)
    out.append(b" ", 1)
    start = out.length
    out.append(p, n)
    for i in range(start, out.length):
        if <unsigned char> out.data[i] < 32 or out.data[i] == 127:
            out.data[i] = b' '
    out.append(b"\r\n", 2)
    return 0


def format_reply(code: int, dsn: bytes, text: bytes) -> bytes:
    """One reply line with its CRLF. `dsn` may be empty; its class is made that of `code`.

    Raises ValueError when `code` is not 200-599 or `dsn` has not the shape of RFC 3463.
    """
    cdef Buffer out = Buffer()
    cdef bytes line = text
    if not 200 <= code <= 599:
        raise ValueError(f"{code} is no SMTP reply code")
    if dsn:
        if not dsn_shape(dsn, len(dsn)):
            raise ValueError(f"{dsn!r} is no enhanced status code")
        line = b"%d%b %b" % (code // 100, dsn[1:], text)
    put_reply(out, code, line, len(line))
    return out.take()


def is_enhanced_code(data: bytes) -> bool:
    """Has `data` the shape of an enhanced status code (RFC 3463)?"""
    return dsn_shape(data, len(data))
