"""Message content as it arrives: the end of it, its dots and its line ends."""

from libc.stdint cimport uint64_t


cdef enum Newlines:
    # smtpd_forbid_bare_newline
    NEWLINES_NO = 0            # a bare LF is a line end like any other: the legacy rule
    NEWLINES_NORMALIZE = 1     # also "yes": taken as a line end, never as part of an end of data
    NEWLINES_NOTE = 2          # the same, and said in the log
    NEWLINES_REJECT = 3        # the same, and the message is refused


cdef class ContentSink:
    # Takes content: CRLF line ends, no dot-stuffing. The bytes are the caller's again on return.
    cdef int write(self, const char* p, size_t n) except -1


cdef class MemorySink(ContentSink):
    cdef readonly bytearray content


cdef class DataScanner:
    cdef ContentSink sink
    cdef readonly int newlines
    cdef readonly bint bdat, bare_lf, done, dot_line, eight_bit, long_line
    cdef readonly uint64_t size      # bytes given to the sink, or that would have been
    cdef uint64_t limit              # no more than this is given on; 0 none
    cdef readonly bint too_big
    cdef int state
    cdef size_t returns              # CRs seen and not yet judged
    cdef size_t angles, letters      # of a first line that may read ">>From "
    cdef bint standard               # the previous line ended in CRLF
    cdef bint mbox                   # this line is an mbox separator
    cdef size_t column

    cdef void begin(self, ContentSink sink, int newlines, bint bdat, uint64_t limit) noexcept
    cdef size_t feed(self, const char* p, size_t n) except? 0
    cdef int finish(self) except -1
    cdef void forget(self) noexcept
    cdef int emit(self, const char* p, size_t n) except -1
    cdef int put_returns(self) except -1
    cdef int end_line(self, bint standard) except -1
    cdef void start_line(self) noexcept
    cdef size_t head(self, const unsigned char* p, size_t n) except? 0
    cdef int leave_head(self) except -1
    cdef size_t line_start(self, const unsigned char* p, size_t n) except? 0
    cdef size_t after_dot(self, const unsigned char* p) except? 0
    cdef size_t after_return(self, const unsigned char* p) except? 0
    cdef size_t run(self, const unsigned char* p, size_t n) except? 0
    cdef size_t after_run(self, const unsigned char* p, size_t at, size_t n) except? 0
