"""C-level face of the SMTP/LMTP client core; see client.pyx."""

from pyfix._core.client_text cimport Buffer
from pyfix._core.request cimport Request, Settings

cdef enum Stage:
    S_GREETING
    S_EHLO
    S_HELO
    S_LHLO
    S_RSET
    S_XFORWARD
    S_MAIL
    S_RCPT
    S_DATA
    S_CONTENT          # 354 seen, the caller is sending content
    S_DOT
    S_QUIT
    S_IDLE             # ready for a message
    S_CLOSED

cdef enum Event:
    E_READY = 1        # the handshake is over; begin() may be called
    E_CONTENT = 2      # send the content now, then call sent_content()
    E_DONE = 4         # every recipient has its result
    E_FAILED = 8       # the session is of no use any more: failure, failed_reply
    E_CLOSE = 16       # QUIT is answered (or need not be): flush and close

cdef enum Feature:
    F_ESMTP = 1
    F_PIPELINING = 2
    F_SIZE = 4
    F_8BITMIME = 8
    F_DSN = 16
    F_SMTPUTF8 = 32
    F_STARTTLS = 64
    F_AUTH = 128
    F_XFORWARD_NAME = 256
    F_XFORWARD_ADDR = 512
    F_XFORWARD_PORT = 1024
    F_XFORWARD_PROTO = 2048
    F_XFORWARD_HELO = 4096
    F_XFORWARD_SOURCE = 8192
    F_XFORWARD_IDENT = 16384
    F_PIX = 32768

cdef enum Failure:
    NO_FAILURE
    REFUSED            # greeting, EHLO/HELO/LHLO not accepted: failed_reply says why
    PROTOCOL           # not an SMTP reply, or one without end
    STALE              # the RSET of a kept connection was not answered with 2xx

cdef enum State:
    R_WAITING          # no answer yet
    R_ACCEPTED         # RCPT answered 2xx
    R_SENT             # end of data answered 2xx
    R_FAILED           # stage and reply say why

cdef struct Result:
    unsigned char state
    unsigned char stage
    int reply

cdef struct Answer:    # one kept reply; its text is in the arena
    int code
    int offset
    int length
    int dsn_length     # 0: no enhanced code was given
    char[12] dsn

cdef class ClientCore:
    cdef Settings settings
    cdef Request request
    cdef Buffer out, line, reply, texts
    cdef Result* results
    cdef Answer* answers
    cdef int results_size, answers_size, answer_count
    cdef int accepted, next_reply, dot_reply, xforward_left
    cdef int reply_lines, dsn_size
    cdef Py_ssize_t reply_bytes
    cdef char[12] dsn_text
    cdef bint mail_refused, piped, banner_esmtp
    cdef public int events
    cdef public bint pix_no_esmtp
    cdef readonly int stage, features, failure, failed_reply, messages, recipient_count
    cdef readonly long long size_limit
    cdef readonly bint kept, no_reuse, own_name, own_name_said
    cdef readonly list notes

    cdef Py_ssize_t feed(self, const char* data, Py_ssize_t length) except -1
    cdef int stash(self, const char* data, Py_ssize_t length) except -1
    cdef int end_stashed(self) except -1
    cdef int take_line(self, const char* line, Py_ssize_t length) except -1
    cdef int add_line(self, const char* line, Py_ssize_t length) except -1
    cdef int read_dsn(self, const char* line, Py_ssize_t length) except -1
    cdef int take_reply(self, int code) except -1
    cdef int take_greeting(self, int code) except -1
    cdef int take_hello(self, int code) except -1
    cdef int take_rset(self, int code) except -1
    cdef int after_rset(self) except -1
    cdef int take_xforward(self, int code) except -1
    cdef int take_mail(self, int code) except -1
    cdef int take_rcpt(self, int code) except -1
    cdef int take_data(self, int code) except -1
    cdef int take_dot(self, int code) except -1
    cdef int finish_transaction(self) except -1
    cdef int fail_all(self, int stage, int code) except -1
    cdef int refuse(self, int code) except -1
    cdef int give_up(self, int failure, int reply) except -1
    cdef int keep_reply(self, int code) except -1
    cdef int read_banner(self) except -1
    cdef int read_features(self) except -1
    cdef int read_feature(self, const char* text, Py_ssize_t length) except -1
    cdef int read_size(self, const char* text, Py_ssize_t length) except -1
    cdef int put(self, const char* data, Py_ssize_t length) except -1
    cdef int put_bytes(self, bytes data) except -1
    cdef int hello(self, bytes verb, int stage) except -1
    cdef int send_next(self) except -1
    cdef int put_xforward(self, Py_ssize_t index) except -1
    cdef int put_mail(self) except -1
    cdef int put_rcpt(self, int index) except -1
    cdef int put_dsn(self, bytes recipient, tuple dsn) except -1
    cdef int begin_request(self, Request request) except -1
    cdef int reserve_results(self, int count) except -1
