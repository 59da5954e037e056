"""One SMTP session: where stream, protocol and policy meet."""

from pyfix._core.server cimport ServerCore
from pyfix.cleanup.intake cimport Intake
from pyfix.cleanup.origin cimport Origin
from pyfix.net.listener cimport Listener
from pyfix.net.stream cimport Stream
from pyfix.smtpd.hot cimport ClientHot, ServerHot, SettingsHot


cdef class Doorman(Listener):
    cdef readonly ServerHot server


cdef class Session(Stream):
    cdef readonly ServerHot server       # a pyfix.smtpd.server.Server
    cdef readonly SettingsHot settings   # a pyfix.smtpd.settings.Settings, as of the connect
    cdef readonly ServerCore core
    cdef readonly bytes address          # "192.0.2.1"
    cdef readonly ClientHot client       # a pyfix.smtpd.client.Client, None before its name is known
    cdef readonly int port
    cdef readonly bytes helo, sender     # None: not given
    cdef readonly bint trusted           # in mynetworks
    cdef readonly object subject         # pyfix.access.subject.Subject, made when policy has to be asked
    cdef readonly Intake intake
    cdef readonly Origin origin
    cdef object recipient
    cdef int step_event                  # the event that policy is deciding
    cdef bint driving, greeted, over, held, counted, ahead

    cdef Py_ssize_t drive(self, const char* p, Py_ssize_t n) except -1
    cdef int act(self, int event) except -1
    cdef int put_out(self) except -1
    cdef int on_helo(self) except -1
    cdef int on_mail(self) except -1
    cdef int on_rcpt(self) except -1
    cdef int on_content(self) except -1
    cdef int on_end(self) except -1
    cdef int welcome_recipient(self) except -1
    cdef int ask(self, int event, object stage) except -1
    cdef int forget(self) except -1
    cdef int finish(self, str reason) except -1
    cdef int look_up(self) except -1
    cdef int enter(self) except -1
    cdef bint may_send(self) noexcept
    cdef object open_intake(self)
    cdef Origin make_origin(self)
    cdef int let_in(self) except -1
    cdef int commit(self) except -1
    cdef int queued(self, Intake intake) except -1
    cdef int end_of_transaction(self) except -1
    cdef int go_on(self) except -1
    cdef int greet(self) except -1
    cdef int uncount(self) except -1
    cdef int say(self, bytes left, const char* middle, size_t n, bytes right) except -1
