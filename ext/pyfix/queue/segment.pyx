"""Segment files: how one is made, numbered, locked, and cut after a failed sync.

Law: docs/queue.md "Segments". Names in the log directory:

    0000002a.seg    segment 42, made by one writer, preallocated
    00000017.free   a file to become a segment under a new number: it holds nothing alive, or was never one
    0000002a.cut    what stands in segment 42 from the offset in this file on was never acknowledged
    reserve         disk space kept back for the state log on a full disk

A number is never used twice: a new one is the highest in the directory plus one, taken under
a lock on the directory, and the file with the highest number is never removed. A writer holds a shared
lock on each segment it may still write to, or that holds content of a message under way.
"""

from libc.errno cimport ENOENT, ENOMEM, ENOSPC, EDQUOT, errno
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free, strtoul
from libc.string cimport memcpy, strcmp, strlen, strncpy

from pyfix._core.frame cimport START, SegmentHeader, crc32c, segment_pack, segment_unpack
from pyfix.durable cimport d_allocate, d_create, d_datasync, d_open, d_rename, d_sync_directory, d_unlink, d_write

cdef extern from "<dirent.h>" nogil:
    ctypedef struct DIR:
        pass
    cdef struct dirent:
        char* d_name
    DIR* fdopendir(int fd)
    dirent* readdir(DIR* directory)
    int closedir(DIR* directory)
cdef extern from "<sys/file.h>" nogil:
    int flock(int fd, int operation)
    int LOCK_SH, LOCK_EX, LOCK_NB
cdef extern from "<sys/random.h>" nogil:
    ssize_t getrandom(void* out, size_t length, unsigned int flags)
cdef extern from "<unistd.h>" nogil:
    int c_close "close"(int fd)
cdef extern from "<fcntl.h>" nogil:
    int openat(int directory, const char* name, int flags, ...)
    int O_RDONLY, O_DIRECTORY, O_CLOEXEC
cdef extern from "<sys/stat.h>" nogil:
    cdef struct c_stat "stat":
        long st_size
    int fstatat(int directory, const char* name, c_stat* out, int flags)
cdef extern from "<stdio.h>" nogil:
    int snprintf(char* out, size_t room, const char* format, ...)


cdef void segment_name(uint32_t number, const char* suffix, char* out) noexcept nogil:
    """Write a file's name into NAME_ROOM bytes."""
    snprintf(out, NAME_ROOM, "%08x.%s", number, suffix)


cdef bint segment_lock(int fd, bint exclusive) noexcept nogil:
    """Try to lock a segment: shared by its writer, exclusive by whoever wants to take it away."""
    return flock(fd, (LOCK_EX if exclusive else LOCK_SH) | LOCK_NB) == 0


cdef int survey(int directory, uint32_t size, uint32_t* highest, uint32_t* spare) noexcept nogil:
    """Find the highest number in use and the lowest free segment of `size` bytes (0: none)."""
    cdef int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    cdef DIR* entries = fdopendir(fd) if fd >= 0 else NULL
    cdef dirent* entry
    cdef char* end
    cdef c_stat status
    cdef uint32_t number
    if entries == NULL:
        number = errno
        if fd >= 0:
            c_close(fd)
        return -<int>number
    highest[0] = spare[0] = 0
    while True:
        entry = readdir(entries)
        if entry == NULL:
            break
        if strlen(entry.d_name) < 12 or entry.d_name[8] != c".":
            continue
        number = <uint32_t>strtoul(entry.d_name, &end, 16)
        if end != entry.d_name + 8:
            continue
        highest[0] = max(highest[0], number)
        if (strcmp(end, ".free") == 0 and (spare[0] == 0 or number < spare[0])
                and fstatat(directory, entry.d_name, &status, 0) == 0 and status.st_size == <long>size):
            spare[0] = number
    closedir(entries)
    return 0


cdef int fresh(int directory, const char* name, uint32_t size, bint reserve) noexcept nogil:
    """A new preallocated file; on a full disk, where that is allowed, the reserve. Its descriptor or -errno."""
    cdef int fd = d_create(directory, name, 0o600)
    cdef int result
    if fd < 0:
        return fd
    result = d_allocate(fd, size)
    if result == 0:
        return fd
    c_close(fd)
    d_unlink(directory, name)
    if reserve and (result == -ENOSPC or result == -EDQUOT) and d_rename(directory, "reserve", name) == 0:
        return d_open(directory, name, True)
    return result


cdef int obtain(int directory, uint32_t size, bint reserve, uint32_t* number, char* name) noexcept nogil:
    """The next number, and a free file, a new one if there is none: its descriptor or -errno. The directory is locked."""
    cdef uint32_t highest = 0
    cdef uint32_t spare = 0
    cdef int fd
    cdef int result = survey(directory, size, &highest, &spare)
    if result:
        return result
    number[0] = highest + 1
    if spare:
        segment_name(spare, "free", name)
        fd = d_open(directory, name, True)
        if fd >= 0:
            result = d_sync_directory(directory)        # else a crash may bring its old name back, with the new head
            if result:
                c_close(fd)
            return fd if result == 0 else result
    segment_name(number[0], "free", name)
    return fresh(directory, name, size, reserve)


cdef int prepare(int directory, int fd, const char* free_name, SegmentHeader* header) noexcept nogil:
    """Lock the file, make its head durable, and then its name: what has a segment's name is a segment after any crash."""
    cdef char[4096] block
    cdef char[24] name
    cdef int result
    if not segment_lock(fd, False):
        return -errno
    if getrandom(&header.salt, 8, 0) != 8:
        return -errno
    segment_pack(header, block)
    segment_unpack(block, START, header)        # sets the seed
    segment_name(header.number, "seg", name)
    result = d_write(fd, block, START, 0)
    if result == 0:
        result = d_datasync(fd)
    if result == 0:
        result = d_rename(directory, free_name, name)
    if result == 0:
        result = d_sync_directory(directory)
    return result


cdef int lock_directory(int directory) noexcept nogil:
    """Keep others from making a segment until the descriptor returned is closed; or -errno.

    A descriptor of its own each time: flock(2) does not part two threads that share one (a journal's thread
    makes the spare while the loop may need the next).
    """
    cdef int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if fd < 0:
        return -errno
    while flock(fd, LOCK_EX) != 0:
        pass
    return fd


cdef int segment_make(int directory, uint32_t size, uint32_t kind, const char* name, bint reserve,
                      Segment** out) noexcept nogil:
    """Make a segment of `size` bytes ready to be written; 0 or -errno. `reserve`: may use the reserve on a full disk."""
    cdef SegmentHeader header
    cdef char[24] free_name
    cdef uint32_t number = 0
    cdef int fd, lock
    cdef int result = 0
    cdef Segment* made = <Segment*>calloc(1, sizeof(Segment))
    if made == NULL:
        return -ENOMEM
    lock = lock_directory(directory)
    if lock < 0:
        free(made)
        return lock
    fd = obtain(directory, size, reserve, &number, free_name)
    if fd >= 0:
        header.number, header.kind, header.size = number, kind, size
        strncpy(header.name, name, 63)
        header.name[63] = 0
        result = prepare(directory, fd, free_name, &header)
    c_close(lock)
    if fd < 0 or result:
        if fd >= 0:
            c_close(fd)
        free(made)
        return fd if fd < 0 else result
    made.fd, made.number, made.size, made.seed = fd, number, size, header.seed
    made.magic = <uint32_t>header.salt
    made.pos = made.take = made.synced = START
    out[0] = made
    return 0


cdef void segment_free(Segment* segment) noexcept nogil:
    """Close the file (which lets go of its lock) and the memory."""
    c_close(segment.fd)
    free(segment)


cdef int segment_cut(int directory, uint32_t number, uint32_t offset) noexcept nogil:
    """Say durably that nothing from `offset` on was acknowledged. Uses no descriptor that has failed."""
    cdef char[24] name
    cdef uint32_t[2] word
    cdef int fd, result
    segment_name(number, "cut", name)
    fd = d_create(directory, name, 0o600)
    if fd < 0:
        return fd
    word[0] = offset
    word[1] = crc32c(number, <char*>word, 4)
    result = d_write(fd, <char*>word, 8, 0)
    if result == 0:
        result = d_datasync(fd)
    c_close(fd)
    if result == 0:
        result = d_sync_directory(directory)
    return result


def cut_value(bytes data not None, uint32_t number) -> int:
    """The offset in a .cut file; 0 when the file is not whole."""
    cdef uint32_t[2] word
    if len(data) != 8:
        return 0
    memcpy(word, <const char*>data, 8)
    return word[0] if word[1] == crc32c(number, <char*>word, 4) else 0


def try_lock(int fd) -> bool:
    """Whether no writer has the segment: takes the exclusive lock, which lasts until the file is closed."""
    return segment_lock(fd, True)
