"""What the server core has to know of the configuration (postconf(5)), as plain values.

The law: immutable; made once for a configuration and shared by all its sessions.
"""

from pyfix._core.data cimport NEWLINES_NORMALIZE


cdef class Limits:
    """What the core has to know of the configuration. All keywords; the defaults are Postfix's."""

    def __init__(self, *, bytes hostname=b"localhost", size_t line_length=2048, uint64_t message_size=10240000,
                 int recipients=1000, int overshoot=1000, int soft_errors=10, int hard_errors=20, int junk=100,
                 int newlines=NEWLINES_NORMALIZE, int bare_code=550, int features=0, bint helo_required=False,
                 bint forbid_pipelining=True, bint no_vrfy=False, bint smtputf8=True, bint strict_paths=False,
                 bint lmtp=False, bint standalone=False, object forbidden=frozenset((b"CONNECT", b"GET", b"POST")),
                 object ignored=frozenset(), object path=None):
        self.hostname, self.line_length, self.message_size = hostname, max(line_length, 64), message_size
        self.recipients, self.overshoot = recipients, overshoot
        self.soft_errors, self.hard_errors, self.junk = soft_errors, hard_errors, junk
        self.newlines, self.bare_code, self.features = newlines, bare_code, features
        self.helo_required, self.forbid_pipelining, self.no_vrfy = helo_required, forbid_pipelining, no_vrfy
        self.smtputf8, self.strict_paths, self.lmtp, self.standalone = smtputf8, strict_paths, lmtp, standalone
        self.forbidden, self.ignored, self.path = forbidden, ignored, path
        self.has_ignored = bool(ignored)
