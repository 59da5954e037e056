from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

# One table image, opened: every offset in it has been compared with its size.
cdef struct Image:
    const uint8_t *base
    uint64_t size
    uint64_t k0
    uint64_t k1
    uint64_t buckets
    const uint8_t *index
    uint64_t area         # where the buckets start
    uint64_t end          # where they end
    uint64_t count

# A place in an image, for going through all of it; zeroed at the start.
cdef struct Cursor:
    uint64_t bucket       # the next one
    uint64_t left         # entries of this one that are still to come
    uint64_t at

cdef enum:
    VERSION = 2
    HEADER = 96
    BUCKET_SIZE = 3       # entries of a bucket, on average
    BUCKET_UNIT = 16      # where buckets start is counted in these
    LINES = 10            # of 64 bytes, of a bucket, that are asked for ahead
    FOUND = 1
    ABSENT = 0
    BROKEN = -1

cdef int image_open(Image *image, const uint8_t *base, uint64_t size) noexcept nogil
cdef int image_next(const Image *image, Cursor *cursor, const uint8_t **key, size_t *klen,
                    const uint8_t **value, size_t *vlen) noexcept nogil
cdef bint valid_utf8(const uint8_t *data, size_t size) noexcept nogil

cdef uint32_t crc32(const uint8_t *data, size_t size) noexcept nogil


cdef extern from *:
    """
    #define pyfix_prefetch(p) __builtin_prefetch(p)
    #define pyfix_bucket_of(hash, buckets) ((uint64_t) (((unsigned __int128) (hash) * (buckets)) >> 64))
    """
    void pyfix_prefetch(const void *p) noexcept nogil
    uint64_t bucket_of "pyfix_bucket_of"(uint64_t hash, uint64_t buckets) noexcept nogil


cdef inline uint64_t load64(const uint8_t *at) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, at, 8)
    return word


cdef inline uint32_t load32(const uint8_t *at) noexcept nogil:
    cdef uint32_t word
    memcpy(&word, at, 4)
    return word


cdef inline bint has_high(const uint8_t *data, size_t size) noexcept nogil:
    cdef size_t at = 0
    cdef uint64_t seen = 0
    while at + 8 <= size:
        seen |= load64(data + at)
        at += 8
    while at < size:
        seen |= <uint64_t>data[at] << 56 | data[at]
        at += 1
    return (seen & 0x8080808080808080ULL) != 0


cdef inline bint white(uint8_t c) noexcept nogil:
    return c == 32 or 9 <= c <= 13


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


cdef inline void sip_start(uint64_t *v, uint64_t k0, uint64_t k1) noexcept nogil:
    v[0] = k0 ^ 0x736f6d6570736575ULL
    v[1] = k1 ^ 0x646f72616e646f6dULL
    v[2] = k0 ^ 0x6c7967656e657261ULL
    v[3] = k1 ^ 0x7465646279746573ULL


cdef inline void sip_word(uint64_t *v, uint64_t word) noexcept nogil:
    v[3] ^= word
    sip_round(v)
    v[0] ^= word


cdef inline uint64_t sip_end(uint64_t *v) noexcept nogil:
    v[2] ^= 0xff
    sip_round(v)
    sip_round(v)
    sip_round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


cdef inline uint64_t siphash13(uint64_t k0, uint64_t k1, const uint8_t *data, size_t size) noexcept nogil:
    """SipHash-1-3 of data[0:size]; reads nothing beyond it."""
    cdef uint64_t v[4]
    cdef uint64_t word = 0
    cdef size_t at = 0
    sip_start(v, k0, k1)
    while at + 8 <= size:
        sip_word(v, load64(data + at))
        at += 8
    memcpy(&word, data + at, size - at)
    sip_word(v, word | <uint64_t>size << 56)
    return sip_end(v)


# -- text -----------------------------------------------------------------------------------------------------------

cdef inline uint64_t fold_word(uint64_t word) noexcept nogil:
    """Eight bytes with A-Z folded."""
    cdef uint64_t low = word & 0x7f7f7f7f7f7f7f7fULL
    cdef uint64_t upper = ((low + 0x3f3f3f3f3f3f3f3fULL) ^ (low + 0x2525252525252525ULL)) & ~word & 0x8080808080808080ULL
    return word | upper >> 2


cdef inline int fold_ascii(const uint8_t *source, size_t size, uint8_t *target) noexcept nogil:
    """Copy with A-Z folded; returns whether a byte was above 127."""
    cdef size_t at = 0
    cdef uint64_t word
    cdef uint64_t seen = 0
    while at + 8 <= size:
        memcpy(&word, source + at, 8)
        seen |= word
        word = fold_word(word)
        memcpy(target + at, &word, 8)
        at += 8
    word = 0
    memcpy(&word, source + at, size - at)
    seen |= word
    word = fold_word(word)
    memcpy(target + at, &word, size - at)
    return (seen & 0x8080808080808080ULL) != 0


cdef inline int fold_hash(uint64_t k0, uint64_t k1, const uint8_t *source, size_t size, uint8_t *target,
                          uint64_t *hash) noexcept nogil:
    """fold_ascii(), with the hash of what was written."""
    cdef uint64_t v[4]
    cdef uint64_t word, seen = 0
    cdef size_t at = 0
    sip_start(v, k0, k1)
    while at + 8 <= size:
        word = load64(source + at)
        seen |= word
        word = fold_word(word)
        memcpy(target + at, &word, 8)
        sip_word(v, word)
        at += 8
    word = 0
    memcpy(&word, source + at, size - at)
    seen |= word
    word = fold_word(word)
    memcpy(target + at, &word, size - at)
    sip_word(v, word | <uint64_t>size << 56)
    hash[0] = sip_end(v)
    return (seen & 0x8080808080808080ULL) != 0


# -- one lookup -----------------------------------------------------------------------------------------------------

cdef inline uint64_t bucket_start(const Image *image, uint64_t bucket) noexcept nogil:
    return image.area + <uint64_t>load32(image.index + bucket * 4) * BUCKET_UNIT


cdef inline int bucket_entries(const Image *image, uint64_t start) noexcept nogil:
    """How many entries a bucket has, or BROKEN where it does not fit."""
    cdef int count
    if start > image.end or image.end - start < 2:
        return BROKEN
    count = image.base[start] | <int>image.base[start + 1] << 8
    return count if <uint64_t>count <= image.end - start - 2 else BROKEN


cdef inline bint entry_fits(const Image *image, uint64_t at, size_t *klen, size_t *vlen) noexcept nogil:
    """Read an entry's lengths; does it end within the image?"""
    cdef uint64_t room
    if image.end - at < 8:
        return False
    room = image.end - at - 8
    klen[0], vlen[0] = load32(image.base + at), load32(image.base + at + 4)
    return klen[0] <= room and vlen[0] <= room - klen[0]


cdef inline int image_find(const Image *image, uint64_t hash, const uint8_t *key, size_t klen,
                    const uint8_t **value, size_t *vlen) noexcept nogil:
    """Look up a key whose hash is known. Looks at no byte outside the image, whatever stands in it."""
    cdef uint64_t start = bucket_start(image, bucket_of(hash, image.buckets))
    cdef uint64_t at
    cdef size_t size = 0
    cdef int index, count
    if start < image.end:
        pyfix_prefetch(image.base + start + 64)
        pyfix_prefetch(image.base + start + 128)
        pyfix_prefetch(image.base + start + 192)
    count = bucket_entries(image, start)
    if count < 0:
        return BROKEN
    at = start + 2 + count
    for index in range(count):
        if not entry_fits(image, at, &size, vlen):
            return BROKEN
        if image.base[start + 2 + index] == hash & 0xff and size == klen:
            if memcmp(image.base + at + 8, key, klen) == 0:
                value[0] = image.base + at + 8 + klen
                return FOUND
        at += 8 + size + vlen[0]
    return ABSENT


cdef inline void image_prefetch(const Image *image, uint64_t hash) noexcept nogil:
    pyfix_prefetch(image.index + bucket_of(hash, image.buckets) * 4)


cdef inline void image_prefetch_entry(const Image *image, uint64_t hash) noexcept nogil:
    """Let a bucket come: all of it, as far as where the next one starts, or LINES of it."""
    cdef uint64_t bucket = bucket_of(hash, image.buckets)
    cdef uint64_t at = bucket_start(image, bucket)
    cdef uint64_t stop = min(at + LINES * 64, image.end)
    if bucket + 1 < image.buckets:
        stop = min(stop, bucket_start(image, bucket + 1))
    while at < stop:
        pyfix_prefetch(image.base + at)
        at += 64
