"""The C face of sessions; see session.pyx."""

from pyfix._core.buffer cimport Buffer
from pyfix._core.client cimport ClientCore
from pyfix._core.outgoing cimport LineState
from pyfix._core.request cimport Settings
from pyfix.message cimport Envelope, Recipient
from pyfix.net.stream cimport Stream


cdef class Plan:
    cdef readonly Settings settings
    cdef readonly object log
    cdef readonly Py_ssize_t line_limit
    cdef readonly int connect_timeout, delay_digits, min_rate
    cdef int[16] timeouts
    cdef Buffer line               # of the log line being made

cdef class Delivery:
    cdef readonly long long job, active, handoff, arrival
    cdef readonly bytes queue_id
    cdef readonly str nexthop
    cdef readonly Envelope envelope
    cdef readonly object content
    cdef public list pending, results
    cdef public object trouble, site, route
    cdef public bint final
    cdef public Session session    # that carries it now
    cdef public int epoch          # of the agent's link to qmgr
    cdef public long long connected
    cdef int put_who(self, Buffer line, Recipient recipient) except -1
    cdef int put_delays(self, Buffer line, int decimals) except -1
    cdef bytes how(self, Plan plan, str status, str dsn, str text, str relay, int uses)
    cdef int log(self, Plan plan, int index, bytes how) except -1

cdef class Session(Stream):
    cdef readonly object agent, address
    cdef readonly Plan plan
    cdef readonly ClientCore core
    cdef readonly Delivery delivery
    cdef readonly int uses
    cdef readonly long long opened
    cdef readonly bint connected, idle, started
    cdef readonly object site      # of the last delivery
    cdef bint in_transaction
    cdef LineState line
    cdef object pieces             # what is left of content that is not in memory
    cdef public int dot_delay      # seconds to wait before the final dot (PIX workaround), 0: none
    cdef bint dot_due
    cdef public object tap         # transcript for the postmaster (deliver.notices.Tap), or None
    cdef double content_until      # with a deadline for each request: until when the content has to be out
    cdef Py_ssize_t moved          # bytes of content handed to the socket since content_until was worked out
    cdef int content_deadline(self) except -1
    cdef int not_connected(self, int error) except -1
    cdef int where(self) noexcept
    cdef int abort(self) except -1
    cdef int lost(self, str how) except -1
    cdef int act(self) except -1
    cdef int transmit(self) except -1
    cdef int start(self) except -1
    cdef int session_failed(self) except -1
    cdef int transaction_over(self) except -1
    cdef int settle_known(self, Delivery delivery) except -1
    cdef bytes settle_sent(self, Delivery delivery, int index, tuple answer, bytes how)
    cdef int release(self) except -1
    cdef int send_content(self) except -1
    cdef int send_more(self) except -1
    cdef int content_lost(self, str why) except -1
    cdef int send_encoded(self, const unsigned char[::1] data) except -1
    cdef int finish_content(self) except -1
    cdef int send_dot(self) except -1
