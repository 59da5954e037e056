"""The table image behind hash:, btree: and texthash:, read in place; `hashbuild` makes it.

An image (numbers are little-endian; all offsets from its start):

    0   8  "pyfixmap"           40  8  number of slots, a power of two
    8   4  version, 1           48  8  where the slots start (96)
    12  4  flags: 1 sorted      56  8  where the entries start
    16  8  hash key, first      64  8  where the entries end (= size of the image)
    24  8  hash key, second     72  20 zero
    32  8  number of entries    92  4  CRC-32 of bytes 0..92

A slot is 0 (free) or the upper 16 bits of the key's SipHash-1-3 and the 48-bit offset of its entry; a key lives in
the first free slot from `hash & (slots - 1)` on. An entry is two 32-bit lengths, the key, the value. Slots are at
most three quarters full, so a key costs at most 8 + 8/0.375 = 29 bytes beyond its own text and its value's.

Bytes in, values out: no files here (`pyfix.maps.hashtable` maps them).
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from pyfix.errors import TableError

cdef extern from *:
    """
    #define pyfix_prefetch(p) __builtin_prefetch(p)
    """
    void pyfix_prefetch(const void *p) noexcept nogil


# -- SipHash-1-3 ---------------------------------------------------------------------------------------------------

cdef inline uint64_t rotate(uint64_t x, int bits) noexcept nogil:
    return (x << bits) | (x >> (64 - bits))


cdef inline void sip_round(uint64_t *v) noexcept nogil:
    v[0] += v[1]
    v[1] = rotate(v[1], 13) ^ v[0]
    v[0] = rotate(v[0], 32)
    v[2] += v[3]
    v[3] = rotate(v[3], 16) ^ v[2]
    v[0] += v[3]
    v[3] = rotate(v[3], 21) ^ v[0]
    v[2] += v[1]
    v[1] = rotate(v[1], 17) ^ v[2]
    v[2] = rotate(v[2], 32)


cdef uint64_t siphash13(uint64_t k0, uint64_t k1, const uint8_t *data, size_t size) noexcept nogil:
    """SipHash-1-3 of data[0:size]; reads nothing beyond it."""
    cdef uint64_t v[4]
    cdef uint64_t word
    cdef size_t at = 0
    cdef size_t whole = size & ~<size_t>7
    v[0] = k0 ^ 0x736f6d6570736575ULL
    v[1] = k1 ^ 0x646f72616e646f6dULL
    v[2] = k0 ^ 0x6c7967656e657261ULL
    v[3] = k1 ^ 0x7465646279746573ULL
    while at < whole:
        memcpy(&word, data + at, 8)
        v[3] ^= word
        sip_round(v)
        v[0] ^= word
        at += 8
    word = 0
    memcpy(&word, data + at, size - whole)
    word |= <uint64_t>size << 56
    v[3] ^= word
    sip_round(v)
    v[0] ^= word
    v[2] ^= 0xff
    sip_round(v)
    sip_round(v)
    sip_round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


# -- text ----------------------------------------------------------------------------------------------------------

cdef int fold_ascii(const uint8_t *source, size_t size, uint8_t *target) noexcept nogil:
    """Copy with A-Z folded; returns whether a byte was above 127."""
    cdef size_t at
    cdef uint8_t c
    cdef uint8_t seen = 0
    for at in range(size):
        c = source[at]
        seen |= c
        target[at] = c | ((<uint8_t>(c - 65) < 26) << 5)
    return seen >> 7


cdef bint valid_utf8(const uint8_t *data, size_t size) noexcept nogil:
    """Is data[0:size] UTF-8 (RFC 3629: no surrogates, nothing overlong, nothing above U+10FFFF)?"""
    cdef size_t at = 0
    cdef size_t more
    cdef uint8_t c, low, high
    while at < size:
        c = data[at]
        at += 1
        if c < 0x80:
            continue
        low, high = 0x80, 0xbf
        if 0xc2 <= c <= 0xdf:
            more = 1
        elif 0xe0 <= c <= 0xef:
            more = 2
            low = 0xa0 if c == 0xe0 else 0x80
            high = 0x9f if c == 0xed else 0xbf
        elif 0xf0 <= c <= 0xf4:
            more = 3
            low = 0x90 if c == 0xf0 else 0x80
            high = 0x8f if c == 0xf4 else 0xbf
        else:
            return False
        if size - at < more:
            return False
        while more:
            if not low <= data[at] <= high:
                return False
            low, high = 0x80, 0xbf
            at += 1
            more -= 1
    return True


# -- reading an image ----------------------------------------------------------------------------------------------

cdef uint32_t crc32(const uint8_t *data, size_t size) noexcept nogil:
    cdef uint32_t crc = 0xffffffff
    cdef size_t at
    cdef int bit
    for at in range(size):
        crc ^= data[at]
        for bit in range(8):
            crc = (crc >> 1) ^ (0xedb88320U * (crc & 1))
    return ~crc


cdef int image_open(Image *image, const uint8_t *base, uint64_t size) noexcept nogil:
    """Check a header and fill `image`. FOUND, or BROKEN where anything does not fit."""
    cdef uint64_t slots, start
    if size < HEADER or memcmp(base, b"pyfixmap", 8) != 0 or load32(base + 8) != 1:
        return BROKEN
    if crc32(base, 92) != load32(base + 92):
        return BROKEN
    slots = load64(base + 40)
    start = load64(base + 48)
    image.base, image.size = base, size
    image.k0, image.k1 = load64(base + 16), load64(base + 24)
    image.count = load64(base + 32)
    image.entries, image.end = load64(base + 56), load64(base + 64)
    if slots == 0 or slots & (slots - 1) or slots > size >> 3 or start != HEADER:
        return BROKEN
    if image.entries != HEADER + slots * 8 or image.end != size or image.entries > size or image.count >= slots:
        return BROKEN
    image.mask = slots - 1
    image.slots = <const uint64_t *>(base + start)
    return FOUND


cdef int image_find(const Image *image, uint64_t hash, const uint8_t *key, size_t klen,
                    const uint8_t **value, size_t *vlen) noexcept nogil:
    """Look up a key whose hash is known. Looks at no byte outside the image, whatever stands in it."""
    cdef uint64_t at = hash & image.mask
    cdef uint64_t left = image.mask + 1
    cdef uint64_t slot, offset, room, size
    cdef const uint8_t *entry
    while left:
        slot = image.slots[at]
        if slot == 0:
            return ABSENT
        if slot >> 48 == hash >> 48:
            offset = (slot << 16) >> 16
            if offset < image.entries or offset + 8 > image.end:
                return BROKEN
            entry = image.base + offset
            room = image.end - offset - 8
            size = load32(entry)
            vlen[0] = load32(entry + 4)
            if size > room or vlen[0] > room - size:
                return BROKEN
            if size == klen and memcmp(entry + 8, key, klen) == 0:
                value[0] = entry + 8 + klen
                return FOUND
        at = (at + 1) & image.mask
        left -= 1
    return ABSENT


cdef void image_prefetch(const Image *image, uint64_t hash) noexcept nogil:
    pyfix_prefetch(image.slots + (hash & image.mask))


cdef void image_prefetch_entry(const Image *image, uint64_t hash) noexcept nogil:
    cdef uint64_t slot = image.slots[hash & image.mask]
    cdef uint64_t offset = (slot << 16) >> 16
    if offset < image.end:
        pyfix_prefetch(image.base + offset)


cdef int image_next(const Image *image, uint64_t *cursor, const uint8_t **key, size_t *klen,
                    const uint8_t **value, size_t *vlen) noexcept nogil:
    """The entry at `cursor` (0: the first), which moves on. ABSENT at the end."""
    cdef uint64_t at = cursor[0] if cursor[0] else image.entries
    cdef uint64_t room
    cdef const uint8_t *entry = image.base + at
    if at == image.end:
        return ABSENT
    if at < image.entries or at + 8 > image.end:
        return BROKEN
    room = image.end - at - 8
    klen[0], vlen[0] = load32(entry), load32(entry + 4)
    if klen[0] > room or vlen[0] > room - klen[0]:
        return BROKEN
    key[0] = entry + 8
    value[0] = entry + 8 + klen[0]
    cursor[0] = at + 8 + klen[0] + vlen[0]
    return FOUND


# -- for Python, over any buffer -------------------------------------------------------------------------------------

cdef class Reader:
    """An image in memory. `title` ("type:name") goes into errors."""

    cdef Image image
    cdef const uint8_t[::1] view
    cdef str title

    def __init__(self, const uint8_t[::1] data not None, str title="hash:"):
        self.view, self.title = data, title
        if data.shape[0] == 0 or image_open(&self.image, &data[0], data.shape[0]) != FOUND:
            raise TableError(title, "not a table, or a damaged one")

    def __len__(self):
        return self.image.count

    def find(self, bytes key not None):
        """The value of `key` as it stands, or None. TableError where the image is damaged there."""
        cdef const uint8_t *value = NULL
        cdef size_t vlen = 0
        cdef const uint8_t *text = <const uint8_t *>PyBytes_AS_STRING(key)
        cdef size_t klen = PyBytes_GET_SIZE(key)
        cdef int found = image_find(&self.image, siphash13(self.image.k0, self.image.k1, text, klen), text, klen,
                                    &value, &vlen)
        if found == BROKEN:
            raise TableError(self.title, "damaged table")
        if found == ABSENT:
            return None
        return PyBytes_FromStringAndSize(<const char *>value, vlen)

    def items(self):
        """Every (key, value), in the order of the image."""
        cdef uint64_t cursor = 0
        cdef const uint8_t *key = NULL
        cdef const uint8_t *value = NULL
        cdef size_t klen = 0
        cdef size_t vlen = 0
        cdef int more
        while True:
            more = image_next(&self.image, &cursor, &key, &klen, &value, &vlen)
            if more == BROKEN:
                raise TableError(self.title, "damaged table")
            if more == ABSENT:
                return
            yield PyBytes_FromStringAndSize(<const char *>key, klen), \
                PyBytes_FromStringAndSize(<const char *>value, vlen)
