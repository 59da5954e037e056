"""The table image behind hash:, btree: and texthash:, read in place; `hashbuild` makes it.

An image (numbers are little-endian; all offsets from its start):

    0   8  "pyfixmap"           40  8  number of buckets
    8   4  version, 2           48  8  where the index starts (96)
    12  4  zero                 56  8  where the buckets start, a multiple of 16
    16  8  hash key, first      64  8  where they end (= size of the image)
    24  8  hash key, second     72  20 zero
    32  8  number of entries    92  4  CRC-32 of bytes 0..92

A key's bucket is the upper half of the product of its SipHash-1-3 and the number of buckets; the index has where each one
starts, as a 32-bit number of 16 bytes. A bucket is the 16-bit number of its entries, the lowest byte of each one's hash,
the entries; an entry is two 32-bit lengths, the key, the value. A bucket has three entries on average, so that a lookup
goes to one place of the large part; a key costs about 14 bytes beyond its own text and its value's.

Bytes in, values out: no files here (`pyfix.maps.hashtable` maps them).
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from pyfix.errors import TableError

# -- text ----------------------------------------------------------------------------------------------------------

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
    if size < HEADER or memcmp(base, b"pyfixmap", 8) != 0 or load32(base + 8) != VERSION:
        return BROKEN
    if crc32(base, 92) != load32(base + 92):
        return BROKEN
    image.base, image.size = base, size
    image.k0, image.k1 = load64(base + 16), load64(base + 24)
    image.count, image.buckets = load64(base + 32), load64(base + 40)
    image.area, image.end = load64(base + 56), load64(base + 64)
    if image.buckets == 0 or image.buckets > (size - HEADER) >> 2 or load64(base + 48) != HEADER:
        return BROKEN
    if image.area < HEADER + image.buckets * 4 or image.area > size or image.end != size:
        return BROKEN
    image.index = base + HEADER
    return FOUND


cdef int image_next(const Image *image, Cursor *cursor, const uint8_t **key, size_t *klen,
                    const uint8_t **value, size_t *vlen) noexcept nogil:
    """The entry at `cursor`, which moves on. ABSENT at the end."""
    cdef int count
    while cursor.left == 0:
        if cursor.bucket == image.buckets:
            return ABSENT
        cursor.at = bucket_start(image, cursor.bucket)
        count = bucket_entries(image, cursor.at)
        if count < 0:
            return BROKEN
        cursor.bucket += 1
        cursor.left = count
        cursor.at += 2 + count
    if not entry_fits(image, cursor.at, klen, vlen):
        return BROKEN
    key[0] = image.base + cursor.at + 8
    value[0] = key[0] + klen[0]
    cursor.at += 8 + klen[0] + vlen[0]
    cursor.left -= 1
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
        cdef Cursor cursor
        cdef const uint8_t *key = NULL
        cdef const uint8_t *value = NULL
        cdef size_t klen = 0
        cdef size_t vlen = 0
        cdef int more
        memset(&cursor, 0, sizeof(cursor))
        while True:
            more = image_next(&self.image, &cursor, &key, &klen, &value, &vlen)
            if more == BROKEN:
                raise TableError(self.title, "damaged table")
            if more == ABSENT:
                return
            yield PyBytes_FromStringAndSize(<const char *>key, klen), \
                PyBytes_FromStringAndSize(<const char *>value, vlen)
