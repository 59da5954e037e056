"""The C face of envelope.pyx."""

cdef object envelope_of(const char* p, size_t n)
