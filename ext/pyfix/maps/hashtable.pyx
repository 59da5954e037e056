"""A table image on disk, mapped into memory: lookups for hash: and btree: without a copy or a system call.

A table is replaced by rename, never changed in place. At most once a second a lookup asks whether the name leads to
another file now, and moves over to it between two lookups. Small tables are read into memory instead of mapped, so
that another program that cuts the file cannot hurt; a file that is not whole gives TableError, never a crash.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EINTR, errno
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcpy, memset
from posix.fcntl cimport O_RDONLY, open as c_open
from posix.mman cimport MAP_FAILED, MAP_SHARED, PROT_READ, mmap, munmap
from posix.stat cimport fstat, stat, struct_stat
from posix.unistd cimport close, pread

import os

from pyfix._core.hashmap cimport (ABSENT, BROKEN, FOUND, Cursor, Image, fold_hash, has_high, image_find, image_next,
                                  image_open, image_prefetch, image_prefetch_entry, siphash13)
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
    GROUP = 16                # lines looked up together, so that their memory arrives together

#: the magic number of Berkeley DB's hash and btree files, at offset 12, in both byte orders
BERKELEY = (b"\x61\x15\x06\x00", b"\x00\x06\x15\x61", b"\x62\x31\x05\x00", b"\x00\x05\x31\x62")


def begin_writing(int fd, long long offset, long long size):
    """Let the disk begin with a part of a file, without waiting. A hint: what fails, fails at the fsync that follows."""
    with nogil:
        sync_file_range(fd, offset, size, SYNC_FILE_RANGE_WRITE)


cdef class MappedTable:
    """The table in the file `path`.

    `title` and `command` ("postmap hash:name") are for messages. `fold`: keys are folded; `slow`: called with a key or
    a value that is not ASCII, where `utf8` is set (`slow(key) -> key or None`, `check(key, value) -> value`).
    Raises TableConfigError where the file can't be opened or is no table.
    """

    cdef Image image
    cdef void *memory
    cdef size_t size
    cdef bint mapped
    cdef bint fold
    cdef bint utf8
    cdef long looked
    cdef uint64_t inode
    cdef uint64_t device
    cdef long long mtime
    cdef bytes path
    cdef str trouble
    cdef readonly str title
    cdef str command
    cdef object slow
    cdef object check
    cdef readonly uint64_t changes

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

    cdef inline int _fresh(self) except -1:
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

    cdef inline _find(self, const uint8_t *text, size_t klen, uint64_t hash, bytes key):
        cdef const uint8_t *value = NULL
        cdef size_t vlen = 0
        cdef int found = image_find(&self.image, hash, text, klen, &value, &vlen)
        if found == ABSENT:
            return None
        if found == BROKEN:
            raise TableError(self.title, f"damaged; run \"{self.command}\" to rebuild it")
        if self.utf8 and has_high(value, vlen):
            return self.check(key, PyBytes_FromStringAndSize(<const char *>value, vlen))
        return PyBytes_FromStringAndSize(<const char *>value, vlen)

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
                raise TableError(self.title, f"damaged; run \"{self.command}\" to rebuild it")
            if more == ABSENT:
                return
            yield (PyBytes_FromStringAndSize(<const char *>key, klen),
                   PyBytes_FromStringAndSize(<const char *>value, vlen))

    def query(self, const uint8_t[::1] data not None):
        """Look up each line of `data` (whole lines); returns (output, odd lines, number found).

        The output has "line TAB value" for each that was found. Lines that need more than this (not ASCII, very
        long, an empty value) are not answered: their (output offset, line) are in the list, in order.
        """
        cdef size_t size = data.shape[0]
        cdef size_t room = size + 65536
        cdef Batch batch
        cdef int state = 1
        if size == 0:
            return b"", [], 0
        self._fresh()
        odd = []
        batch.data, batch.at, batch.size = &data[0], 0, size
        batch.out, batch.used, batch.room, batch.found = <uint8_t *>malloc(room), 0, room, 0
        if batch.out == NULL:
            raise MemoryError
        try:
            while state > 0:
                with nogil:
                    state = self._group(&batch)
                if state == 2:
                    odd.append((batch.used, (<const char *>batch.data)[batch.odd:batch.odd + batch.odd_size]))
                elif state == BROKEN:
                    raise TableError(self.title, f"damaged; run \"{self.command}\" to rebuild it")
            return PyBytes_FromStringAndSize(<const char *>batch.out, batch.used), odd, batch.found
        finally:
            free(batch.out)

    cdef int _group(self, Batch *batch) noexcept nogil:
        """Groups of lines until the data ends (0), a line is odd (2) or the table is damaged (-1)."""
        cdef Row rows[2][GROUP]
        cdef size_t count[2]
        cdef size_t index
        cdef int state
        cdef int turn = 0
        count[0] = self._gather(batch, rows[0])
        self._ask(rows[0], count[0])
        while count[turn]:
            # while this group's memory is on its way, the next one is prepared
            count[1 - turn] = self._gather(batch, rows[1 - turn])
            for index in range(count[turn]):
                state = self._answer(batch, &rows[turn][index])
                if state != 1:
                    # go on behind this line next time
                    batch.at = rows[turn][index].next
                    return state
            turn = 1 - turn
            self._ask(rows[turn], count[turn])
        return 0

    cdef inline void _ask(self, const Row *rows, size_t count) noexcept nogil:
        """Let the memory of a group's entries come."""
        cdef size_t index
        for index in range(count):
            image_prefetch_entry(&self.image, rows[index].hash)

    cdef size_t _gather(self, Batch *batch, Row *rows) noexcept nogil:
        """Cut, fold and hash up to GROUP lines."""
        cdef size_t count = 0
        cdef const uint8_t *line
        cdef const uint8_t *stop
        cdef bint high
        while count < GROUP and batch.at < batch.size:
            line = batch.data + batch.at
            stop = <const uint8_t *>memchr(line, 10, batch.size - batch.at)
            rows[count].line = line
            rows[count].size = batch.size - batch.at if stop == NULL else <size_t>(stop - line)
            batch.at += rows[count].size + (stop != NULL)
            rows[count].next = batch.at
            rows[count].odd = rows[count].size > SHORT_KEY or rows[count].size == 0
            if not rows[count].odd:
                if self.fold:
                    high = fold_hash(self.image.k0, self.image.k1, line, rows[count].size, rows[count].room,
                                     &rows[count].hash)
                    rows[count].key = rows[count].room
                else:
                    high = has_high(line, rows[count].size)
                    rows[count].hash = siphash13(self.image.k0, self.image.k1, line, rows[count].size)
                    rows[count].key = line
                rows[count].odd = high and self.utf8
                image_prefetch(&self.image, rows[count].hash)
            else:
                rows[count].hash = 0
            count += 1
        return count

    cdef int _answer(self, Batch *batch, Row *row) noexcept nogil:
        """Look one line up and write the answer: 1, 2 (odd) or -1."""
        cdef const uint8_t *value = NULL
        cdef size_t vlen = 0
        cdef int found = ABSENT
        if not row.odd:
            found = image_find(&self.image, row.hash, row.key, row.size, &value, &vlen)
            if found == BROKEN:
                return BROKEN
            if found == ABSENT:
                return 1
        if row.odd or vlen == 0 or (self.utf8 and has_high(value, vlen)):
            batch.odd, batch.odd_size = row.line - batch.data, row.size
            return 2
        if not _room(batch, row.size + vlen + 2):
            return BROKEN
        memcpy(batch.out + batch.used, row.line, row.size)
        batch.out[batch.used + row.size] = 9
        memcpy(batch.out + batch.used + row.size + 1, value, vlen)
        batch.used += row.size + vlen + 2
        batch.out[batch.used - 1] = 10
        batch.found += 1
        return 1


cdef struct Row:
    const uint8_t *line
    size_t size
    size_t next
    uint64_t hash
    bint odd
    const uint8_t *key            # folded, in `room`, or the line itself
    uint8_t room[SHORT_KEY]

cdef struct Batch:
    const uint8_t *data
    size_t at
    size_t size
    uint8_t *out
    size_t used
    size_t room
    size_t found
    size_t odd
    size_t odd_size


cdef extern from "stdlib.h" nogil:
    void *realloc(void *, size_t)


cdef bint _room(Batch *batch, size_t more) noexcept nogil:
    cdef size_t room = batch.room
    cdef void *moved
    if room - batch.used >= more:
        return True
    while room - batch.used < more:
        room *= 2
    moved = realloc(batch.out, room)
    if moved == NULL:
        return False
    batch.out, batch.room = <uint8_t *>moved, room
    return True


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
