"""What bytes are: UTF-8, a header name, a host name; and how they may stand in a log line.

The law: text from the network reaches a log or a reply only through printable() or
escaped(), so that it can neither end a line nor drive a terminal. UTF-8 is RFC 3629
(no overlong forms, no surrogates); host names are RFC 1123 plus "_", as Postfix takes them.
"""


cdef bint is_ascii(const char* p, size_t n) noexcept nogil:
    cdef size_t i
    cdef unsigned char all_bits = 0
    for i in range(n):
        all_bits |= <unsigned char> p[i]
    return all_bits < 0x80


cdef inline size_t utf8_step(const unsigned char* p, size_t n) noexcept nogil:
    """Length of the well-formed sequence at p, 0 if there is none. n > 0."""
    cdef unsigned char c = p[0]
    cdef unsigned char low = 0x80, high = 0xBF
    cdef size_t length, i
    if c < 0x80:
        return 1
    if c < 0xC2 or c > 0xF4:
        return 0
    length = 2 if c < 0xE0 else 3 if c < 0xF0 else 4
    if n < length:
        return 0
    if c == 0xE0:
        low = 0xA0
    elif c == 0xED:
        high = 0x9F
    elif c == 0xF0:
        low = 0x90
    elif c == 0xF4:
        high = 0x8F
    if p[1] < low or p[1] > high:
        return 0
    for i in range(2, length):
        if p[i] & 0xC0 != 0x80:
            return 0
    return length


cdef bint is_utf8(const char* p, size_t n) noexcept nogil:
    cdef size_t at = 0, step
    if is_ascii(p, n):
        return True
    while at < n:
        step = utf8_step(<const unsigned char*> p + at, n - at)
        if step == 0:
            return False
        at += step
    return True


cdef bint looks_like_header(const char* p, size_t n) noexcept nogil:
    """name [blanks] ":" at the start, as Postfix's is_header(): mail content sent as commands."""
    cdef size_t i = 0
    while i < n and has_class(p[i], HEADER):
        i += 1
    if i == 0:
        return False
    while i < n and (p[i] == b' ' or p[i] == b'\t'):
        i += 1
    return i < n and p[i] == b':'


cdef bint valid_host(const char* p, size_t n) noexcept nogil:
    """A domain name, or one with a final dot: labels of 1-63, no "-" at their ends, 255 in all."""
    cdef size_t i, label = 0
    cdef bint lettered = False
    if n and p[n - 1] == b'.':
        n -= 1
    if n == 0 or n > 255:
        return False
    for i in range(n):
        if p[i] == b'.':
            if label == 0 or p[i - 1] == b'-':
                return False
            label = 0
            continue
        if not has_class(p[i], HOST) or (p[i] == b'-' and label == 0):
            return False
        lettered = lettered or not has_class(p[i], DIGIT)
        label += 1
        if label > 63:
            return False
    return label > 0 and p[n - 1] != b'-' and lettered


cdef bint is_plain_address(const char* p, size_t n) noexcept nogil:
    """user@domain with dots in the domain and nothing that rewriting would act on: no quote, route, "%", "!" or blank."""
    cdef size_t i = 0, label, dots = 0
    while i < n and p[i] != b'@':
        if p[i] == b'!' or p[i] == b'%' or p[i] == b'"' or p[i] == b'\\' or (b'\t' <= p[i] <= b'\r') or p[i] == b' ':
            return False
        i += 1
    if i == 0 or i == n or p[0] == b'.':
        return False
    label = i + 1
    for i in range(label, n):
        if p[i] == b'.':
            if i == label:
                return False
            dots, label = dots + 1, i + 1
        elif p[i] == b'_' or not has_class(p[i], HOST):
            return False
    return dots > 0 and label < n


cdef inline bint steers_terminal(const unsigned char* p, size_t step) noexcept nogil:
    """C1 controls (U+0080-009F), marks and overrides of direction (U+200E/F, 2028-202E, 2066-2069)."""
    if step == 2:
        return p[0] == 0xC2 and p[1] < 0xA0
    if step != 3 or p[0] != 0xE2:
        return False
    if p[1] == 0x80:
        return p[2] == 0x8E or p[2] == 0x8F or 0xA8 <= p[2] <= 0xAE
    return p[1] == 0x81 and 0xA6 <= p[2] <= 0xA9


cpdef bytes printable(bytes data):
    """`data` with "?" for each byte that is neither printable ASCII nor part of harmless UTF-8."""
    cdef const unsigned char* p = data
    cdef size_t n = len(data), at = 0, step, i
    cdef bytearray result
    cdef char* out
    for i in range(n):
        if not pyfix_chars[p[i]] & PRINT:
            break
    else:
        return data
    result = bytearray(data)
    out = result
    while at < n:
        step = utf8_step(p + at, n - at)
        if step == 0 or (step == 1 and not pyfix_chars[p[at]] & PRINT):
            out[at] = b'?'
            step = 1
        elif step > 1 and steers_terminal(p + at, step):
            for i in range(step):
                out[at + i] = b'?'
        at += step
    return bytes(result)


cpdef bytes escaped(bytes data):
    """`data` with C escapes (\\r \\n \\t ... \\ooo) for all that is not printable ASCII."""
    cdef list parts = []
    cdef const unsigned char* p = data
    cdef size_t i
    cdef int c
    for i in range(<size_t> len(data)):
        c = p[i]
        if c == 92:
            parts.append(b"\\\\")
        elif pyfix_chars[c] & PRINT:
            parts.append(b"%c" % c)
        else:
            parts.append(NAMED_ESCAPES.get(c) or b"\\%03o" % c)
    return b"".join(parts)


NAMED_ESCAPES = {7: b"\\a", 8: b"\\b", 9: b"\\t", 10: b"\\n", 11: b"\\v", 12: b"\\f", 13: b"\\r"}


def valid_utf8(data: bytes) -> bool:
    """Is `data` well-formed UTF-8 (RFC 3629)?"""
    return is_utf8(data, len(data))


def valid_hostname(data: bytes) -> bool:
    """Is `data` a domain name that is not a mere number?"""
    return valid_host(data, len(data))


def plain_address(data: bytes) -> bool:
    """Is `data` user@domain.with.dots with nothing in it that rewriting would act on?"""
    return is_plain_address(data, len(data))


def is_header(data: bytes) -> bool:
    """Does `data` begin as a header field does (RFC 5322 section 2.2)?"""
    return looks_like_header(data, len(data))
