"""A table image on disk, mapped into memory: lookups for hash: and btree: without a copy or a system call.

A table is replaced by rename, never changed in place. At most once a second a lookup asks whether the name leads to
another file now, and moves over to it between two lookups. Small tables are read into memory instead of mapped, so
that another program that cuts the file cannot hurt; a file that is not whole gives TableError, never a crash.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EINTR, errno
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset
from posix.fcntl cimport O_RDONLY, open as c_open
from posix.mman cimport MAP_FAILED, MAP_SHARED, PROT_READ, mmap, munmap
from posix.stat cimport fstat, stat, struct_stat
from posix.unistd cimport close, pread

cimport cython
import os

from pyfix._core.hashmap cimport (ABSENT, BROKEN, FOUND, Cursor, fold_hash, has_high, image_find, image_next, image_open,
                                  siphash13)
from pyfix.errors import TableConfigError, TableError

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE          /* sync_file_range(2) */
    #endif
    #include <fcntl.h>
    #include <sys/stat.h>
    #include <time.h>
    static long long pyfix_mtime_ns(const struct stat *st)
    {
        return (long long) st->st_mtim.tv_sec * 1000000000LL + st->st_mtim.tv_nsec;
    }
    static long pyfix_coarse_second(void)
    {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
        return (long) now.tv_sec;
    }
    """
    long long pyfix_mtime_ns(const struct_stat *st) noexcept nogil
    long pyfix_coarse_second() noexcept nogil
    int sync_file_range(int fd, long long offset, long long size, unsigned int flags) nogil
    enum: O_CLOEXEC, SYNC_FILE_RANGE_WRITE

cdef enum:
    COPY_LIMIT = 4194304      # tables up to 4 MiB are read, larger ones mapped
    SHORT_KEY = 256           # keys up to here are folded on the stack

#: the magic number of Berkeley DB's hash and btree files, at offset 12, in both byte orders
BERKELEY = (b"\x61\x15\x06\x00", b"\x00\x06\x15\x61", b"\x62\x31\x05\x00", b"\x00\x05\x31\x62")


def begin_writing(int fd, long long offset, long long size):
    """Let the disk begin with a part of a file, without waiting. A hint: what fails, fails at the fsync that follows."""
    with nogil:
        sync_file_range(fd, offset, size, SYNC_FILE_RANGE_WRITE)


@cython.final
cdef class MappedTable:
    """The table in the file `path`.

    `title` and `command` ("postmap hash:name") are for messages. `fold`: keys are folded; `slow`: called with a key or
    a value that is not ASCII, where `utf8` is set (`slow(key) -> key or None`, `check(key, value) -> value`).
    Raises TableConfigError where the file can't be opened or is no table.
    """

    def __init__(self, str path, str title, str command, bint fold, bint utf8, slow, check):
        self.path = os.fsencode(path)
        self.title, self.command, self.fold, self.utf8 = title, command, fold, utf8
        self.slow, self.check = slow, check
        self._load()
        if self.trouble is not None:
            raise TableConfigError(title, self.trouble)
        self.looked = pyfix_coarse_second()

    def __dealloc__(self):
        self._release()

    def close(self):
        """Give the memory back; lookups fail from now on."""
        self._release()
        self.trouble = "table is closed"

    cdef void _release(self) noexcept:
        if self.memory != NULL:
            if self.mapped:
                munmap(self.memory, self.size)
            else:
                free(self.memory)
            self.memory = NULL

    cdef _load(self):
        """Open the file that the name leads to now; `trouble` says why that failed."""
        cdef struct_stat st
        cdef int fd = c_open(<const char *>self.path, O_RDONLY | O_CLOEXEC)
        self.changes += 1
        if fd < 0:
            self.trouble = f"open database {os.fsdecode(self.path)}: {os.strerror(errno)}"
            return
        try:
            if fstat(fd, &st) < 0:
                self.trouble = f"open database {os.fsdecode(self.path)}: {os.strerror(errno)}"
                return
            self.inode, self.device, self.mtime = st.st_ino, st.st_dev, pyfix_mtime_ns(&st)
            self.trouble = self._take(fd, st.st_size)
        finally:
            close(fd)

    cdef str _take(self, int fd, size_t size):
        """Put the content of `fd` in the place of the old one; returns what is wrong with it, or None."""
        cdef void *memory
        cdef bint mapped = size > COPY_LIMIT
        self._release()
        if size == 0:
            return f"{os.fsdecode(self.path)}: empty file; run \"{self.command}\" to build the table"
        if mapped:
            memory = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0)
            if memory == MAP_FAILED:
                return f"map database {os.fsdecode(self.path)}: {os.strerror(errno)}"
        else:
            memory = _read_all(fd, size)
            if memory == NULL:
                return f"read database {os.fsdecode(self.path)}: file shrank or can't be read"
        self.memory, self.size, self.mapped = memory, size, mapped
        if image_open(&self.image, <const uint8_t *>memory, size) == FOUND:
            return None
        head = (<const char *>memory)[:min(size, 16)]
        self._release()
        if head[12:16] in BERKELEY:
            return (f"{os.fsdecode(self.path)} is a Berkeley DB file, which pyfix does not read; "
                    f"run \"{self.command}\" to rebuild it from its source")
        return f"{os.fsdecode(self.path)}: damaged, or not a table; run \"{self.command}\" to rebuild it"

    cdef bint _changed(self):
        """Does the name lead to another file than the one in use? A missing name is no change."""
        cdef struct_stat st
        if stat(<const char *>self.path, &st) < 0:
            return False
        return st.st_ino != self.inode or st.st_dev != self.device or pyfix_mtime_ns(&st) != self.mtime

    cdef int _fresh(self) except -1:
        """At most once a second: move over to a rebuilt table. Raises TableError while the table is unusable."""
        cdef long now = pyfix_coarse_second()
        if now != self.looked:
            self.looked = now
            if self._changed() or self.memory == NULL:
                self._load()
        if self.memory == NULL:
            raise TableError(self.title, self.trouble)
        return 0

    def generation(self):
        """A number that grows when the file changed."""
        cdef long now = pyfix_coarse_second()
        if now != self.looked:
            self.looked = now
            if self._changed():
                self._load()
        return self.changes

    def __len__(self):
        self._fresh()
        return self.image.count

    def get(self, bytes key not None):
        """The value of `key`, or None. TableError where the table can't be used."""
        return self._get(key)

    cdef _get(self, bytes key):
        cdef uint8_t small[SHORT_KEY]
        cdef const uint8_t *text = <const uint8_t *>PyBytes_AS_STRING(key)
        cdef size_t klen = PyBytes_GET_SIZE(key)
        cdef uint64_t hash = 0
        self._fresh()
        if self.fold and klen <= SHORT_KEY:
            if not fold_hash(self.image.k0, self.image.k1, text, klen, small, &hash) or not self.utf8:
                return self._find(small, klen, hash, key)
        elif not self.fold and not (self.utf8 and has_high(text, klen)):
            return self._find(text, klen, siphash13(self.image.k0, self.image.k1, text, klen), key)
        return self._get_slowly(key)

    cdef _get_slowly(self, bytes key):
        """A key that is long, or not ASCII."""
        cdef bytes prepared = self.slow(key)
        cdef const uint8_t *text
        cdef size_t klen
        if prepared is None:
            return None
        text, klen = <const uint8_t *>PyBytes_AS_STRING(prepared), PyBytes_GET_SIZE(prepared)
        return self._find(text, klen, siphash13(self.image.k0, self.image.k1, text, klen), key)

    cdef _find(self, const uint8_t *text, size_t klen, uint64_t hash, bytes key):
        cdef const uint8_t *value = NULL
        cdef size_t vlen = 0
        cdef int found = image_find(&self.image, hash, text, klen, &value, &vlen)
        if found == ABSENT:
            return None
        if found == BROKEN:
            self._damaged()
        if self.utf8 and has_high(value, vlen):
            return self.check(key, PyBytes_FromStringAndSize(<const char *>value, vlen))
        return PyBytes_FromStringAndSize(<const char *>value, vlen)

    cdef _damaged(self):
        raise TableError(self.title, f"damaged; run \"{self.command}\" to rebuild it")

    def items(self):
        """Every (key, value) of the table as it is now."""
        cdef Cursor cursor
        cdef uint64_t changes
        cdef const uint8_t *key = NULL
        cdef const uint8_t *value = NULL
        cdef size_t klen = 0
        cdef size_t vlen = 0
        cdef int more
        memset(&cursor, 0, sizeof(cursor))
        self._fresh()
        changes = self.changes
        while True:
            if changes != self.changes or self.memory == NULL:
                raise TableError(self.title, "table was replaced while it was read")
            more = image_next(&self.image, &cursor, &key, &klen, &value, &vlen)
            if more == BROKEN:
                self._damaged()
            if more == ABSENT:
                return
            yield (PyBytes_FromStringAndSize(<const char *>key, klen),
                   PyBytes_FromStringAndSize(<const char *>value, vlen))


cdef void *_read_all(int fd, size_t size) noexcept:
    """The first `size` bytes of a file in new memory; NULL where they are not there."""
    cdef uint8_t *memory = <uint8_t *>malloc(size)
    cdef size_t used = 0
    cdef ssize_t got
    if memory == NULL:
        return NULL
    while used < size:
        got = pread(fd, memory + used, size - used, used)
        if got < 0 and errno == EINTR:
            continue
        if got <= 0:
            free(memory)
            return NULL
        used += got
    return memory
