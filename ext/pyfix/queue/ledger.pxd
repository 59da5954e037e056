"""The C face of the books' hot half; see ledger.pyx."""

from libc.stdint cimport uint32_t
from pyfix._core.slots cimport SlotTable
from pyfix._core.wheel cimport Wheel

cdef class Segment:
    cdef public long long live, bytes, needed_until, tail, size
    cdef public bint ended
    cdef public object name

cdef class Ledger:
    cdef public SlotTable table
    cdef public Wheel wheel
    cdef public dict many, big, segments, reasons
    cdef Segment entry(self, long long number)
