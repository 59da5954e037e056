from libc.stdint cimport int64_t, uint32_t, uint64_t

from pyfix.net.sockaddr cimport sockaddr_storage, socklen_t


cdef class Engine:
    cdef readonly object loop
    cdef int epfd
    cdef void** table            # fd -> the Stream or Listener registered there (borrowed; `keep` owns them)
    cdef uint32_t* serial        # fd -> how often it was registered, to tell an old event from a new owner
    cdef int table_size
    cdef set keep
    cdef char* scratch           # where all streams read: a stream owns memory only for what it left over
    cdef list dirty              # streams with output to flush when the current turn ends
    cdef bint busy, flush_due, closed
    cdef readonly int64_t now    # milliseconds, CLOCK_MONOTONIC_COARSE, as of this turn
    cdef list buckets            # one set of streams for each second of the deadline wheel
    cdef int64_t tick_at
    cdef object tick_handle
    cdef readonly int64_t streams

    cdef int register(self, object owner, int fd, uint32_t events) except -1
    cdef void forget(self, object owner, int fd)
    cdef void mark_dirty(self, Stream stream)
    cdef void place_deadline(self, Stream stream)


cdef class Listener:
    cdef readonly Engine engine
    cdef int fd
    cdef readonly bint paused
    # An accepted socket: build a Stream on it with Stream.adopt(). If it raises, the socket is closed.
    cdef int accepted(self, int fd, const sockaddr_storage* peer) except -1
    cpdef int pause(self) except -1
    cpdef int resume(self) except -1


cdef class Stream:
    cdef readonly Engine engine
    cdef int fd
    cdef sockaddr_storage peer
    cdef char* rbuf              # what on_data left over
    cdef size_t rlen, rcap
    cdef char* wbuf              # what the socket has not taken yet
    cdef size_t wpos, wlen, wcap
    cdef int file_fd             # a file range to send after wbuf
    cdef int64_t file_offset, file_left
    cdef int64_t deadline        # ms, 0 none
    cdef int64_t bucket          # the second whose bucket holds this stream, 0 none
    cdef bint connecting, readable, eof, paused, closing, in_dirty, reads_while_blocked, in_callback, hung_up

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
    cdef int handle(self, uint32_t events) except -1
    cdef int fill(self) except -1
    cdef int feed(self, const char* p, Py_ssize_t n) except -1
    cdef int keep_rest(self, const char* p, size_t n) except -1
    cdef int failed(self, int error) except -1
    cdef bint blocked(self) noexcept
