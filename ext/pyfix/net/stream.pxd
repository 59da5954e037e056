from libc.stdint cimport int64_t, uint32_t

from pyfix.net.engine cimport Engine, Watched
from pyfix.net.sockaddr cimport sockaddr_storage


cdef class Stream(Watched):
    cdef sockaddr_storage peer
    cdef char* rbuf              # what on_data left over
    cdef size_t rlen, rcap
    cdef char* wbuf              # what the socket has not taken yet
    cdef size_t wpos, wlen, wcap
    cdef int file_fd             # a file range to send after wbuf
    cdef int64_t file_offset, file_left
    cdef bint connecting, readable, eof, paused, closing, reads_while_blocked, in_callback, hung_up

    # for the subclass to define
    cdef int on_connect(self) except -1
    cdef Py_ssize_t on_data(self, const char* p, Py_ssize_t n) except -1
    cdef int on_eof(self) except -1
    cdef int on_error(self, int error) except -1
    cdef int on_timeout(self) except -1
    cdef int on_drain(self) except -1
    cdef int on_crash(self, object error) except -1

    # for the subclass to call
    cdef int adopt(self, Engine engine, int fd, const sockaddr_storage* peer) except -1
    cdef int connect(self, Engine engine, int family, str host, int port, str source) except -1
    cdef int send(self, const char* p, size_t n) except -1
    cdef int send_bytes(self, bytes data) except -1
    cdef int send_file(self, int fd, int64_t offset, int64_t length) except -1
    cdef int flush(self) except -1
    cdef int pause(self) except -1
    cdef int resume(self) except -1
    cdef int set_deadline(self, int64_t seconds) except -1
    cdef int close(self) except -1
    cdef int abort(self) except -1

    # the engine's own
    cdef int fill(self) except -1
    cdef int feed(self, const char* p, Py_ssize_t n) except -1
    cdef int keep_rest(self, const char* p, size_t n) except -1
    cdef int failed(self, int error) except -1
    cdef bint blocked(self) noexcept
