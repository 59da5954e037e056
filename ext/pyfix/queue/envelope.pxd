"""The C face of envelope.pyx."""

from libc.stdint cimport int64_t

from pyfix._core.pack cimport Packer

cdef int put_start(Packer out, bytes queue_id, int64_t arrival, bytes sender, int flags, int64_t size, int ret, bytes envid,
                   int64_t generation) except -1
cdef int put_recipients(Packer out, list recipients) except -1
cdef int put_extents(Packer out, list extents) except -1
cdef object envelope_of(const char* p, size_t n)
