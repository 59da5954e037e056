"""A server core whose lines and replies pass through somebody's hands (smtpd_command_filter, smtpd_reject_footer,
notify_classes; postconf(5)).

The law: a command is shown before it is read and may be replaced; each reply is shown once, before it
leaves, and may gain lines. All else is ServerCore's, which pays nothing for this.
"""

from pyfix._core.server cimport EV_MORE, ServerCore


cdef class TappedCore(ServerCore):
    """`tap` has command(line) -> line or None, and replies(data) -> data; see pyfix.smtpd.tap.Tap."""

    cdef int on_line(self, const char* p, size_t n, bint bare, const char* rest, size_t rest_n) except -1:
        cdef bytes line
        self.settle_replies()
        line = self.tap.command(p[:n])
        if line is None:
            self.note("local data", b"")
            self.hang_up(b"421 4.3.0 %b Server local data error" % self.limits.hostname)
            return EV_MORE
        return ServerCore.on_line(self, line, len(line), bare, rest, rest_n)

    cdef int settle_replies(self) except -1:
        """Shows the replies that were made since the last time; what the tap makes of them takes their place."""
        cdef bytes made
        if self.out.length < self.shown:
            self.shown = 0
        if self.out.length > self.shown:
            made = self.tap.replies(self.out.data[self.shown:self.out.length])
            self.out.length = self.shown
            self.out.append(made, len(made))
            self.shown = self.out.length
        return 0

    def show(self) -> None:
        """The same for Python."""
        self.settle_replies()

    def written(self) -> bytes:
        """What `out` holds."""
        return self.out.data[:self.out.length]
