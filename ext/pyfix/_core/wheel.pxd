"""The C face of the timer wheel; see wheel.pyx."""

from libc.stdint cimport uint32_t
from pyfix._core.slots cimport SlotTable

cdef class Wheel:
    cdef SlotTable table
    cdef uint32_t[769] heads    # 3 levels of 256 buckets, and the bucket of what is due
    cdef uint32_t now
    cdef uint32_t used
    cdef void link(self, uint32_t slot, uint32_t bucket) noexcept nogil
    cdef void unlink(self, uint32_t slot) noexcept nogil
    cdef uint32_t bucket_for(self, uint32_t due) noexcept nogil
    cdef void cascade(self, uint32_t bucket) noexcept nogil
    cdef void advance(self, uint32_t now) noexcept nogil
