"""The load source's sessions with STARTTLS (RFC 3207).

The law: what came in the clear is forgotten with the handshake: the features of the first EHLO, and whatever stood behind the
answer to STARTTLS, which an attacker may have put there. A server that does not offer it, refuses it or breaks off has not
taken the message: it is counted as failed, and never sent in the clear.

A handshake is timed from the answer to STARTTLS to its end, apart from the greeting.
"""

import ssl

from libc.stdint cimport int64_t

from pyfix._core.client cimport F_STARTTLS, S_EHLO, S_IDLE
from pyfix.clock cimport monotonic_us
from pyfix.load.channel cimport Channel
from pyfix.load.sending cimport LoadCore, Session, Source
from pyfix.net.stream cimport Stream

cdef enum Phase:
    PLAIN                # nothing said about TLS yet
    ASKED                # STARTTLS is sent
    SHAKING
    SECURE

PHASES = ("", "starttls", "handshake", "")


cdef class SecureCore(LoadCore):
    """The client core, with the answer to STARTTLS."""

    cdef bint asked
    cdef int verdict, reply_index

    cdef int take_reply(self, int code) except -1:
        if not self.asked:
            return LoadCore.take_reply(self, code)
        self.asked = False
        self.verdict, self.reply_index = code, self.keep_reply(code)
        self.stage = S_IDLE              # feed() takes no byte more
        return 0

    cdef int ask(self) except -1:
        self.asked = True
        self.stage = S_EHLO
        return self.put(b"STARTTLS\r\n", 10)

    cdef int renew(self) except -1:
        """Greets again; what was said in the clear counts no more."""
        self.features = self.events = 0
        self.size_limit = 0
        self.chunking = False
        return self.hello(b"EHLO ", S_EHLO)


cdef class SecureSource(Source):
    """A load in which each connection is secured first. plan.tls: see tls.Client."""

    cdef Session new_session(self):
        return SecureSession(self)


cdef class SecureSession(Session):
    """One connection."""

    cdef Channel channel
    cdef SecureCore core_tls
    cdef bytes rest                      # plain bytes the core has not taken yet
    cdef int phase
    cdef int64_t begun

    def __init__(self, Source source):
        Session.__init__(self, source)
        self.core = self.core_tls = SecureCore(source.plan.settings)
        self.core.bdat, self.core.no_probe = source.bdat, source.no_probe
        self.rest = b""

    cdef int ready(self) except -1:
        """Greeted: in the clear STARTTLS is due, under TLS the first message."""
        if self.phase == SECURE:
            return self.first()
        self.source.connects.add(monotonic_us() - self.opened)
        if not self.core.features & F_STARTTLS:
            return self.ended("starttls: not offered")
        self.phase = ASKED
        return self.core_tls.ask()

    # -- bytes

    cdef Py_ssize_t on_data(self, const char* p, Py_ssize_t n) except -1:
        if self.phase == SECURE or self.phase == SHAKING:
            self.channel.put(p, n)
            if self.phase == SECURE or self.shake():
                self.deliver()
            return n
        cdef Py_ssize_t used = Session.on_data(self, p, n)
        if self.phase != ASKED or self.core_tls.verdict == 0:
            return used
        self.agreed()
        return n                         # what stands behind the answer is nobody's

    cdef int agreed(self) except -1:
        """STARTTLS is answered: the handshake begins, or it was all for nothing."""
        tls = self.source.plan.tls
        if self.core_tls.verdict != 220:
            return self.ended(f"starttls: {self.reply_text(self.core_tls.reply_index)}")
        self.phase, self.begun = SHAKING, monotonic_us()
        self.channel = Channel(tls.context, False, tls.name, tls.session)
        self.set_deadline(self.source.patience)
        self.shake()
        return 0

    cdef bint shake(self) except -1:
        """Goes on with the handshake; True once it is done."""
        cdef bint done = False
        try:
            done = self.channel.shake()
        except ssl.SSLError as error:
            Stream.send_bytes(self, self.channel.seal())
            Stream.flush(self)           # the alert that says why
            self.ended(f"handshake: {reason(error)}")
            return False
        wire = self.channel.seal()
        Stream.send(self, wire, len(wire))
        if done:
            self.phase = SECURE
            self.source.plan.tls.count(monotonic_us() - self.begun, self.channel)
            self.core_tls.renew()
            self.transmit()
        return done

    cdef int deliver(self) except -1:
        """Hands plain bytes to the core as often as it takes some."""
        cdef Py_ssize_t used
        cdef bytes held
        try:
            self.rest += self.channel.take()
        except ssl.SSLError as error:
            return self.ended(f"tls: {reason(error)}")
        while self.rest and self.fd >= 0:
            held = self.rest
            used = Session.on_data(self, held, len(held))
            self.rest = held[used:]
            if not used:
                break
        return self.on_eof() if self.channel.ended and self.fd >= 0 else 0

    cdef int send(self, const char* p, size_t n) except -1:
        if self.phase != SECURE:
            return Stream.send(self, p, n)
        self.channel.keep(p, n)
        self.engine.mark_dirty(self)
        return 0

    cdef int send_bytes(self, bytes data) except -1:
        return self.send(data, len(data))

    cdef int flush(self) except -1:
        cdef bytes wire
        if self.phase == SECURE and self.fd >= 0 and not self.closing:
            wire = self.channel.seal()
            if wire:
                Stream.send(self, wire, len(wire))
        return Stream.flush(self)

    # -- the end

    cdef int on_eof(self) except -1:
        return self.ended(f"lost connection: {PHASES[self.phase]}") if PHASES[self.phase] else Session.on_eof(self)

    cdef int on_timeout(self) except -1:
        return self.ended(f"timeout: {PHASES[self.phase]}") if PHASES[self.phase] else Session.on_timeout(self)

    cdef int ended(self, str reason) except -1:
        cdef bytes wire
        if self.over:
            return 0
        if self.phase == SHAKING:
            self.source.plan.tls.failed += 1
        if self.phase == SECURE and self.fd >= 0:
            self.source.plan.tls.keep(self.channel)
            wire = self.channel.farewell()
            Stream.send(self, wire, len(wire))
            Stream.flush(self)
        return Session.ended(self, reason)


def reason(error) -> str:
    """Why, in OpenSSL's words, without the parts that change."""
    return getattr(error, "verify_message", None) or (error.reason or type(error).__name__).lower().replace("_", " ")
