"""The cdb format (cdb(5)): a constant database, in one piece in memory.

256 pairs (position, slots) of 32 bits; records (key length, value length, key, value); 256 hash tables of pairs (hash,
position of the record), each twice as large as its keys. The hash is h = (h * 33) ^ c from 5381 on; its low byte chooses
the table, the rest the first slot. Everything is little-endian, so a file has at most 4 GiB. Each place that a file
names is compared with its size: a damaged file gives TableError.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy

from pyfix._core.hashmap cimport load32
from pyfix.errors import TableError

cdef enum:
    HEAD = 2048


cdef uint32_t cdb_hash(const uint8_t *data, size_t size) noexcept nogil:
    cdef uint32_t h = 5381
    cdef size_t at
    for at in range(size):
        h = ((h << 5) + h) ^ data[at]
    return h


cdef class Cdb:
    """A database in a buffer; `title` ("cdb:name") is for errors."""

    cdef const uint8_t[::1] view
    cdef const uint8_t *base
    cdef uint64_t size
    cdef str title

    def __init__(self, const uint8_t[::1] data not None, str title="cdb:"):
        if data.shape[0] < HEAD:
            raise TableError(title, "damaged: too short for a cdb file")
        self.view, self.base, self.size, self.title = data, &data[0], data.shape[0], title

    cdef int _entry(self, uint64_t at, uint32_t *klen, uint32_t *vlen) noexcept nogil:
        """Lengths of the record at `at`; 0 where it does not fit into the file."""
        if at < HEAD or at + 8 > self.size:
            return 0
        klen[0], vlen[0] = load32(self.base + at), load32(self.base + at + 4)
        return <uint64_t>klen[0] + vlen[0] <= self.size - at - 8

    def find(self, bytes key not None):
        """The first value of `key`, or None. TableError where the file is damaged there."""
        cdef const uint8_t *text = <const uint8_t *>PyBytes_AS_STRING(key)
        cdef size_t length = PyBytes_GET_SIZE(key)
        cdef uint32_t h = cdb_hash(text, length)
        cdef uint64_t table = load32(self.base + (h & 255) * 8)
        cdef uint64_t slots = load32(self.base + (h & 255) * 8 + 4)
        cdef uint64_t at, place, left
        cdef uint32_t klen = 0
        cdef uint32_t vlen = 0
        if slots == 0:
            return None
        if table + slots * 8 > self.size:
            raise TableError(self.title, "damaged cdb file")
        at = (h >> 8) % slots
        left = slots
        while left:
            place = load32(self.base + table + at * 8 + 4)
            if place == 0:
                return None
            if load32(self.base + table + at * 8) == h:
                if not self._entry(place, &klen, &vlen):
                    raise TableError(self.title, "damaged cdb file")
                if klen == length and memcmp(self.base + place + 8, text, length) == 0:
                    return PyBytes_FromStringAndSize(<const char *>self.base + place + 8 + klen, vlen)
            at = at + 1 if at + 1 < slots else 0
            left -= 1
        return None

    def items(self):
        """Every (key, value), in the order of the file."""
        cdef uint64_t at = HEAD
        cdef uint64_t end = load32(self.base)
        cdef uint32_t klen = 0
        cdef uint32_t vlen = 0
        cdef int index
        for index in range(256):
            end = min(end, <uint64_t>load32(self.base + index * 8))
        while at < end:
            if not self._entry(at, &klen, &vlen):
                raise TableError(self.title, "damaged cdb file")
            yield (PyBytes_FromStringAndSize(<const char *>self.base + at + 8, klen),
                   PyBytes_FromStringAndSize(<const char *>self.base + at + 8 + klen, vlen))
            at += 8 + <uint64_t>klen + vlen


def build(list entries not None):
    """The file for [(key, value), ...] as a bytearray. OverflowError where it would pass 4 GiB."""
    cdef uint64_t count = len(entries)
    cdef uint64_t total = HEAD + count * 24
    cdef uint64_t at = HEAD
    cdef uint64_t index, start
    cdef uint32_t word[2]
    cdef bytes key, value
    for key, value in entries:
        total += PyBytes_GET_SIZE(key) + PyBytes_GET_SIZE(value)
    if total > 0xffffffffULL:
        raise OverflowError("a cdb file has at most 4 GiB")
    out = bytearray(total)
    cdef uint8_t *base = <uint8_t *><char *>out
    cdef uint32_t *hashes = <uint32_t *>calloc(count * 2 + 2, 4)
    if hashes == NULL:
        raise MemoryError
    index = 0
    for key, value in entries:
        word[0], word[1] = <uint32_t>PyBytes_GET_SIZE(key), <uint32_t>PyBytes_GET_SIZE(value)
        memcpy(base + at, word, 8)
        memcpy(base + at + 8, PyBytes_AS_STRING(key), word[0])
        memcpy(base + at + 8 + word[0], PyBytes_AS_STRING(value), word[1])
        hashes[index * 2] = cdb_hash(base + at + 8, word[0])
        hashes[index * 2 + 1] = <uint32_t>at
        at += 8 + <uint64_t>word[0] + word[1]
        index += 1
    with nogil:
        _tables(base, at, hashes, count)
    free(hashes)
    return out


cdef void _tables(uint8_t *base, uint64_t at, const uint32_t *hashes, uint64_t count) noexcept nogil:
    """Write the 256 hash tables from `at` on; there is room for two slots a record."""
    cdef uint32_t counts[256]
    cdef uint32_t starts[256]
    cdef uint32_t word[2]
    cdef uint64_t index, place, slots
    cdef int box
    for box in range(256):
        counts[box] = 0
    for index in range(count):
        counts[hashes[index * 2] & 255] += 1
    for box in range(256):
        starts[box] = <uint32_t>at
        word[0], word[1] = <uint32_t>at, counts[box] * 2
        memcpy(base + box * 8, word, 8)
        at += <uint64_t>counts[box] * 16
    for index in range(count):
        box = hashes[index * 2] & 255
        slots = <uint64_t>counts[box] * 2
        place = (hashes[index * 2] >> 8) % slots
        while load32(base + starts[box] + place * 8 + 4):
            place = place + 1 if place + 1 < slots else 0
        memcpy(base + starts[box] + place * 8, hashes + index * 2, 8)
