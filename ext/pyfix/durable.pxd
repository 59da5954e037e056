"""The C face of durable: every call that changes the queue's files; see durable.pyx.

All return 0 (or a count) or -errno, need no GIL, and name files relative to a directory's descriptor.
"""

from posix.types cimport mode_t, off_t

cdef extern from "<sys/uio.h>" nogil:
    cdef struct iovec:
        void* iov_base
        size_t iov_len

cdef int d_create(int directory, const char* name, mode_t mode) noexcept nogil
cdef int d_open(int directory, const char* name, bint write) noexcept nogil
cdef int d_write(int fd, const char* data, size_t length, off_t offset) noexcept nogil
cdef int d_writev(int fd, iovec* vector, int count, off_t offset) noexcept nogil
cdef int d_datasync(int fd) noexcept nogil
cdef int d_sync_directory(int directory) noexcept nogil
cdef int d_rename(int directory, const char* old, const char* new) noexcept nogil
cdef int d_unlink(int directory, const char* name) noexcept nogil
cdef int d_truncate(int fd, off_t length) noexcept nogil
cdef int d_allocate(int fd, off_t length) noexcept nogil
