"""One SMTP session: where stream, protocol and policy meet."""

from pyfix._core.server cimport ServerCore
from pyfix.net.engine cimport Listener, Stream


cdef class Doorman(Listener):
    cdef readonly object server


cdef class Session(Stream):
    cdef readonly object server          # pyfix.smtpd.server.Server
    cdef readonly object settings        # pyfix.smtpd.settings.Settings, as of the connect
    cdef readonly ServerCore core
    cdef readonly bytes address          # "192.0.2.1"
    cdef readonly object client          # pyfix.smtpd.client.Client, None before its name is known
    cdef readonly int port
    cdef readonly bytes helo, sender     # None: not given
    cdef readonly bint trusted           # in mynetworks
    cdef readonly object subject         # pyfix.access.subject.Subject, made when policy has to be asked
    cdef readonly object intake          # pyfix.cleanup.intake.Intake
    cdef readonly object origin
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
