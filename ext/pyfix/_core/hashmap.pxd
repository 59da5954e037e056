from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

# One table image, opened: every offset in it has been compared with its size.
cdef struct Image:
    const uint8_t *base
    uint64_t size
    uint64_t k0
    uint64_t k1
    uint64_t mask
    const uint64_t *slots
    uint64_t entries      # where the entries start
    uint64_t end          # where they end
    uint64_t count

cdef enum:
    HEADER = 96
    FOUND = 1
    ABSENT = 0
    BROKEN = -1

cdef uint64_t siphash13(uint64_t k0, uint64_t k1, const uint8_t *data, size_t size) noexcept nogil
cdef int image_open(Image *image, const uint8_t *base, uint64_t size) noexcept nogil
cdef int image_find(const Image *image, uint64_t hash, const uint8_t *key, size_t klen,
                    const uint8_t **value, size_t *vlen) noexcept nogil
cdef int image_next(const Image *image, uint64_t *cursor, const uint8_t **key, size_t *klen,
                    const uint8_t **value, size_t *vlen) noexcept nogil
cdef int fold_ascii(const uint8_t *source, size_t size, uint8_t *target) noexcept nogil
cdef bint valid_utf8(const uint8_t *data, size_t size) noexcept nogil

cdef uint32_t crc32(const uint8_t *data, size_t size) noexcept nogil
cdef void image_prefetch(const Image *image, uint64_t hash) noexcept nogil
cdef void image_prefetch_entry(const Image *image, uint64_t hash) noexcept nogil


cdef inline bint has_high(const uint8_t *data, size_t size) noexcept nogil:
    cdef size_t at
    cdef uint8_t seen = 0
    for at in range(size):
        seen |= data[at]
    return seen >> 7


cdef inline bint white(uint8_t c) noexcept nogil:
    return c == 32 or 9 <= c <= 13


cdef inline uint64_t load64(const uint8_t *at) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, at, 8)
    return word


cdef inline uint32_t load32(const uint8_t *at) noexcept nogil:
    cdef uint32_t word
    memcpy(&word, at, 4)
    return word
