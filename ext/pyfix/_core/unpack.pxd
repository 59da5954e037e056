"""The C face of reading msgpack; see unpack.pyx."""

from libc.stdint cimport int64_t
from pyfix._core.span cimport Span

cdef struct Packed:             # a cursor; once `bad` is set it stays where it is and every take gives nothing
    const unsigned char* p
    const unsigned char* end
    bint bad

cdef enum Kind:
    K_BAD = 0                   # no msgpack, or a type that is not used here
    K_NIL = 1
    K_BOOL = 2
    K_NUMBER = 3
    K_HUGE = 4                  # 2**63 to 2**64 - 1
    K_FLOAT = 5
    K_TEXT = 6
    K_BYTES = 7
    K_LIST = 8
    K_MAP = 9

cdef struct Value:
    Kind kind
    int64_t number              # K_NUMBER, K_BOOL; entries of K_LIST and K_MAP; bits of K_HUGE
    double real
    Span span                   # K_TEXT, K_BYTES

cdef Packed packed(const char* p, size_t n) noexcept nogil
cdef Value take(Packed* at) noexcept nogil
cdef int64_t take_number(Packed* at) noexcept nogil
cdef int64_t take_list(Packed* at) noexcept nogil
cdef int64_t take_map(Packed* at) noexcept nogil
cdef Span take_bytes(Packed* at) noexcept nogil
cdef Span take_text(Packed* at) noexcept nogil
cdef object take_object(Packed* at, const char* errors, int depth)
