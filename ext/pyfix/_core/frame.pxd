"""The C face of log records; see frame.pyx."""

from libc.stdint cimport uint32_t, uint64_t

cdef enum:
    MESSAGE = 1         # envelope, content
    CHUNK = 2           # a piece of long content
    COPY = 3            # a message moved by compaction, not one until the state log says so
    STATE = 4           # what happened to a message
    SEAL = 5            # the segment ends here

cdef enum:
    HEADER = 32         # bytes of a record's header
    START = 4096        # where a segment's records begin
    ALIGN = 8

# What stands at a place.
cdef enum:
    GOOD = 0
    NOTHING = 1         # no record begins here
    SHORT = 2           # more bytes are needed: Frame.length says how many where it is known, else HEADER
    BAD = 3             # a record's first word, but damaged

cdef struct Frame:
    uint32_t magic      # the low half of the segment's salt
    uint32_t length     # header, head and body; the next record begins at the next multiple of ALIGN
    uint32_t offset     # where it stands in its segment
    uint32_t durable    # all before this offset was on disk when this was written
    uint32_t head       # bytes after the header that are covered by head_crc (an envelope)
    uint32_t kind
    uint32_t body_crc
    uint32_t head_crc   # of the header before it, and the head

cdef struct SegmentHeader:
    uint32_t number
    uint32_t kind       # MESSAGE or STATE
    uint32_t size
    uint32_t seed       # where the checksums of its records begin
    uint64_t salt
    char[64] name       # the writer's

cdef uint32_t crc32c(uint32_t crc, const char* data, size_t length) noexcept nogil
cdef void frame_stamp(Frame* frame, uint32_t seed, const char* head, const char* body, size_t body_length) noexcept nogil
cdef int frame_head(const char* data, size_t have, uint32_t magic, uint32_t seed, uint32_t offset, uint32_t limit,
                    Frame* out) noexcept nogil
cdef bint frame_body(const Frame* frame, uint32_t seed, const char* body, size_t length) noexcept nogil
cdef void segment_pack(const SegmentHeader* header, char* block) noexcept nogil
cdef bint segment_unpack(const char* block, size_t have, SegmentHeader* out) noexcept nogil
cdef inline uint32_t aligned(uint32_t n) noexcept nogil:
    return (n + ALIGN - 1) & ~<uint32_t>(ALIGN - 1)
