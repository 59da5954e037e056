"""The server's side of SMTP and LMTP: bytes in, events and replies out."""

from libc.stdint cimport uint64_t

from pyfix._core.buffer cimport Buffer
from pyfix._core.command cimport Command
from pyfix._core.data cimport ContentSink, DataScanner
from pyfix._core.envelope cimport Arguments
from pyfix._core.limits cimport Limits
from pyfix._core.span cimport Span


cdef enum Event:
    EV_MORE = 0        # nothing left that can be acted on, or a decision is awaited
    EV_HELO            # HELO, EHLO, LHLO: `text` is the name; answer_lines()
    EV_MAIL            # `address` and the parameters; answer()
    EV_RCPT            # `address`, `notify`, `orcpt`; answer()
    EV_DATA            # DATA or a first BDAT: accept_content() or answer()
    EV_END             # all content is with the sink; answer() once it is safe
    EV_VRFY            # `text`, `address`; answer()
    EV_ETRN            # `text`; answer()
    EV_AUTH            # `text` is what follows the verb; answer()
    EV_STARTTLS
    EV_XCLIENT
    EV_XFORWARD
    EV_RESET           # the transaction is over without a message: forget what was gathered
    EV_SLOW            # hold `out` back for smtpd_error_sleep_time, then go on
    EV_CLOSE           # send `out`, then close; `reason` says why if it was not the client's wish

cdef enum Feature:
    # Limits.features: what is on
    F_AUTH = 1
    F_STARTTLS = 2
    F_XCLIENT = 4
    F_XFORWARD = 8

cdef enum Masked:
    # ServerCore.masked: what EHLO does not offer and so is refused
    M_DSN = 1
    M_CHUNKING = 2
    M_SMTPUTF8 = 4

cdef enum Mode:
    IN_COMMAND = 0
    IN_LONG_LINE
    IN_DATA
    IN_CHUNK
    IN_SKIPPED_CHUNK

cdef enum Bdat:
    BDAT_NONE = 0
    BDAT_OK
    BDAT_FAILED


cdef class ServerCore(Arguments):
    cdef readonly Limits limits
    cdef readonly Buffer out
    cdef public int newlines             # this client's smtpd_forbid_bare_newline
    cdef public int masked               # Masked bits, this client's
    cdef public bytes denied             # the client as the log names it, when all it may do is QUIT
    cdef public bint trusted_pipelining  # early input is not held against this client

    # the event at hand
    cdef readonly bytes text, address, raw
    cdef readonly int verb

    # the session
    cdef readonly bint esmtp, greeted, closing, bare_lf, bdat
    cdef readonly str reason
    cdef readonly int errors, junk
    cdef readonly list notes
    cdef uint64_t[17] good
    cdef uint64_t[17] total
    cdef int where_verb
    cdef readonly bint after_content, after_end
    cdef int waiting
    cdef bint slow, reset_due, pipelining_noted

    # the transaction
    cdef readonly bint in_mail
    cdef readonly int rcpt_count
    cdef int overshot
    cdef int bdat_state
    cdef readonly DataScanner scanner
    cdef int mode
    cdef uint64_t chunk, chunk_left, skipped
    cdef bint last_chunk
    cdef bytes chunk_reply
    cdef char* long_line
    cdef size_t long_length, long_skipped
    cdef Command command

    # for the session
    cdef int step(self, const char* p, size_t n, size_t* used) except -1
    cdef int answer(self, int code, bytes text) except -1
    cdef int answer_lines(self, int code, bytes lines) except -1
    cdef int accept_content(self, ContentSink sink) except -1
    cdef int say(self, bytes line) except -1
    cdef int hang_up(self, bytes line) except -1

    # inside
    cdef int next_line(self, const char* p, size_t n, size_t* used) except -1
    cdef int skip_long(self, const char* p, size_t n, size_t* used) except -1
    cdef int on_line(self, const char* p, size_t n, bint bare, const char* rest, size_t rest_n) except -1
    cdef int on_command(self, const char* p, size_t n, const char* rest, size_t rest_n) except -1
    cdef bint early_input(self, int verb, const char* rest, size_t rest_n) except -1
    cdef int unknown(self, const char* p, size_t n) except -1
    cdef int dispatch(self, int verb) except -1
    cdef int refuse(self, bytes line) except -1
    cdef int well(self, bytes line) except -1
    cdef int done(self, bint success) except -1
    cdef int settle(self, int event, bint success) except -1
    cdef int wait(self, int event) except -1
    cdef void reset(self) noexcept
    cdef int note(self, str kind, bytes data) except -1
    cdef int helo(self) except -1
    cdef int mail(self) except -1
    cdef int rcpt(self) except -1
    cdef int data(self) except -1
    cdef int begin_bdat(self) except -1
    cdef int skip_chunk(self, bytes line) except -1
    cdef int vrfy(self) except -1
    cdef int etrn(self) except -1
    cdef int extension(self, int verb) except -1
    cdef bytes path(self, int index, bint sender)
    cdef bytes joined(self, int first, int stop)
    cdef int content(self, const char* p, size_t n, size_t* used) except -1
    cdef int chunk_content(self, const char* p, size_t n, size_t* used) except -1
    cdef int chunk_end(self) except -1
    cdef int content_end(self) except -1
