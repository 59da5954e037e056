"""C-level face of the load source's sessions; see sending.pyx."""

from libc.stdint cimport int64_t, uint64_t

from pyfix._core.client cimport ClientCore
from pyfix.load.histogram cimport Histogram
from pyfix.load.traffic cimport Letter, Traffic
from pyfix.net.engine cimport Engine
from pyfix.net.stream cimport Stream


cdef class LoadCore(ClientCore):
    cdef bint bdat, no_probe, chunking


cdef class Source:
    cdef readonly Engine engine
    cdef readonly Traffic traffic
    cdef readonly object plan, done
    cdef readonly Histogram latency, commit, connects, late
    cdef readonly Histogram recent            # the latencies since the last look
    cdef readonly int64_t sent, failed, recipients, recipients_failed, connections, octets
    cdef readonly dict reasons
    cdef readonly bint stopping, over
    cdef readonly int open_sessions, busy
    cdef list idle
    cdef int64_t number, end, stride, clock_offset
    cdef double due, gap
    cdef uint64_t arrivals
    cdef bint paced, poisson, bdat, no_probe
    cdef int per_connection, limit, patience
    cdef object ticker

    cdef bint more(self) noexcept
    cdef int64_t take_due(self)
    cdef double spread(self)
    cdef Session new_session(self)
    cdef int freed(self, Session session) except -1
    cdef int gone(self, Session session) except -1
    cdef int count_failure(self, str reason) except -1


cdef class Session(Stream):
    cdef Source source
    cdef LoadCore core
    cdef Letter letter
    cdef readonly bint connected
    cdef bint over
    cdef int64_t due, opened, dotted
    cdef int uses

    cdef int next_letter(self) except -1
    cdef int take(self) except -1
    cdef int leave(self) except -1
    cdef int ended(self, str reason) except -1
    cdef int act(self) except -1
    cdef int transmit(self) except -1
    cdef int ready(self) except -1
    cdef int first(self) except -1
    cdef int send_content(self) except -1
    cdef int answered(self) except -1
    cdef str first_refusal(self)
    cdef str reply_text(self, int index)
