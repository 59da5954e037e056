"""C-level face of the load receiver's sessions; see receiving.pyx."""

from libc.stdint cimport int64_t, uint64_t

from pyfix._core.limits cimport Limits
from pyfix._core.server cimport ServerCore
from pyfix.load.checking cimport Check, Run
from pyfix.load.histogram cimport Histogram
from pyfix.net.engine cimport Engine
from pyfix.net.listener cimport Listener
from pyfix.net.stream cimport Stream


cdef class Receiver:
    cdef readonly Engine engine
    cdef readonly Limits limits
    cdef readonly bytes ehlo, greeting
    cdef readonly object script
    cdef readonly dict runs, replies
    cdef readonly Histogram latency, recent
    cdef readonly int64_t connections, messages, recipients, octets, altered, unmarked, damaged, bare_lf
    cdef readonly int64_t refused, deferred, dropped
    cdef readonly int open_sessions, most_sessions
    cdef readonly list samples
    cdef Run last

    cdef Session new_session(self)
    cdef Run run(self, const char* name)
    cdef int arrived(self, Check check, int count, uint64_t total, int64_t size, bint bare_lf) except -1
    cdef int count_reply(self, int code, bytes text) except -1


cdef class Door(Listener):
    cdef Receiver receiver


cdef class Session(Stream):
    cdef Receiver receiver
    cdef ServerCore core
    cdef Check check
    cdef readonly str address
    cdef readonly int taken              # messages accepted here
    cdef bytes sender
    cdef int recipients
    cdef uint64_t total
    cdef bint over, driving, held, counted

    cdef Py_ssize_t drive(self, const char* p, Py_ssize_t n) except -1
    cdef int put_out(self) except -1
    cdef int act(self, int event) except -1
    cdef int accept(self, int event) except -1
    cdef bint scripted(self, int event) except -1
    cdef int obey(self, int event, object verdict) except -1
    cdef int drop(self) except -1
    cdef int finish(self) except -1
    cdef int uncount(self) except -1
