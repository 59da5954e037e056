cdef enum:
    MAX_DROPS = 64

cpdef enum Field:
    # bits of Facts.present
    F_DATE = 1
    F_FROM = 2
    F_TO = 4
    F_CC = 8
    F_BCC = 16
    F_MESSAGE_ID = 32
    F_SENDER = 64
    F_RESENT = 128              # any Resent- field
    F_RESENT_DATE = 256
    F_RESENT_FROM = 512
    F_RESENT_MESSAGE_ID = 1024
    F_RESENT_RCPT = 2048        # Resent-To or Resent-Cc
    F_REPLY_TO = 4096
    F_MIME = 8192               # MIME-Version or Content-*
    F_EIGHT = 16384             # Content-Transfer-Encoding: 8bit or binary
    F_COMPOSITE = 32768         # Content-Type: multipart/* or message/*
    F_LOOSE = 65536             # any field with a blank before its colon (see pyfix.cleanup.tidy)

cdef struct Range:
    size_t start, end

cdef struct Facts:
    bint ended                  # the header's end was seen
    bint blank                  # ... and it was an empty line (else the body begins where a field should)
    size_t end                  # offset just after the last header field
    size_t body                 # offset of the body: behind the empty line, if there is one
    int received                # how many Received fields
    unsigned int present
    Range message_id            # value of the first Message-Id, trimmed
    int drops                   # fields to leave out (Bcc, Content-Length, Return-Path ...)
    Range[MAX_DROPS] drop
    bint overflow               # more than MAX_DROPS of them
    bint odd                    # an address field that rewriting may change (see plain_list)

# Reads the header at [p, p+n), lines ending in CRLF. `last`: no more bytes will come.
cdef void read_facts(const char* p, size_t n, bint last, unsigned int drop_mask, Facts* out) noexcept nogil

# Whether fields that a message ought to have are missing (cleanup adds them for local clients).
cdef bint lacks_fields(const Facts* facts, bint undisclosed) noexcept nogil

cdef enum Drop:
    # what message_drop_headers may name, as bits of drop_mask
    DROP_BCC = 1
    DROP_CONTENT_LENGTH = 2
    DROP_RESENT_BCC = 4
    DROP_RETURN_PATH = 8
