"""C-level face of client_text.pyx; the one-byte functions are inlined."""

cdef struct Buffer:
    char* data
    Py_ssize_t length
    Py_ssize_t size

cdef int buffer_reserve(Buffer* buffer, Py_ssize_t more) except -1
cdef bint same_word(const char* text, Py_ssize_t length, const char* word, Py_ssize_t size) noexcept nogil
cdef int dsn_length(const char* text, Py_ssize_t length) noexcept nogil


cdef inline bint is_digit(char c) noexcept nogil:
    return c >= 48 and c <= 57


cdef inline char fold(char c) noexcept nogil:
    """ASCII upper case."""
    return c - 32 if c >= 97 and c <= 122 else c


cdef inline char printable(char c) noexcept nogil:
    """What may stand in a log line: printable ASCII; anything else becomes "?"."""
    return c if c >= 32 and c < 127 else 63
