"""Group commit: the thread that takes all records that have gathered, writes them, syncs, and tells.

Law: docs/queue.md "The writer". It needs no GIL. One pwritev for each run of records of a segment, one sync for each
segment that was written to, then one write to the event descriptor for the whole group.

A write or sync that fails ends the journal: all that gathered fails, and the segments are cut where they were last on disk.
"""

from libc.stdint cimport int64_t, uint32_t
from posix.time cimport CLOCK_MONOTONIC, timespec

from pyfix._core.frame cimport HEADER, Frame, aligned, frame_stamp
from pyfix.clock cimport nanoseconds
from pyfix.durable cimport d_datasync, d_writev, iovec
from pyfix.queue.segment cimport Segment, segment_cut, segment_free, segment_make
from pyfix.queue.threads cimport pthread_cond_timedwait, pthread_cond_wait, pthread_mutex_lock, pthread_mutex_unlock

cdef extern from "<unistd.h>" nogil:
    ssize_t c_write "write"(int, const void*, size_t)

cdef enum:
    VECTOR = 768            # entries of one pwritev, below IOV_MAX

cdef const char* ZEROS = "\0\0\0\0\0\0\0\0"


cdef void stamp(Item* item) noexcept nogil:
    """Make the header, now that it is known what is on disk."""
    cdef Frame* frame = <Frame*>block_of(item)
    frame.magic, frame.length, frame.offset = item.segment.magic, item.length, item.offset
    frame.durable, frame.head, frame.kind = item.segment.synced, item.head, item.kind
    frame_stamp(frame, item.segment.seed, block_of(item) + HEADER, item.body, item.body_length)


cdef int write_run(Item* first, Item** rest) noexcept nogil:
    """Write the items that follow each other in one segment; `rest` is the first that does not."""
    cdef iovec[VECTOR] vector
    cdef int n = 0
    cdef Segment* segment = first.segment
    cdef Item* item = first
    cdef uint32_t end = first.offset
    while item != NULL and item.segment == segment and item.offset == end and n + 3 <= VECTOR:
        stamp(item)
        vector[n].iov_base, vector[n].iov_len = block_of(item), HEADER + item.head
        n += 1
        if item.body_length:
            vector[n].iov_base, vector[n].iov_len = <void*>item.body, item.body_length
            n += 1
        end = item.offset + aligned(item.length)
        if aligned(item.length) != item.length:
            vector[n].iov_base, vector[n].iov_len = <void*>ZEROS, aligned(item.length) - item.length
            n += 1
        item = item.next
    rest[0] = item
    segment.dirty = True
    return d_writev(segment.fd, vector, n, first.offset)


cdef int write_batch(Item* item) noexcept nogil:
    """Write all items of a batch."""
    cdef int result = 0
    while item != NULL and result == 0:
        if item.segment == NULL:
            item = item.next
        else:
            result = write_run(item, &item)
    return result


cdef int sync_batch(Segment* first) noexcept nogil:
    """Sync every segment that was written to; only when all are on disk is any of it counted as on disk."""
    cdef int result = 0
    cdef Segment* segment = first
    while segment != NULL and result == 0:
        if segment.dirty:
            result = d_datasync(segment.fd)
        segment = segment.next
    segment = first
    while segment != NULL and result == 0:
        if segment.dirty:
            segment.dirty = False
            segment.synced = segment.take
        segment = segment.next
    return result


cdef void cut_all(Core* core, Segment* segment) noexcept nogil:
    """After a failure: what was not on disk before shall not come back."""
    while segment != NULL:
        if segment.dirty:
            segment_cut(core.directory, segment.number, segment.synced)
        segment = segment.next


cdef void settle(Core* core, Item* first, Item* last, int error) noexcept nogil:
    """Hand a batch to the loop (the lock is held)."""
    cdef Item* item = first
    cdef unsigned long long one = 1
    if first == NULL:
        return
    while item != NULL:
        if error and not item.error:
            item.error = -error
        item = item.next
    last.last = True
    if core.done_last != NULL:
        core.done_last.next = first
    else:
        core.done_first = first
    core.done_last = last
    c_write(core.event, &one, 8)


cdef void fail(Core* core, Item* first, Item* last, int error) noexcept nogil:
    """End the journal (the lock is held): the batch and all that gathered behind it get the error."""
    core.broken = -error
    pthread_mutex_unlock(&core.lock)
    cut_all(core, core.open)
    pthread_mutex_lock(&core.lock)
    if core.first != NULL:
        if last != NULL:
            last.next = core.first
        else:
            first = core.first
        last = core.last
        core.first = core.last = NULL
    settle(core, first, last, error)


cdef void close_finished(Core* core) noexcept nogil:
    """Let go of segments that nothing more is written to (the lock is held)."""
    cdef Segment** link = &core.open
    cdef Segment* segment
    while link[0] != NULL:
        segment = link[0]
        if segment.closed and segment.pins == 0 and not segment.dirty and segment.synced == segment.pos:
            link[0] = segment.next
            segment_free(segment)
        else:
            link = &segment.next


cdef void make_spare(Core* core) noexcept nogil:
    """Have the next segment ready before this one is full (the lock is held, and let go for the work)."""
    cdef Segment* made = NULL
    if core.spare != NULL or core.stopping or core.current.pos < core.current.size // 2:
        return
    pthread_mutex_unlock(&core.lock)
    segment_make(core.directory, core.size, core.kind, core.name, False, &made)
    pthread_mutex_lock(&core.lock)
    core.spare = made           # NULL on a full disk: put() tries again and reports it


cdef bint wait_for_work(Core* core) noexcept nogil:
    """Sleep until there is something to do (the lock is held); False when there never will be."""
    cdef timespec until
    cdef int64_t now
    while not core.stopping:
        if core.tidy:
            core.tidy = False
            close_finished(core)
        if core.first == NULL:
            pthread_cond_wait(&core.wake, &core.lock)
            continue
        if core.urgency == NOW or core.pending >= MUCH:
            return True
        now = nanoseconds(CLOCK_MONOTONIC)
        if now >= core.deadline:
            return True
        until.tv_sec, until.tv_nsec = core.deadline // 1000000000, core.deadline % 1000000000
        pthread_cond_timedwait(&core.wake, &core.lock, &until)
    return core.first != NULL


cdef Item* take_batch(Core* core, Item** last, int* urgency) noexcept nogil:
    """All that has gathered (the lock is held)."""
    cdef Item* first = core.first
    cdef Segment* segment = core.open
    last[0], urgency[0] = core.last, max(core.urgency, SOON if core.stopping else LAZY)
    core.first = core.last = NULL
    core.pending = 0
    core.urgency = LAZY
    while segment != NULL:
        segment.take = segment.pos
        segment = segment.next
    return first


cdef void* commit_run(void* argument) noexcept nogil:
    """The thread's life."""
    cdef Core* core = <Core*>argument
    cdef Item* first
    cdef Item* last
    cdef Segment* segments
    cdef int urgency, result
    pthread_mutex_lock(&core.lock)
    while core.broken == 0 and wait_for_work(core):
        first = take_batch(core, &last, &urgency)
        segments = core.open
        pthread_mutex_unlock(&core.lock)
        result = write_batch(first)
        if result == 0 and urgency > LAZY:
            result = sync_batch(segments)
        pthread_mutex_lock(&core.lock)
        if result:
            fail(core, first, last, result)
            break
        settle(core, first, last, 0)
        close_finished(core)
        make_spare(core)
    core.finished = True
    pthread_mutex_unlock(&core.lock)
    return NULL
