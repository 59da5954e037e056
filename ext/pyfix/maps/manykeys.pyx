"""Many keys at once, over a table in memory: the memory of the next ones is on its way while these are answered.

A lookup in a large table is little work and much waiting, for one line of the index and one bucket. Here 16 keys are folded,
hashed and asked for together (`image_prefetch`), and answered after the next 16 have been prepared.
`get_many` takes a sequence of keys, `first` the forms of one address in their order. Lines of text are in `manylines`.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.stdint cimport uint8_t, uint64_t

from pyfix._core.hashmap cimport (Image, fold_hash, has_high, image_prefetch, image_prefetch_entry, pyfix_prefetch,
                                  siphash13)
from pyfix.maps.hashtable cimport MappedTable

cdef enum:
    SHORT_KEY = 256           # keys up to here are folded on the stack
    GROUP = 16                # looked up together, so that their memory arrives together


cdef struct Want:
    uint64_t hash
    size_t size
    bint odd                  # to be looked up alone: long, or not ASCII where that matters
    const uint8_t *key        # folded, in `room`, or the object's own bytes
    uint8_t room[SHORT_KEY]


cdef int _prepare(MappedTable table, tuple keys, Py_ssize_t start, Want *wants) except -1:
    """Fold and hash up to GROUP keys from `start` on, and ask for their places in the index; returns how many."""
    cdef Py_ssize_t index, stop = min(start + GROUP, PyTuple_GET_SIZE(keys))
    cdef Py_ssize_t ahead = min(stop + GROUP, PyTuple_GET_SIZE(keys))
    for index in range(stop, ahead):
        pyfix_prefetch(<const char *>PyTuple_GET_ITEM(keys, index) + 32)
    for index in range(start, stop):
        _prepare_one(table, keys[index], &wants[index - start])
    return stop - start


cdef inline int _prepare_one(MappedTable table, bytes key, Want *want) except -1:
    cdef const uint8_t *text
    cdef bint high
    if key is None:
        raise TypeError("a key is bytes, not None")
    text, want.size = <const uint8_t *>PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key)
    want.odd = want.size > SHORT_KEY
    if want.odd:
        return 0
    if table.fold:
        high = fold_hash(table.image.k0, table.image.k1, text, want.size, want.room, &want.hash)
        want.key = want.room
    else:
        high = table.utf8 and has_high(text, want.size)
        want.hash = siphash13(table.image.k0, table.image.k1, text, want.size)
        want.key = text
    want.odd = high and table.utf8
    image_prefetch(&table.image, want.hash)
    return 0


cdef inline void _ask_for(const Image *image, const Want *wants, int count) noexcept nogil:
    """Let the memory of a group's entries come."""
    cdef int index
    for index in range(count):
        if not wants[index].odd:
            image_prefetch_entry(image, wants[index].hash)


cdef inline _value(MappedTable table, const Want *want, bytes key, uint64_t changes):
    """The answer for one key. A table that was replaced meanwhile (a warning may run any code) is asked anew."""
    if want.odd or changes != table.changes or table.memory == NULL:
        return table._get(key)
    return table._find(want.key, want.size, want.hash, key)


def get_many(MappedTable table not None, keys not None):
    """The value, or None, of each of `keys`."""
    cdef Want wants[2][GROUP]
    cdef int count[2]
    cdef int turn = 0, index
    cdef tuple given = tuple(keys)
    cdef Py_ssize_t at = 0
    cdef uint64_t changes
    cdef list values = [None] * len(given)
    table._fresh()
    changes = table.changes
    count[0] = _prepare(table, given, 0, wants[0])
    _ask_for(&table.image, wants[0], count[0])
    while count[turn]:
        count[1 - turn] = _prepare(table, given, at + count[turn], wants[1 - turn])
        for index in range(count[turn]):
            values[at] = _value(table, &wants[turn][index], given[at], changes)
            at += 1
        turn = 1 - turn
        if changes == table.changes and table.memory != NULL:
            _ask_for(&table.image, wants[turn], count[turn])
    return values


def first(MappedTable table not None, keys not None):
    """(position, value) of the first of `keys` that is in the table; (-1, None) if none is. An empty key is in none."""
    cdef Want wants[GROUP]
    cdef int count, index
    cdef tuple given = tuple(keys)
    cdef Py_ssize_t at = 0
    cdef uint64_t changes
    table._fresh()
    changes = table.changes
    while at < PyTuple_GET_SIZE(given):
        count = _prepare(table, given, at, wants)
        if changes == table.changes and table.memory != NULL:
            _ask_for(&table.image, wants, count)
        for index in range(count):
            value = _value(table, &wants[index], given[at], changes) if wants[index].odd or wants[index].size else None
            if value is not None:
                return at, value
            at += 1
    return -1, None
