"""A session under more rules than the plain one: deadlines for whole requests (smtpd(8), postconf(5)).

The law: what only some configurations ask for lives here, and costs the plain Session nothing; the
Server makes one of these where Settings.careful says so.

smtpd_per_request_deadline: smtpd_timeout is the time for a whole command line, however it
drips. While content comes, N bytes give back N / smtpd_min_data_rate seconds, never more than
smtpd_timeout in all. Our own time (policy, commit, error sleep) does not count.
"""

from libc.stdint cimport int64_t

from pyfix._core.server cimport EV_MORE, IN_COMMAND, IN_DATA, IN_LONG_LINE
from pyfix.smtpd.session cimport Session


cdef class CarefulSession(Session):
    """As Session. `server.settings` says which of the rules are on."""

    cdef bint by_request         # smtpd_per_request_deadline
    cdef int64_t rate            # smtpd_min_data_rate

    def __init__(self, server):
        Session.__init__(self, server)
        self.by_request, self.rate = self.settings.request_deadline, self.settings.min_data_rate

    cdef Py_ssize_t drive(self, const char* p, Py_ssize_t n) except -1:
        cdef int mode = self.core.mode
        cdef int64_t until = self.deadline
        cdef Py_ssize_t used = Session.drive(self, p, n)
        if self.by_request and n and until and not self.over and not self.held and self.core.waiting == EV_MORE:
            self.hold_to(until, mode, used)
        return used

    cdef int hold_to(self, int64_t until, int mode, Py_ssize_t used) except -1:
        """The deadline that was stays where the request is the same as before `used` bytes of it came."""
        if mode != self.core.mode and self.core.mode != IN_LONG_LINE:
            return 0
        if mode >= IN_DATA:
            until += used * 1000 // self.rate
        elif used and mode == IN_COMMAND and self.core.mode == IN_COMMAND:
            return 0
        if until >= self.deadline:
            return 0
        self.deadline = until
        if self.bucket > until // 1000 + 1:
            self.engine.place_deadline(self)
        return 0
