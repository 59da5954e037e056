cimport cython
from libc.stdint cimport uint8_t, uint64_t

from pyfix._core.hashmap cimport Image


@cython.final
cdef class MappedTable:
    cdef Image image
    cdef void *memory
    cdef size_t size
    cdef bint mapped
    cdef bint fold
    cdef bint utf8
    cdef long looked
    cdef uint64_t inode
    cdef uint64_t device
    cdef long long mtime
    cdef bytes path
    cdef str trouble
    cdef readonly str title
    cdef str command
    cdef object slow
    cdef object check
    cdef readonly uint64_t changes

    cdef void _release(self) noexcept
    cdef _load(self)
    cdef str _take(self, int fd, size_t size)
    cdef bint _changed(self)
    cdef int _fresh(self) except -1
    cdef _get_slowly(self, bytes key)
    cdef _find(self, const uint8_t *text, size_t klen, uint64_t hash, bytes key)
    cdef _damaged(self)
    cdef _get(self, bytes key)
