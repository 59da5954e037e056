"""Log records: header, checksums, and the block at the head of a segment.

Law: docs/queue.md "Format". Numbers are little-endian. A record is

    magic length offset durable head kind body_crc head_crc   (32 bits each)
    head (an envelope), body (content), zeros up to the next multiple of 8

Checksums are CRC32C (RFC 3720, appendix B.4). They begin with the segment's seed, which is made of its number and
a random salt, so that bytes left from a segment's earlier life, or that a client put into a
message, are never taken for a record. The block at a segment's head stands there twice.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcmp, memcpy, memset

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    static uint32_t crc_table[256];
    static int crc_hard;
    static void crc_init(void) {
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t c = i;
            for (int k = 0; k < 8; k++) c = c & 1 ? (c >> 1) ^ 0x82f63b78u : c >> 1;
            crc_table[i] = c;
        }
    #if defined(__x86_64__)
        crc_hard = __builtin_cpu_supports("sse4.2");
    #endif
    }
    static uint32_t crc_soft(uint32_t c, const unsigned char *p, size_t n) {
        while (n--) c = crc_table[(c ^ *p++) & 255] ^ (c >> 8);
        return c;
    }
    #if defined(__x86_64__)
    __attribute__((target("sse4.2")))
    static uint32_t crc_fast(uint32_t c, const unsigned char *p, size_t n) {
        uint64_t wide = c, word;
        for (; n >= 8; n -= 8, p += 8) { memcpy(&word, p, 8); wide = __builtin_ia32_crc32di(wide, word); }
        for (c = (uint32_t)wide; n; n--) c = __builtin_ia32_crc32qi(c, *p++);
        return c;
    }
    #else
    #define crc_fast crc_soft
    #endif
    """
    void crc_init() nogil
    int crc_hard
    uint32_t crc_soft(uint32_t c, const unsigned char* p, size_t n) noexcept nogil
    uint32_t crc_fast(uint32_t c, const unsigned char* p, size_t n) noexcept nogil

crc_init()

cdef const char* MAGIC = "pyfixSEG"

cdef struct Block:          # 128 bytes
    char[8] magic
    uint32_t version
    uint32_t kind
    uint32_t number
    uint32_t size
    uint64_t salt
    char[64] name
    char[28] zeros
    uint32_t crc

cdef enum:
    TWIN = 512              # where the block's second copy is


cdef uint32_t crc32c(uint32_t crc, const char* data, size_t length) noexcept nogil:
    """Go on with a CRC32C (0 to begin)."""
    if crc_hard:
        return ~crc_fast(~crc, <const unsigned char*>data, length)
    return ~crc_soft(~crc, <const unsigned char*>data, length)


cdef void frame_stamp(Frame* frame, uint32_t seed, const char* head, const char* body, size_t body_length) noexcept nogil:
    """Set both checksums; all else is set."""
    frame.body_crc = crc32c(seed, body, body_length)
    frame.head_crc = crc32c(crc32c(seed, <char*>frame, HEADER - 4), head, frame.head)


cdef int frame_head(const char* data, size_t have, uint32_t magic, uint32_t seed, uint32_t offset, uint32_t limit,
                    Frame* out) noexcept nogil:
    """What begins at `data` (`have` bytes), at `offset` of a segment of `limit` bytes: GOOD, NOTHING, SHORT or BAD."""
    if offset > limit or limit - offset < HEADER:
        return NOTHING
    memset(out, 0, sizeof(Frame))
    if have < HEADER:
        return SHORT
    memcpy(out, data, HEADER)
    if out.magic != magic:
        return NOTHING
    if out.offset != offset or out.length < HEADER or out.length > limit - offset or out.head > out.length - HEADER:
        return BAD
    if have - HEADER < out.head:
        return SHORT
    if out.head_crc != crc32c(crc32c(seed, data, HEADER - 4), data + HEADER, out.head) or out.durable > offset:
        return BAD
    return GOOD


cdef bint frame_body(const Frame* frame, uint32_t seed, const char* body, size_t length) noexcept nogil:
    """Whether `body` is what the frame was stamped with."""
    return length == frame.length - HEADER - frame.head and frame.body_crc == crc32c(seed, body, length)


cdef uint32_t seed_of(uint64_t salt, uint32_t number) noexcept nogil:
    return crc32c(crc32c(0, <char*>&salt, 8), <char*>&number, 4)


cdef void segment_pack(const SegmentHeader* header, char* block) noexcept nogil:
    """Write the START bytes at the head of a segment."""
    cdef Block* b = <Block*>block
    memset(block, 0, START)
    memcpy(b.magic, MAGIC, 8)
    b.version, b.kind, b.number, b.size, b.salt = 1, header.kind, header.number, header.size, header.salt
    memcpy(b.name, header.name, 64)
    b.crc = crc32c(0, block, sizeof(Block) - 4)
    memcpy(block + TWIN, block, sizeof(Block))


cdef bint segment_unpack(const char* block, size_t have, SegmentHeader* out) noexcept nogil:
    """Read the head of a segment from whichever copy is whole; False when none is."""
    cdef Block b
    cdef size_t at = 0
    while at <= TWIN and have >= at + sizeof(Block):
        memcpy(&b, block + at, sizeof(Block))
        if memcmp(b.magic, MAGIC, 8) == 0 and b.version == 1 and b.crc == crc32c(0, <char*>&b, sizeof(Block) - 4):
            out.number, out.kind, out.size, out.salt = b.number, b.kind, b.size, b.salt
            out.seed = seed_of(b.salt, b.number)
            memcpy(out.name, b.name, 64)
            out.name[63] = 0
            return True
        at += TWIN
    return False


# ---- for Python: tests, and what is not hot

def checksum(bytes data not None, uint32_t crc=0) -> int:
    """CRC32C of `data`, going on from `crc`."""
    return crc32c(crc, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))


def checksum_soft(bytes data not None) -> int:
    """The same by table, as on a machine without the instruction."""
    return ~crc_soft(0xffffffff, <const unsigned char*>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data)) & 0xffffffff


def seed(uint64_t salt, uint32_t number) -> int:
    """Where the checksums of a segment's records begin."""
    return seed_of(salt, number)


def encode(uint32_t kind, bytes head not None, bytes body not None, uint64_t salt, uint32_t number, uint32_t offset,
           uint32_t durable) -> bytes:
    """A whole record, padded."""
    cdef Frame frame
    cdef uint32_t length = <uint32_t>(HEADER + PyBytes_GET_SIZE(head) + PyBytes_GET_SIZE(body))
    cdef bytes out = PyBytes_FromStringAndSize(NULL, aligned(length))
    cdef char* p = PyBytes_AS_STRING(out)
    frame.magic, frame.length, frame.offset, frame.durable = <uint32_t>salt, length, offset, durable
    frame.head, frame.kind = <uint32_t>PyBytes_GET_SIZE(head), kind
    frame_stamp(&frame, seed_of(salt, number), PyBytes_AS_STRING(head), PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))
    memset(p, 0, aligned(length))
    memcpy(p, &frame, HEADER)
    memcpy(p + HEADER, PyBytes_AS_STRING(head), frame.head)
    memcpy(p + HEADER + frame.head, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))
    return out


def decode(bytes data not None, uint64_t salt, uint32_t number, uint32_t offset, uint32_t limit) -> tuple:
    """What begins at `data`: (GOOD, kind, head, body or None when damaged, length, durable), or (NOTHING | SHORT | BAD,)."""
    cdef Frame frame
    cdef const char* p = PyBytes_AS_STRING(data)
    cdef size_t have = PyBytes_GET_SIZE(data)
    cdef uint32_t start = seed_of(salt, number)
    cdef int verdict = frame_head(p, have, <uint32_t>salt, start, offset, limit, &frame)
    if verdict == GOOD and have < frame.length:
        verdict = SHORT
    if verdict != GOOD:
        return (verdict,)
    cdef uint32_t at = HEADER + frame.head
    whole = frame_body(&frame, start, p + at, frame.length - at)
    return GOOD, frame.kind, p[HEADER:at], p[at:frame.length] if whole else None, frame.length, frame.durable


def segment_head(uint32_t number, uint32_t kind, uint32_t size, uint64_t salt, bytes name not None) -> bytes:
    """The START bytes at the head of a segment. ValueError: the name has more than 63 bytes."""
    cdef SegmentHeader header
    cdef char[4096] block
    if PyBytes_GET_SIZE(name) > 63:
        raise ValueError("writer's name is too long")
    memset(&header, 0, sizeof(header))
    header.number, header.kind, header.size, header.salt = number, kind, size, salt
    memcpy(header.name, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
    segment_pack(&header, block)
    return PyBytes_FromStringAndSize(block, START)


def segment_read(bytes block not None) -> tuple | None:
    """(number, kind, size, salt, name) of a segment's head, None when no copy of it is whole."""
    cdef SegmentHeader header
    if not segment_unpack(PyBytes_AS_STRING(block), PyBytes_GET_SIZE(block), &header):
        return None
    return header.number, header.kind, header.size, header.salt, <bytes>header.name
