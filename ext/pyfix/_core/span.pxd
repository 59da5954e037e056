"""A view of bytes owned by someone else: pointer and length, no object.

A span is valid until the buffer it points into is read into again; whoever keeps
more than that takes `span_bytes()`. Digits are parsed by byte (RFC 5321 section
4.1.2: 1*DIGIT), never by int(), which takes "+5", "1_0" and other scripts' digits.
"""

from libc.stdint cimport uint64_t


cdef struct Span:
    const char* p
    size_t n


cdef enum Number:
    NUMBER_OK = 0
    NUMBER_SYNTAX = 1      # empty, or something that is not a digit
    NUMBER_HUGE = 2        # digits only, but 2**63 or more


cdef inline Span span(const char* p, size_t n) noexcept nogil:
    cdef Span s
    s.p, s.n = p, n
    return s


cdef inline bytes span_bytes(Span s):
    return s.p[:s.n]


cdef inline unsigned char ascii_upper(unsigned char c) noexcept nogil:
    return c - 32 if c - <unsigned char> 97 <= 25 and c >= 97 else c


cdef inline bint same_nocase(const char* p, const char* upper, size_t n) noexcept nogil:
    """ASCII case-insensitive comparison with a literal given in upper case."""
    cdef size_t i
    for i in range(n):
        if ascii_upper(<unsigned char> p[i]) != <unsigned char> upper[i]:
            return False
    return True


cdef inline bint span_is(Span s, const char* upper, size_t n) noexcept nogil:
    return s.n == n and same_nocase(s.p, upper, n)


cdef inline bint span_starts(Span s, const char* upper, size_t n) noexcept nogil:
    return s.n >= n and same_nocase(s.p, upper, n)


cdef inline Number span_number(Span s, uint64_t* out) noexcept nogil:
    """Decimal digits to a number below 2**63."""
    cdef uint64_t value = 0
    cdef unsigned char digit
    cdef size_t i
    cdef bint huge = False
    if s.n == 0:
        return NUMBER_SYNTAX
    for i in range(s.n):
        digit = <unsigned char> s.p[i] - 48
        if digit > 9 or <unsigned char> s.p[i] < 48:
            return NUMBER_SYNTAX
        if value > (<uint64_t> 0x7FFFFFFFFFFFFFFF - digit) // 10:
            huge = True
        else:
            value = value * 10 + digit
    out[0] = value
    return NUMBER_HUGE if huge else NUMBER_OK
