from libc.stdint cimport int64_t, uint32_t, uint64_t


cdef class Engine:
    cdef readonly object loop
    cdef int epfd
    cdef void** table            # fd -> who is registered there (borrowed; `keep` owns them)
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

    cdef int register(self, Watched owner, int fd, uint32_t events) except -1
    cdef void forget(self, Watched owner, int fd)
    cdef void mark_dirty(self, Watched stream)
    cdef void place_deadline(self, Watched stream)
    cdef void drop_deadline(self, Watched stream)


cdef class Watched:
    cdef readonly Engine engine
    cdef int fd
    cdef int64_t deadline        # ms, 0 none
    cdef int64_t bucket          # the second whose bucket holds it, 0 none
    cdef bint in_dirty

    cdef int handle(self, uint32_t events) except -1
    cdef int flush_now(self) except -1
    cdef int time_out(self) except -1
    cdef int end(self) except -1
