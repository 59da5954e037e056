"""What reading a postmap source takes (postmap(1) has its syntax): growing memory, logical lines, where a key ends."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memchr, memcpy

from pyfix._core.hashmap cimport load64, white

cdef extern from *:
    """
    #include <stdlib.h>
    #include <sys/mman.h>
    /* Large memory comes in huge pages where the system has them: of a build of a million entries, page faults took a third of
       the processor's time, and misses of the TLB a good part of the rest. */
    static void *pyfix_large(size_t size)
    {
        const size_t huge = (size_t) 2 << 20;
        void *got;
        if (size < 2 * huge)
            return malloc(size ? size : 1);
        if (posix_memalign(&got, huge, (size + huge - 1) & ~(huge - 1)))
            return NULL;
        madvise(got, size, MADV_HUGEPAGE);
        return got;
    }
    """
    void *large "pyfix_large"(size_t size) noexcept nogil

cdef struct Area:
    uint8_t *data
    size_t used
    size_t room

cdef struct Source:
    const uint8_t *data
    size_t size
    size_t at
    uint32_t line

cdef struct Line:
    const uint8_t *text
    size_t size
    uint32_t number


cdef inline bint enlarge(Area *area, size_t more) noexcept nogil:
    cdef size_t room = area.room * 2 if area.room else 4096
    cdef uint8_t *moved
    while room - area.used < more:
        room *= 2
    moved = <uint8_t *>large(room)
    if moved == NULL:
        return False
    if area.used:
        memcpy(moved, area.data, area.used)
    free(area.data)
    area.data, area.room = moved, room
    return True


cdef inline bint reserve(Area *area, size_t more) noexcept nogil:
    """Make room for `more` bytes; False when memory is out."""
    return True if area.room - area.used >= more else enlarge(area, more)


cdef inline bint append(Area *area, const void *data, size_t size) noexcept nogil:
    if not reserve(area, size):
        return False
    memcpy(area.data + area.used, data, size)
    area.used += size
    return True


cdef inline size_t skip_white(const uint8_t *data, size_t at, size_t end) noexcept nogil:
    while at < end and white(data[at]):
        at += 1
    return at


cdef inline int next_line(Source *source, Area *joined, Line *line) noexcept nogil:
    """The next logical line; 1, 0 at the end, -1 when memory is out. `joined` holds lines that were continued."""
    cdef size_t start, end, first
    cdef const uint8_t *stop
    cdef uint8_t c
    cdef bint some = False
    joined.used = 0
    while source.at < source.size:
        start = source.at
        stop = <const uint8_t *>memchr(source.data + start, 10, source.size - start)
        end = source.size if stop == NULL else <size_t>(stop - source.data)
        source.at = end if stop == NULL else end + 1
        source.line += 1
        first = skip_white(source.data, start, end)
        if first < end and source.data[first] != 35:
            if not some:
                line.text, line.size, line.number = source.data + start, end - start, source.line
                some = True
            else:
                if joined.used == 0 and not append(joined, line.text, line.size):
                    return -1
                if not append(joined, source.data + start, end - start):
                    return -1
        if some and source.at < source.size:
            c = source.data[source.at]
            if c != 35 and not white(c):
                break
    if joined.used:
        line.text, line.size = joined.data, joined.used
    return some


cdef inline bint plain_word(uint64_t word) noexcept nogil:
    """Eight bytes of which none can end a key: nothing up to the blank, no quote, no backslash."""
    cdef uint64_t quote = word ^ 0x2222222222222222ULL
    cdef uint64_t slash = word ^ 0x5c5c5c5c5c5c5c5cULL
    return ((word - 0x2121212121212121ULL & ~word | quote - 0x0101010101010101ULL & ~quote
             | slash - 0x0101010101010101ULL & ~slash) & 0x8080808080808080ULL) == 0


cdef inline size_t key_end(const uint8_t *text, size_t size, bint *open) noexcept nogil:
    """Where the key ends: at white space outside quotes; a backslash takes the next character along."""
    cdef size_t at = 0
    cdef bint quoted = False
    cdef uint8_t c
    while at + 8 <= size and plain_word(load64(text + at)):
        at += 8
    while at < size:
        c = text[at]
        if c == 92:
            at += 1
            if at >= size:
                break
        elif c == 34:
            quoted = not quoted
        elif not quoted and white(c):
            break
        at += 1
    open[0] = quoted
    return at if at < size else size
