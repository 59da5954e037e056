"""A process's own log: records gather while one sync runs, and go to disk together.

Law: docs/queue.md "The writer". `put` gives a record its place at once and never waits for the disk (but
for making a segment in the rare case that none is ready). A thread (`commit.pyx`) takes all that has gathered, writes
and syncs it. No timer holds a group open that somebody waits for.

A write or sync that fails ends the journal: nothing is written again until the process is new.
"""

import select

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF, Py_XINCREF
from cpython.object cimport PyObject
from libc.errno cimport ENOMEM, EROFS
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset, strncpy
from posix.time cimport CLOCK_MONOTONIC

from pyfix._core.frame cimport CHUNK, HEADER, SEAL, START, aligned
from pyfix.clock cimport nanoseconds
from pyfix.queue.commit cimport MUCH, block_of, commit_run
from pyfix.queue.segment cimport Segment, segment_free, segment_make
from pyfix.queue.threads cimport (
    EFD_CLOEXEC, EFD_NONBLOCK, eventfd, pthread_cond_init, pthread_cond_signal,
    pthread_condattr_init, pthread_condattr_setclock, pthread_condattr_t,
    pthread_create, pthread_join, pthread_mutex_init, pthread_mutex_lock, pthread_mutex_unlock)

from pyfix.durable import Directory, trouble
from pyfix.errors import MessageTooLarge, QueueError
from pyfix.model import Place

cdef extern from "<unistd.h>" nogil:
    int c_close "close"(int)
    ssize_t c_write "write"(int, const void*, size_t)
    ssize_t c_read "read"(int, void*, size_t)

cdef enum:
    LAZY_NS = 1000000000


cdef int enqueue(Core* core, Item* item, int urgency) noexcept nogil:
    """Add an item to what gathers (the lock is held)."""
    cdef int64_t deadline = nanoseconds(CLOCK_MONOTONIC) + (core.linger if urgency == SOON else LAZY_NS) if urgency < NOW else 0
    cdef bint sooner = core.first == NULL or urgency > core.urgency or core.pending + item.length >= MUCH
    if core.first == NULL:
        core.first = item
    else:
        core.last.next = item
    if sooner or deadline < core.deadline:
        core.deadline = deadline if core.first == item else min(core.deadline, deadline)
        pthread_cond_signal(&core.wake)     # the thread sleeps for something later
    core.last = item
    core.urgency = max(core.urgency, urgency)
    core.pending += item.length
    return 0


cdef int seal(Core* core) noexcept nogil:
    """End the current segment with a record that says so (the lock is held; there is always room for it)."""
    cdef Item* item = <Item*>calloc(1, sizeof(Item) + HEADER)
    cdef Segment* segment = core.current
    if item == NULL:
        return -ENOMEM
    item.segment, item.number, item.offset, item.length, item.kind = segment, segment.number, segment.pos, HEADER, SEAL
    segment.pos += HEADER
    segment.closed = True
    return enqueue(core, item, LAZY)


cdef int next_segment(Core* core, uint32_t need) noexcept nogil:
    """Make a segment current that has room for `need` bytes (the lock is held)."""
    cdef Segment* made = NULL
    cdef uint32_t size = max(core.size, START + need + HEADER)
    cdef int result = 0
    # recovery reads a journal in the order of its numbers: a spare that is older than the current segment (this function could
    # not wait for it) stays unused, and with the process it goes
    if core.spare != NULL and core.spare.size >= size and (core.current == NULL or core.spare.number > core.current.number):
        made = core.spare
        core.spare = NULL
    else:
        result = segment_make(core.directory, size, core.kind, core.name, core.reserve, &made)
    if result == 0 and core.current != NULL:
        result = seal(core)
    if result:
        if made != NULL:
            segment_free(made)
        return result
    made.next = core.open
    core.open = made
    core.current = made
    return 0


cdef int place(Core* core, Item* item, int urgency) noexcept nogil:
    """Give an item its place and let it be written; 0 or -errno."""
    cdef uint32_t need = aligned(item.length)
    cdef int result = 0
    pthread_mutex_lock(&core.lock)
    if core.broken:
        result = -core.broken
    elif core.stopping:
        result = -EROFS
    elif item.kind == 0:
        pass
    elif core.current.size - core.current.pos < need + HEADER:
        result = next_segment(core, need)
    if result == 0 and item.kind:
        item.segment, item.number, item.offset = core.current, core.current.number, core.current.pos
        core.current.pos += need
        if item.kind == CHUNK:
            core.current.pins += 1
    if result == 0:
        enqueue(core, item, urgency)
    pthread_mutex_unlock(&core.lock)
    return result


cdef void prepare_locks(Core* core) noexcept nogil:
    cdef pthread_condattr_t monotone
    pthread_mutex_init(&core.lock, NULL)
    pthread_condattr_init(&monotone)
    pthread_condattr_setclock(&monotone, CLOCK_MONOTONIC)
    pthread_cond_init(&core.wake, &monotone)


def ignore(group):
    """Nobody wants to know."""


cdef class Journal:
    """The records of one process. `kind` is what its segments hold; `linger` (seconds) the longest wait of SOON."""

    def __cinit__(self, *args, **kwargs):
        self.core = <Core*>calloc(1, sizeof(Core))
        if self.core == NULL:
            raise MemoryError
        self.core.event = -1
        self.core.broken = EROFS        # until begin()

    def __init__(self, str directory not None, str name not None, uint32_t kind, *, uint32_t segment_size=64 << 20,
                 double linger=0.01, bint reserve=False, object on_group=None):
        self.begin(directory, name, kind, segment_size, linger, reserve, on_group)

    cdef int begin(self, str directory, str name, uint32_t kind, uint32_t segment_size, double linger, bint reserve,
                   object on_group) except -1:
        """Open the directory, make the first segment, start the thread."""
        cdef bytes label = name.encode()
        cdef Core* core = self.core
        cdef int result
        if not label or len(label) > 63 or segment_size < 3 * START or self.running:
            raise ValueError("a journal begins once, with a name of 1 to 63 bytes and segments of at least 12 KiB")
        self.directory = Directory(directory)
        self.on_group = on_group if on_group is not None else ignore
        core.directory = self.directory.fd
        core.kind, core.size, core.reserve, core.linger = kind, segment_size, reserve, <int64_t>(linger * 1e9)
        strncpy(core.name, label, 63)
        prepare_locks(core)
        with nogil:
            result = next_segment(core, 0)
        if result:
            raise trouble(-result, f"make a segment in {directory}")
        core.event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)
        core.broken = 0
        if core.event < 0 or pthread_create(&core.thread, NULL, commit_run, core):
            core.broken = EROFS
            raise QueueError("can't start the log's thread")
        self.running = True
        return 0

    def __dealloc__(self):
        cdef Segment* segment
        if self.core == NULL:
            return
        if self.running:
            self.stop()
            self.reap_c()
        while self.core.open != NULL:
            segment = self.core.open
            self.core.open = segment.next
            segment_free(segment)
        if self.core.spare != NULL:
            segment_free(self.core.spare)
        if self.core.event >= 0:
            c_close(self.core.event)
        free(self.core)

    cdef int put(self, uint32_t kind, bytes head, const char* body, size_t length, object owner, object token,
                 int urgency, Item** out) except -1:
        """Append a record and say in `out` where; errors are raised. `kind` 0: a barrier without a record."""
        cdef size_t head_length = PyBytes_GET_SIZE(head)
        cdef Item* item
        cdef int result
        if head_length + length > <size_t>0x40000000:
            raise MessageTooLarge("a record holds at most 1 GiB")
        item = <Item*>malloc(sizeof(Item) + HEADER + head_length)
        if item == NULL:
            raise MemoryError
        memset(item, 0, sizeof(Item) + HEADER)
        memcpy(block_of(item) + HEADER, PyBytes_AS_STRING(head), head_length)
        item.kind, item.head, item.body, item.body_length = kind, <uint32_t>head_length, body, length
        item.length = <uint32_t>(HEADER + head_length + length)
        item.owner, item.token = <PyObject*>owner, <PyObject*>token if token is not None else NULL
        Py_INCREF(owner)
        Py_XINCREF(item.token)
        with nogil:
            result = place(self.core, item, urgency)
        if result:
            Py_DECREF(owner)
            Py_XDECREF(item.token)
            free(item)
            raise trouble(-result, "write to the queue")
        out[0] = item
        return 0

    def append(self, uint32_t kind, bytes head not None, int urgency=LAZY, object token=None) -> tuple:
        """Append a record without body and return (segment, offset)."""
        cdef Item* item = NULL
        self.put(kind, head, NULL, 0, None, token, urgency, &item)
        return item.number, item.offset     # items live until this thread reaps them

    def barrier(self, object token not None) -> None:
        """Hand `token` to on_group when all that was appended before is on disk."""
        cdef Item* item = NULL
        self.put(0, b"", NULL, 0, None, token, NOW, &item)

    def fileno(self) -> int:
        """A descriptor that is readable when ready() has something to report."""
        return self.core.event

    def ready(self) -> None:
        """Report what is settled: on_group([(token, Place | None, error | None), ...]) once for each group."""
        cdef unsigned long long count
        c_read(self.core.event, &count, 8)
        for group in self.reap_c():
            self.on_group(group)

    def wait(self) -> None:
        """Block until all that was appended is on disk and reported. QueueError: it can't be any more."""
        settled = []
        report = self.on_group

        def watch(group):
            settled.extend(error for token, _, error in group if token is settled)
            others = [entry for entry in group if entry[0] is not settled]
            if others:
                report(others)
        self.on_group = watch
        try:
            self.barrier(settled)
            while not settled:
                select.select([self], [], [])
                self.ready()
        finally:
            self.on_group = report
        if settled[0] is not None:
            raise settled[0]

    def position(self) -> tuple:
        """(segment, offset) that the next record would get, if it fits."""
        return self.core.current.number, self.core.current.pos

    def using(self) -> set:
        """Numbers of the segments that this journal may still write to or holds for a message under way."""
        cdef Segment* segment
        cdef set numbers = set()
        pthread_mutex_lock(&self.core.lock)
        segment = self.core.open
        while segment != NULL:
            numbers.add(segment.number)
            segment = segment.next
        if self.core.spare != NULL:
            numbers.add(self.core.spare.number)
        pthread_mutex_unlock(&self.core.lock)
        return numbers

    @property
    def broken(self) -> int:
        """The errno that ended the journal, 0 while it is well."""
        return self.core.broken

    def close(self) -> None:
        """Seal, sync, report, and let go. Blocks."""
        if self.running:
            self.stop()
            self.ready()

    cdef int stop(self) except -1:
        """Let the thread finish what has gathered and wait for its end."""
        cdef Core* core = self.core
        with nogil:
            pthread_mutex_lock(&core.lock)
            if not core.broken:
                seal(core)
            core.stopping = True
            pthread_cond_signal(&core.wake)
            pthread_mutex_unlock(&core.lock)
            pthread_join(core.thread, NULL)
        self.running = False
        return 0

    cdef int poke(self) except -1:
        """Make ready() be called."""
        cdef unsigned long long one = 1
        c_write(self.core.event, &one, 8)
        return 0

    cdef int unpin(self, uint32_t number) except -1:
        """A message with content in that segment is finished with."""
        cdef Segment* segment
        pthread_mutex_lock(&self.core.lock)
        segment = self.core.open
        while segment != NULL and segment.number != number:
            segment = segment.next
        if segment != NULL and segment.pins > 0:
            segment.pins -= 1
            if segment.pins == 0 and segment.closed:
                self.core.tidy = True
                pthread_cond_signal(&self.core.wake)
        pthread_mutex_unlock(&self.core.lock)
        return 0

    cdef list reap_c(self):
        """Take what is settled: a list of groups."""
        cdef Item* item
        cdef Item* follower
        cdef list groups = []
        cdef list group = []
        pthread_mutex_lock(&self.core.lock)
        item = self.core.done_first
        self.core.done_first = self.core.done_last = NULL
        pthread_mutex_unlock(&self.core.lock)
        while item != NULL:
            follower = item.next
            if item.token != NULL:
                group.append(outcome(item))
            if item.last and group:
                groups.append(group)
                group = []
            self.release(item)
            item = follower
        return groups

    cdef int release(self, Item* item) except -1:
        """Let go of an item, its content, and the segments its message held."""
        cdef object owner = <object>item.owner if item.owner != NULL else None
        if type(owner) is Held:
            for number in (<Held>owner).segments:
                self.unpin(number)
        Py_XDECREF(item.owner)
        Py_XDECREF(item.token)
        free(item)
        return 0


cdef tuple outcome(Item* item):
    """What is reported of an item."""
    if item.error:
        return <object>item.token, None, trouble(item.error, "write to the queue")
    if item.segment == NULL:
        return <object>item.token, None, None
    # not Place(...): its constructor is a function in Python
    return <object>item.token, tuple.__new__(Place, (item.number, item.offset, item.length)), None


cdef class Held:
    """A message's content and the segments where its chunks are."""

    def __cinit__(self, object content, list segments):
        self.content, self.segments = content, segments
