"""C-level face of the content encoder; see outgoing.pyx."""

cdef struct LineState:
    Py_ssize_t column      # bytes of the current output line, 0 at its start
    Py_ssize_t limit       # longest line, 0 for none
    bint cr                # a CR was seen and not sent yet
    bint folded            # some line had to be broken

cdef Py_ssize_t clean_prefix(LineState* state, const char* data, Py_ssize_t length) noexcept nogil
cdef Py_ssize_t encode_into(LineState* state, const char* data, Py_ssize_t length, char* out) noexcept nogil
cdef Py_ssize_t finish_into(LineState* state, char* out) noexcept nogil
