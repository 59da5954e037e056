"""One SMTP command line, cut into tokens where it lies."""

from libc.stdint cimport uint64_t

from pyfix._core.span cimport Span


cdef enum Verb:
    # in the order of the disconnect line
    VERB_HELO = 0
    VERB_EHLO
    VERB_LHLO
    VERB_XCLIENT
    VERB_XFORWARD
    VERB_STARTTLS
    VERB_AUTH
    VERB_MAIL
    VERB_RCPT
    VERB_DATA
    VERB_BDAT
    VERB_RSET
    VERB_NOOP
    VERB_VRFY
    VERB_ETRN
    VERB_QUIT
    VERB_UNKNOWN
    VERB_COUNT

cdef enum:
    MAX_TOKENS = 64        # a command with more is answered with a syntax error


cdef struct Command:
    Span[64] token
    bint[64] broken        # a quote or bracket that never closes
    int count
    bint overflow          # more than MAX_TOKENS


cdef void tokenize(const char* p, size_t n, Command* command) noexcept nogil
cdef Verb find_verb(Span name) noexcept nogil
cdef bytes tally(const uint64_t* good, const uint64_t* total)
