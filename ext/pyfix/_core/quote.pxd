# Quoting of local parts; see quote.pyx.

cdef enum QuoteFlags:
    QUOTE_8BIT = 1              # bytes >= 0x80 are ordinary text
    QUOTE_EXPOSE_AT = 2         # "@" in the local part is ordinary text
    QUOTE_BARE_LOCALPART = 4    # the input is a local part without domain

# 1 for each byte value that an ordinary path or unquoted local part may hold
cdef unsigned char PLAIN[256]

cdef inline bint is_plain(unsigned char c) noexcept nogil:
    return PLAIN[c]

cdef size_t quote_into(const char* p, size_t n, int flags, char* out) noexcept nogil
cdef size_t unquote_into(const char* p, size_t n, char* out) noexcept nogil
cdef bint is_dot_string(const char* p, size_t n, int flags) noexcept nogil
cdef Py_ssize_t last_at(const char* p, size_t n) noexcept nogil
cpdef bint is_simple(bytes address) except -1
