"""The one place that syncs, and that writes, renames or removes what must survive a power cut.

Law: docs/queue.md "What the disk promises". POSIX promises nothing about unsynced data: after
a cut any part of it may be there, in any order. Data is durable after d_datasync of its file, a
name after d_sync_directory of its directory. A descriptor that failed a sync must not be synced
again: the kernel reports a lost page once (fsync(2), NOTES).

A test may record every call (`record`, `recorded`); tests/crash replays the recording into all
the states a crash could have left. When nothing records, that costs one predictable branch a call.
"""

import os

from libc.errno cimport EINTR, EIO, ENOSPC, ENOSYS, EOPNOTSUPP, errno
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, strlen
from posix.types cimport mode_t, off_t

from pyfix.errors import DiskFull, QueueError

cdef extern from "<fcntl.h>" nogil:
    int openat(int directory, const char* name, int flags, ...)
    int fallocate(int fd, int mode, off_t offset, off_t length)
    int O_CREAT, O_EXCL, O_RDWR, O_RDONLY, O_CLOEXEC, O_NOFOLLOW
cdef extern from "<sys/uio.h>" nogil:
    ssize_t pwritev(int fd, const iovec* vector, int count, off_t offset)
cdef extern from "<unistd.h>" nogil:
    int c_fdatasync "fdatasync"(int fd)
    int c_fsync "fsync"(int fd)
    int unlinkat(int directory, const char* name, int flags)
    int c_ftruncate "ftruncate"(int fd, off_t length)
    int c_close "close"(int fd)
cdef extern from "<stdio.h>" nogil:
    int renameat(int a, const char* old, int b, const char* new)
cdef extern from "<sys/stat.h>" nogil:
    cdef struct c_stat "stat":
        unsigned long st_ino
    int c_fstat "fstat"(int fd, c_stat* out)
cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass
    int pthread_mutex_init(pthread_mutex_t*, void*)
    int pthread_mutex_lock(pthread_mutex_t*)
    int pthread_mutex_unlock(pthread_mutex_t*)

# Operations in a recording.
CREATE, WRITE, SYNC_BEGIN, SYNC_END, DIR_SYNC_BEGIN, DIR_SYNC_END, RENAME, UNLINK, TRUNCATE, ALLOCATE, MARK = range(11)

cdef enum:
    OP_CREATE, OP_WRITE, OP_SYNC_BEGIN, OP_SYNC_END, OP_DIR_SYNC_BEGIN, OP_DIR_SYNC_END
    OP_RENAME, OP_UNLINK, OP_TRUNCATE, OP_ALLOCATE, OP_MARK

cdef struct Entry:
    uint32_t op
    uint32_t first          # bytes of text or data that follow
    uint32_t second         # bytes of a second text
    uint32_t spare
    uint64_t inode          # of the file, or of the directory for names
    uint64_t number         # offset, length, or inode created

cdef bint recording = False
cdef pthread_mutex_t recorder_lock
cdef char* tape = NULL
cdef size_t tape_length = 0
cdef size_t tape_room = 0
cdef int syncs_left = -1            # how many succeed before one fails, for a test; below 0: all do
cdef bint no_room = False           # whether nothing can be reserved, for a test
pthread_mutex_init(&recorder_lock, NULL)


# ---- the recorder

cdef uint64_t inode_of(int fd) noexcept nogil:
    cdef c_stat status
    return status.st_ino if c_fstat(fd, &status) == 0 else 0


cdef void tape_put(const void* data, size_t length) noexcept nogil:
    """Append to the tape (the lock is held); a test that runs out of memory stops recording."""
    global tape, tape_length, tape_room, recording
    cdef char* grown
    if tape_length + length > tape_room:
        grown = <char*>realloc(tape, 2 * (tape_length + length) + 65536)
        if grown == NULL:
            recording = False
            return
        tape = grown
        tape_room = 2 * (tape_length + length) + 65536
    memcpy(tape + tape_length, data, length)
    tape_length += length


cdef void note(uint32_t op, int fd, uint64_t number, const char* first, size_t first_length,
               const char* second, size_t second_length) noexcept nogil:
    cdef Entry entry
    entry.op, entry.inode, entry.number, entry.spare = op, inode_of(fd) if fd >= 0 else 0, number, 0
    entry.first, entry.second = <uint32_t>first_length, <uint32_t>second_length
    pthread_mutex_lock(&recorder_lock)
    if recording:
        tape_put(&entry, sizeof(Entry))
        tape_put(first, first_length)
        tape_put(second, second_length)
    pthread_mutex_unlock(&recorder_lock)


cdef void note_name(uint32_t op, int directory, uint64_t number, const char* name, const char* other) noexcept nogil:
    note(op, directory, number, name, strlen(name), other, strlen(other))


def record() -> None:
    """Begin a recording, dropping an earlier one. Only tests do."""
    global recording, tape_length
    pthread_mutex_lock(&recorder_lock)
    tape_length = 0
    recording = True
    pthread_mutex_unlock(&recorder_lock)


def recorded() -> list:
    """End the recording: [(op, inode, number, first, second), ...] in the order of the calls."""
    global recording, tape, tape_length, tape_room
    cdef size_t length
    cdef char* taken
    pthread_mutex_lock(&recorder_lock)      # a journal's thread may be writing on it
    recording = False
    taken, length = tape, tape_length
    tape, tape_length, tape_room = NULL, 0, 0
    pthread_mutex_unlock(&recorder_lock)
    try:
        return entries(taken, length)
    finally:
        free(taken)


cdef list entries(const char* taken, size_t length):
    """What stands on a tape."""
    cdef size_t at = 0
    cdef Entry entry
    cdef list out = []
    while at < length:
        memcpy(&entry, taken + at, sizeof(Entry))
        at += sizeof(Entry)
        first = taken[at:at + entry.first]
        second = taken[at + entry.first:at + entry.first + entry.second]
        at += entry.first + entry.second
        out.append((entry.op, entry.inode, entry.number, first, second))
    return out


cdef bint to_fail() noexcept nogil:
    """Whether this sync is the one that a test wants to fail."""
    global syncs_left
    cdef bint chosen
    pthread_mutex_lock(&recorder_lock)
    chosen = syncs_left == 0
    if syncs_left >= 0:
        syncs_left -= 1
    pthread_mutex_unlock(&recorder_lock)
    return chosen


def fail_sync(int after) -> None:
    """While recording: `after` more calls of d_datasync succeed, the next fails with EIO, once. Only tests do."""
    global syncs_left
    syncs_left = after


def fill_disk(bint full) -> None:
    """From now on no space can be reserved (ENOSPC), or it can again. Only tests do."""
    global no_room
    no_room = full


def mark(bytes text not None) -> None:
    """Put a remark (an acknowledgement given, say) into the recording."""
    if recording:
        note(OP_MARK, -1, 0, text, len(text), NULL, 0)


# ---- the calls

cdef int d_create(int directory, const char* name, mode_t mode) noexcept nogil:
    """Create a file that must not exist; its descriptor (read and write)."""
    cdef int fd = openat(directory, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, mode)
    if fd < 0:
        return -errno
    if recording:
        note_name(OP_CREATE, directory, inode_of(fd), name, "")
    return fd


cdef int d_open(int directory, const char* name, bint write) noexcept nogil:
    """Open a file that exists; its descriptor."""
    cdef int fd = openat(directory, name, (O_RDWR if write else O_RDONLY) | O_CLOEXEC | O_NOFOLLOW)
    return fd if fd >= 0 else -errno


cdef int d_write(int fd, const char* data, size_t length, off_t offset) noexcept nogil:
    """Write all of `data` at `offset`."""
    cdef iovec one
    one.iov_base, one.iov_len = <void*>data, length
    return d_writev(fd, &one, 1, offset)


cdef int d_writev(int fd, iovec* vector, int count, off_t offset) noexcept nogil:
    """Write all of the vector (at most IOV_MAX entries, which are used up) at `offset`."""
    cdef ssize_t n
    while count:
        n = pwritev(fd, vector, count, offset)
        if n < 0:
            if errno == EINTR:
                continue
            return -errno
        if n == 0 and vector.iov_len:
            return -EIO
        while count and <size_t>n >= vector.iov_len:
            if recording:
                note(OP_WRITE, fd, offset, <char*>vector.iov_base, vector.iov_len, NULL, 0)
            n -= vector.iov_len
            offset += vector.iov_len
            vector += 1
            count -= 1
        if n:
            if recording:
                note(OP_WRITE, fd, offset, <char*>vector.iov_base, n, NULL, 0)
            vector.iov_base = <char*>vector.iov_base + n
            vector.iov_len -= n
            offset += n
    return 0


cdef int d_datasync(int fd) noexcept nogil:
    """Make the file's data (and what is needed to read it) durable. After an error: never again on this descriptor."""
    if recording:
        note(OP_SYNC_BEGIN, fd, 0, NULL, 0, NULL, 0)
        if to_fail():
            return -EIO
    while c_fdatasync(fd) != 0:
        if errno != EINTR:
            return -errno
    if recording:
        note(OP_SYNC_END, fd, 0, NULL, 0, NULL, 0)
    return 0


cdef int d_sync_directory(int directory) noexcept nogil:
    """Make the names in a directory durable."""
    if recording:
        note(OP_DIR_SYNC_BEGIN, directory, 0, NULL, 0, NULL, 0)
    while c_fsync(directory) != 0:
        if errno != EINTR:
            return -errno
    if recording:
        note(OP_DIR_SYNC_END, directory, 0, NULL, 0, NULL, 0)
    return 0


cdef int d_rename(int directory, const char* old, const char* new) noexcept nogil:
    """Rename within a directory; what had the new name is gone."""
    if renameat(directory, old, directory, new) != 0:
        return -errno
    if recording:
        note_name(OP_RENAME, directory, 0, old, new)
    return 0


cdef int d_unlink(int directory, const char* name) noexcept nogil:
    """Remove a name."""
    if unlinkat(directory, name, 0) != 0:
        return -errno
    if recording:
        note_name(OP_UNLINK, directory, 0, name, "")
    return 0


cdef int d_truncate(int fd, off_t length) noexcept nogil:
    """Set a file's size."""
    if c_ftruncate(fd, length) != 0:
        return -errno
    if recording:
        note(OP_TRUNCATE, fd, length, NULL, 0, NULL, 0)
    return 0


cdef int d_zero_fill(int fd, off_t length) noexcept nogil:
    """Reserve space where the file system can't do it without writing."""
    cdef size_t piece = 1 << 20
    cdef char* zeros = <char*>calloc(1, piece)
    cdef off_t at = 0
    cdef int result = 0
    if zeros == NULL:
        return -EIO
    while at < length and result == 0:
        result = d_write(fd, zeros, min(piece, <size_t>(length - at)), at)
        at += piece
    free(zeros)
    return result


cdef int d_allocate(int fd, off_t length) noexcept nogil:
    """Reserve `length` bytes of disk from the file's beginning, read as zeros. A failure leaves the file empty."""
    cdef int result = 0
    if no_room:
        return -ENOSPC
    while fallocate(fd, 0, 0, length) != 0:
        if errno == EINTR:
            continue
        result = -errno
        break
    if result == -EOPNOTSUPP or result == -ENOSYS:
        result = d_zero_fill(fd, length)
    elif result == 0 and recording:
        note(OP_ALLOCATE, fd, length, NULL, 0, NULL, 0)
    if result:
        d_truncate(fd, 0)       # a failed allocation leaves the file grown
    return result


# ---- for Python

def trouble(int number, str what) -> QueueError:
    """The exception for an errno met while doing `what`: DiskFull for no space and no quota."""
    import errno as names
    kind = DiskFull if number in (names.ENOSPC, names.EDQUOT) else QueueError
    return kind(f"{what}: {os.strerror(number)}")


cdef int check(int result, str what) except -1:
    if result < 0:
        raise trouble(-result, what)
    return result


cdef class Directory:
    """A directory whose files are replaced, renamed and removed durably. QueueError, DiskFull from each method."""

    cdef readonly str path
    cdef readonly int fd

    def __cinit__(self, str path not None):
        self.fd = -1
        self.path = path
        self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __dealloc__(self):
        if self.fd >= 0:
            c_close(self.fd)

    def create(self, bytes name not None, int mode=0o600) -> int:
        """A new file; its descriptor, which the caller closes. The name is durable after sync()."""
        return check(d_create(self.fd, name, mode), f"create {self.path}/{name.decode()}")

    def write(self, int fd, bytes data not None, long offset) -> None:
        """Write all of `data`."""
        cdef const char* p = data
        cdef size_t n = len(data)
        cdef int result
        with nogil:
            result = d_write(fd, p, n, offset)
        check(result, f"write in {self.path}")

    def datasync(self, int fd) -> None:
        """Make a file's data durable."""
        cdef int result
        with nogil:
            result = d_datasync(fd)
        check(result, f"sync in {self.path}")

    def sync(self) -> None:
        """Make the names durable."""
        cdef int result
        with nogil:
            result = d_sync_directory(self.fd)
        check(result, f"sync {self.path}")

    def rename(self, bytes old not None, bytes new not None) -> None:
        """Rename; sync() makes it durable."""
        check(d_rename(self.fd, old, new), f"rename {self.path}/{old.decode()}")

    def unlink(self, bytes name not None) -> None:
        """Remove; sync() makes it durable."""
        check(d_unlink(self.fd, name), f"remove {self.path}/{name.decode()}")

    def allocate(self, int fd, long length) -> None:
        """Reserve disk space for a file."""
        cdef int result
        with nogil:
            result = d_allocate(fd, length)
        check(result, f"reserve space in {self.path}")

    def replace(self, bytes name not None, bytes data not None, int mode=0o600) -> None:
        """Put a whole file under `name`, all or nothing, durable on return."""
        temporary = name + b".new"
        try:
            self.unlink(temporary)
        except QueueError:
            if os.path.lexists(os.path.join(self.path, temporary.decode())):
                raise
        fd = self.create(temporary, mode)
        try:
            self.write(fd, data, 0)
            self.datasync(fd)
        finally:
            os.close(fd)
        self.rename(temporary, name)
        self.sync()
