# The header block of a message in one pass; see header.pyx.

from libc.stdint cimport uint32_t

cdef enum HeaderId:
    H_OTHER = 0
    H_BCC = 1
    H_CC = 2
    H_CONTENT_LENGTH = 3
    H_CONTENT_TRANSFER_ENCODING = 4
    H_CONTENT_TYPE = 5
    H_DATE = 6
    H_DELIVERED_TO = 7
    H_ERRORS_TO = 8
    H_FROM = 9
    H_MESSAGE_ID = 10
    H_MIME_VERSION = 11
    H_RECEIVED = 12
    H_REPLY_TO = 13
    H_RESENT_BCC = 14
    H_RESENT_CC = 15
    H_RESENT_DATE = 16
    H_RESENT_FROM = 17
    H_RESENT_MESSAGE_ID = 18
    H_RESENT_REPLY_TO = 19
    H_RESENT_SENDER = 20
    H_RESENT_TO = 21
    H_RETURN_PATH = 22
    H_RETURN_RECEIPT_TO = 23
    H_SENDER = 24
    H_TLS_REQUIRED = 25
    H_TO = 26
    H_APPARENTLY_TO = 27
    H_SUBJECT = 28
    H_COUNT = 29

cdef enum HeaderState:
    HEADERS_MORE = 0            # more bytes are needed
    HEADERS_END = 1             # the end was found: `body` is the offset of what follows

cdef enum HeaderFlag:
    HEADERS_8BIT = 1            # some byte is >= 0x80
    HEADERS_NO_BLANK = 2        # ended by a line that is neither a field nor empty: an empty line belongs before `body`
    HEADERS_OVERFLOW = 4        # more fields than `room`: the counters are right, the array is not whole
    HEADERS_LONG = 8            # some field is longer than `limit`
    HEADERS_NUL = 16            # some byte is NUL

cdef struct HeaderField:
    uint32_t start              # offset of the name
    uint32_t name_length
    uint32_t value              # offset behind the colon
    uint32_t end                # offset behind the last line's end
    uint32_t id                 # HeaderId

cdef struct HeaderTable:
    HeaderField* fields         # the caller's array
    uint32_t room, count        # its length; how many fields there were
    uint32_t limit              # header_size_limit, 0 for none
    size_t next                 # offset of the first line not yet looked at
    size_t body                 # HEADERS_END: offset of the body
    uint32_t flags              # HeaderFlag
    uint32_t seen               # bit 1 << HeaderId for every known field seen
    uint32_t received, delivered_to
    size_t message_id           # offset of the first Message-ID's value without blanks around, 0 if none
    size_t message_id_length
    HeaderField last            # the field that the next line may continue
    bint open                   # is there such a field?

cdef void headers_begin(HeaderTable* t, HeaderField* fields, uint32_t room, uint32_t limit) noexcept nogil
cdef int scan_headers(const char* p, size_t n, HeaderTable* t, bint final) noexcept nogil
cdef uint32_t header_id(const char* name, size_t n) noexcept nogil
cdef size_t header_name(const char* p, size_t n, size_t* value) noexcept nogil
