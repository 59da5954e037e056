"""Small things of the client core: a growing buffer, words without regard to case, enhanced codes. Law: RFC 3463 2."""

from libc.stdlib cimport realloc


cdef int buffer_reserve(Buffer* buffer, Py_ssize_t more) except -1:
    """Make room for `more` bytes after the content of `buffer`."""
    cdef Py_ssize_t size
    cdef char* data
    if buffer.length + more <= buffer.size:
        return 0
    size = max(buffer.size * 2, buffer.length + more, 512)
    data = <char*>realloc(buffer.data, size)
    if data == NULL:
        raise MemoryError()
    buffer.data, buffer.size = data, size
    return 0


cdef bint same_word(const char* text, Py_ssize_t length, const char* word, Py_ssize_t size) noexcept nogil:
    """Whether `text` is `word`, ASCII case folded."""
    cdef Py_ssize_t i
    if length != size:
        return False
    for i in range(length):
        if fold(text[i]) != fold(word[i]):
            return False
    return True


cdef int dsn_length(const char* text, Py_ssize_t length) noexcept nogil:
    """Length of the RFC 3463 code "c.sss.ddd" that `text` starts with, 0 if there is none."""
    cdef Py_ssize_t i = 1, start
    cdef int part
    if length < 5 or (text[0] != 50 and text[0] != 52 and text[0] != 53):
        return 0
    for part in range(2):
        if i >= length or text[i] != 46:
            return 0
        i += 1
        start = i
        while i < length and is_digit(text[i]):
            i += 1
        if i == start or i - start > 3:
            return 0
    return <int>i if i == length or text[i] == 32 or text[i] == 9 else 0
