"""Character classes of SMTP (RFC 5321 section 4.1.2, RFC 5234 appendix B.1), ASCII only."""

from libc.stdint cimport uint64_t


cdef extern from *:
    """
    enum { PYFIX_ALPHA = 1, PYFIX_DIGIT = 2, PYFIX_ATEXT = 4, PYFIX_SPACE = 8, PYFIX_HOST = 16, PYFIX_PRINT = 32,
           PYFIX_XTEXT = 64, PYFIX_HEADER = 128 };
    #define PYFIX_P (PYFIX_PRINT | PYFIX_HEADER | PYFIX_XTEXT)
    #define PYFIX_A (PYFIX_P | PYFIX_ATEXT)
    static const unsigned char pyfix_chars[256] = {
        ['\\t' ... '\\r'] = PYFIX_SPACE,
        [' '] = PYFIX_SPACE | PYFIX_PRINT,
        ['!'] = PYFIX_A, ['"'] = PYFIX_P, ['#' ... '\\''] = PYFIX_A, ['(' ... ')'] = PYFIX_P,
        ['*'] = PYFIX_A, ['+'] = PYFIX_PRINT | PYFIX_HEADER | PYFIX_ATEXT, [','] = PYFIX_P,
        ['-'] = PYFIX_A | PYFIX_HOST, ['.'] = PYFIX_P | PYFIX_HOST, ['/'] = PYFIX_A,
        ['0' ... '9'] = PYFIX_A | PYFIX_DIGIT | PYFIX_HOST,
        [':'] = PYFIX_PRINT | PYFIX_XTEXT, [';' ... '<'] = PYFIX_P,
        ['='] = PYFIX_PRINT | PYFIX_HEADER | PYFIX_ATEXT, ['>'] = PYFIX_P, ['?'] = PYFIX_A, ['@'] = PYFIX_P,
        ['A' ... 'Z'] = PYFIX_A | PYFIX_ALPHA | PYFIX_HOST,
        ['[' ... ']'] = PYFIX_P, ['^'] = PYFIX_A, ['_'] = PYFIX_A | PYFIX_HOST, ['`'] = PYFIX_A,
        ['a' ... 'z'] = PYFIX_A | PYFIX_ALPHA | PYFIX_HOST,
        ['{' ... '~'] = PYFIX_A,
    };
    """
    const unsigned char pyfix_chars[256]
    enum:
        ALPHA "PYFIX_ALPHA"
        DIGIT "PYFIX_DIGIT"
        ATEXT "PYFIX_ATEXT"        # RFC 5322 atext
        SPACE "PYFIX_SPACE"        # C isspace(): what Postfix splits commands at
        HOST "PYFIX_HOST"          # letters, digits, "-", "_", "."
        PRINT "PYFIX_PRINT"        # blank to tilde
        XTEXT "PYFIX_XTEXT"        # RFC 3461 xchar: printable but "+" and "="
        HEADER "PYFIX_HEADER"      # RFC 5322 ftext: printable but blank and ":"


cdef inline bint has_class(char c, unsigned char mask) noexcept nogil:
    return (pyfix_chars[<unsigned char> c] & mask) != 0


cdef inline size_t put_digits(uint64_t number, char* digits) noexcept nogil:
    """Writes a number in decimal at the end of 20 bytes: where it begins."""
    cdef size_t at = 20
    while True:
        at -= 1
        digits[at] = <char> (48 + number % 10)
        number //= 10
        if not number:
            return at


cdef bint is_utf8(const char* p, size_t n) noexcept nogil
cdef bint is_ascii(const char* p, size_t n) noexcept nogil
cdef bint looks_like_header(const char* p, size_t n) noexcept nogil
cdef bint is_plain_address(const char* p, size_t n) noexcept nogil
cdef bint valid_host(const char* p, size_t n) noexcept nogil
cpdef bytes printable(bytes data)
cpdef bytes escaped(bytes data)
