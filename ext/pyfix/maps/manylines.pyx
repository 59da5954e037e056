"""Lines of keys looked up in a table in memory, as `postmap -q -` asks: a group of lines while the next one's memory comes.

The way of `manykeys`, without an object for each key: the whole block is answered without the GIL, in Postfix's output form.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcpy

from pyfix._core.hashmap cimport (ABSENT, BROKEN, Image, fold_hash, has_high, image_find, image_prefetch,
                                  image_prefetch_entry, siphash13)
from pyfix.maps.hashtable cimport MappedTable

cdef enum:
    SHORT_KEY = 256           # keys up to here are folded on the stack
    GROUP = 16                # lines looked up together, so that their memory arrives together

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
    bint fold
    bint utf8


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


def query(MappedTable table not None, const uint8_t[::1] data not None):
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
    table._fresh()
    odd = []
    batch.fold, batch.utf8 = table.fold, table.utf8
    batch.data, batch.at, batch.size = &data[0], 0, size
    batch.out, batch.used, batch.room, batch.found = <uint8_t *>malloc(room), 0, room, 0
    if batch.out == NULL:
        raise MemoryError
    try:
        while state > 0:
            with nogil:
                state = _group(&table.image, &batch)
            if state == 2:
                odd.append((batch.used, (<const char *>batch.data)[batch.odd:batch.odd + batch.odd_size]))
            elif state == BROKEN:
                table._damaged()
        return PyBytes_FromStringAndSize(<const char *>batch.out, batch.used), odd, batch.found
    finally:
        free(batch.out)


cdef int _group(const Image *image, Batch *batch) noexcept nogil:
    """Groups of lines until the data ends (0), a line is odd (2) or the table is damaged (-1)."""
    cdef Row rows[2][GROUP]
    cdef size_t count[2]
    cdef size_t index
    cdef int state
    cdef int turn = 0
    count[0] = _gather(image, batch, rows[0])
    _ask(image, rows[0], count[0])
    while count[turn]:
        # while this group's memory is on its way, the next one is prepared
        count[1 - turn] = _gather(image, batch, rows[1 - turn])
        for index in range(count[turn]):
            state = _answer(image, batch, &rows[turn][index])
            if state != 1:
                # go on behind this line next time
                batch.at = rows[turn][index].next
                return state
        turn = 1 - turn
        _ask(image, rows[turn], count[turn])
    return 0


cdef inline void _ask(const Image *image, const Row *rows, size_t count) noexcept nogil:
    """Let the memory of a group's entries come."""
    cdef size_t index
    for index in range(count):
        image_prefetch_entry(image, rows[index].hash)


cdef size_t _gather(const Image *image, Batch *batch, Row *rows) noexcept nogil:
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
            if batch.fold:
                high = fold_hash(image.k0, image.k1, line, rows[count].size, rows[count].room,
                                 &rows[count].hash)
                rows[count].key = rows[count].room
            else:
                high = has_high(line, rows[count].size)
                rows[count].hash = siphash13(image.k0, image.k1, line, rows[count].size)
                rows[count].key = line
            rows[count].odd = high and batch.utf8
            image_prefetch(image, rows[count].hash)
        else:
            rows[count].hash = 0
        count += 1
    return count


cdef int _answer(const Image *image, Batch *batch, Row *row) noexcept nogil:
    """Look one line up and write the answer: 1, 2 (odd) or -1."""
    cdef const uint8_t *value = NULL
    cdef size_t vlen = 0
    cdef int found = ABSENT
    if not row.odd:
        found = image_find(image, row.hash, row.key, row.size, &value, &vlen)
        if found == BROKEN:
            return BROKEN
        if found == ABSENT:
            return 1
    if row.odd or vlen == 0 or (batch.utf8 and has_high(value, vlen)):
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
