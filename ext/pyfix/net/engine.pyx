"""Sockets for the hot paths: one epoll set inside uvloop's, no Python object a read or a write.

The law: a handler is called with bytes and says how many it used; what it sends
while it runs leaves in one write when it returns. Edge-triggered epoll(7): each
socket is registered once; a read shorter than asked for means drained.

An Engine's epoll descriptor is itself watched by uvloop, so timers, signals, DNS
and control sockets live beside it on the same loop. Only the loop's thread may call in.
"""

import os

from libc.errno cimport errno
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memset

from pyfix.clock cimport coarse_ms
from pyfix.net.posix cimport EPOLL_CLOEXEC, EPOLL_CTL_ADD, c_close, epoll_create1, epoll_ctl, epoll_event, epoll_wait

cdef enum:
    BATCH = 256                  # events taken in one turn
    SCRATCH = 65536
    WHEEL = 512                  # seconds the deadline wheel spans; later deadlines are looked at again


cdef class Engine:
    """The epoll set of one process. `loop` is the uvloop loop that drives it."""

    def __cinit__(self, loop):
        self.loop = loop
        self.epfd = epoll_create1(EPOLL_CLOEXEC)
        if self.epfd < 0:
            raise OSError(errno, os.strerror(errno))
        self.table_size = 1024
        self.table = <void**> calloc(self.table_size, sizeof(void*))
        self.serial = <uint32_t*> calloc(self.table_size, sizeof(uint32_t))
        self.scratch = <char*> malloc(SCRATCH)
        if self.table == NULL or self.serial == NULL or self.scratch == NULL:
            raise MemoryError
        self.keep = set()
        self.dirty = []
        self.buckets = [set() for _ in range(WHEEL)]
        self.now = coarse_ms()
        self.tick_at = self.now // 1000
        loop.add_reader(self.epfd, self.poll)
        self.tick_handle = loop.call_later(1.0, self.tick)

    def __dealloc__(self):
        free(self.table)
        free(self.serial)
        free(self.scratch)
        if self.epfd >= 0:
            c_close(self.epfd)

    def close(self):
        """Ends all streams at once and stops watching."""
        if self.closed:
            return
        self.closed = True
        for owner in list(self.keep):
            (<Watched> owner).end()
        self.tick_handle.cancel()
        self.loop.remove_reader(self.epfd)

    cdef int register(self, Watched owner, int fd, uint32_t events) except -1:
        cdef epoll_event event
        if fd >= self.table_size:
            self.grow(fd)
        self.serial[fd] += 1
        event.events = events
        event.data.u64 = (<uint64_t> self.serial[fd] << 32) | <uint32_t> fd
        if epoll_ctl(self.epfd, EPOLL_CTL_ADD, fd, &event) < 0:
            raise OSError(errno, os.strerror(errno))
        self.table[fd] = <void*> owner
        self.keep.add(owner)
        return 0

    def grow(self, int fd):
        """Makes the descriptor tables hold `fd`."""
        cdef int size = self.table_size
        while size <= fd:
            size *= 2
        cdef void** table = <void**> realloc(self.table, size * sizeof(void*))
        if table == NULL:
            raise MemoryError
        self.table = table
        cdef uint32_t* serial = <uint32_t*> realloc(self.serial, size * sizeof(uint32_t))
        if serial == NULL:
            raise MemoryError
        self.serial = serial
        memset(self.table + self.table_size, 0, (size - self.table_size) * sizeof(void*))
        memset(self.serial + self.table_size, 0, (size - self.table_size) * sizeof(uint32_t))
        self.table_size = size

    cdef void forget(self, Watched owner, int fd):
        self.table[fd] = NULL
        self.keep.discard(owner)

    def poll(self):
        """One turn: the events that are ready, then what the handlers want to send."""
        cdef epoll_event[BATCH] events
        cdef int count, i, fd
        cdef Watched owner
        self.now = coarse_ms()
        self.busy = True
        count = epoll_wait(self.epfd, events, BATCH, 0)
        for i in range(count):
            fd = <int> (events[i].data.u64 & 0xFFFFFFFF)
            if self.table[fd] == NULL or self.serial[fd] != <uint32_t> (events[i].data.u64 >> 32):
                continue
            owner = <Watched> self.table[fd]
            owner.handle(events[i].events)
        self.flush_dirty()
        self.busy = False

    def flush_dirty(self):
        """Writes what streams have gathered since the last flush."""
        cdef Watched stream
        cdef list batch
        self.flush_due = False
        while self.dirty:
            batch, self.dirty = self.dirty, []
            for stream in batch:
                stream.in_dirty = False
                stream.flush_now()

    cdef void mark_dirty(self, Watched stream):
        if stream.in_dirty:
            return
        stream.in_dirty = True
        self.dirty.append(stream)
        if not self.busy and not self.flush_due:
            self.flush_due = True
            self.loop.call_soon(self.flush_dirty)

    cdef void place_deadline(self, Watched stream):
        cdef int64_t second = stream.deadline // 1000 + 1
        if second > self.tick_at + WHEEL - 1:
            second = self.tick_at + WHEEL - 1
        if second <= self.tick_at:
            second = self.tick_at + 1
        if stream.bucket:
            (<set> self.buckets[stream.bucket % WHEEL]).discard(stream)
        stream.bucket = second
        (<set> self.buckets[second % WHEEL]).add(stream)

    cdef void drop_deadline(self, Watched stream):
        if stream.bucket:
            (<set> self.buckets[stream.bucket % WHEEL]).discard(stream)
            stream.bucket = 0

    def tick(self):
        """Once a second: ends what is past its deadline, looks again at the rest."""
        cdef int64_t second
        self.now = coarse_ms()
        second = self.now // 1000
        if second - self.tick_at > WHEEL:
            self.tick_at = second - WHEEL
        while self.tick_at < second:
            self.tick_at += 1
            if self.buckets[self.tick_at % WHEEL]:
                self.expire(self.tick_at % WHEEL)
        self.tick_handle = self.loop.call_later(1.0 - (self.now % 1000) / 1000.0 + 0.005, self.tick)

    def expire(self, int bucket):
        """Times out what is due in one bucket of the wheel; later ones move on."""
        cdef Watched stream
        cdef set due = self.buckets[bucket]
        self.buckets[bucket] = set()
        for stream in due:
            stream.bucket = 0
            if stream.fd < 0 or stream.deadline == 0:
                continue
            if stream.deadline > self.now:
                self.place_deadline(stream)
            else:
                stream.deadline = 0
                stream.time_out()


cdef class Watched:
    """Who has a descriptor in an Engine's epoll set. What it raises is its own to catch."""

    def __cinit__(self, *args, **kwargs):
        self.fd = -1

    cdef int handle(self, uint32_t events) except -1:
        """Acts on epoll events."""
        raise AssertionError("Watched.handle must be defined by the subclass")

    cdef int flush_now(self) except -1:
        """Writes what waits; the turn ends."""
        return 0

    cdef int time_out(self) except -1:
        """The deadline has passed."""
        return 0

    cdef int end(self) except -1:
        """The engine closes."""
        return 0
