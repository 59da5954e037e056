"""A server core whose lines and replies pass through somebody's hands."""

from pyfix._core.server cimport ServerCore


cdef class TappedCore(ServerCore):
    cdef public object tap
    cdef size_t shown            # how much of `out` the tap has seen

    cdef int settle_replies(self) except -1
