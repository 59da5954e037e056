"""The load receiver's sessions with STARTTLS (RFC 3207), and what a script makes of the handshake.

The law: what stands behind STARTTLS in the clear is thrown away and never acted on, and the session begins anew after the
handshake: whoever put commands there in the hope that they are taken for the client's is not heard.
"""

import ssl

from libc.stdint cimport int64_t

from pyfix._core.server cimport EV_HELO, EV_STARTTLS, F_STARTTLS, ServerCore
from pyfix.clock cimport monotonic_us
from pyfix.load.channel cimport Channel
from pyfix.load.receiving cimport Receiver, Session
from pyfix.net.stream cimport Stream

cdef enum Phase:
    PLAIN
    ASKED                # STARTTLS has come and is not answered
    SHAKING
    SECURE

FEATURE = F_STARTTLS         # of the limits that hold before the handshake


cdef class SecureReceiver(Receiver):
    """A Receiver whose `ehlo` and `limits` offer STARTTLS. tls: a tls.Counts; the other two hold after the handshake."""

    cdef readonly object tls, secure_limits
    cdef readonly bytes secure_ehlo

    def __init__(self, engine, limits, bytes greeting not None, bytes ehlo not None, script, tls, secure_limits,
                 bytes secure_ehlo not None):
        Receiver.__init__(self, engine, limits, greeting, ehlo, script)
        self.tls, self.secure_limits, self.secure_ehlo = tls, secure_limits, secure_ehlo

    cdef Session new_session(self):
        return SecureSession(self)


cdef class SecureSession(Session):
    """One client that may say STARTTLS."""

    cdef Channel channel
    cdef SecureReceiver owner
    cdef bytes rest                      # plain bytes the core has not taken yet
    cdef object verdict                  # what the script has against the handshake
    cdef int phase
    cdef int64_t begun

    def __init__(self, SecureReceiver receiver):
        Session.__init__(self, receiver)
        self.owner, self.rest = receiver, b""

    # -- STARTTLS

    cdef int accept(self, int event) except -1:
        if event == EV_STARTTLS:
            self.phase = ASKED           # not answered here: nothing behind it may be looked at
            return 0
        if event == EV_HELO and self.phase == SECURE:
            return self.core.answer_lines(250, self.owner.secure_ehlo)
        return Session.accept(self, event)

    cdef int agree(self) except -1:
        """Answers STARTTLS and begins anew."""
        script = self.receiver.script
        refusal = script.starttls() if script is not None else None
        self.phase, self.paused = PLAIN, False
        if refusal is not None:
            self.receiver.count_reply(refusal.code, refusal.text)
            self.core.answer(refusal.code, refusal.text)
            return self.put_out()
        self.core.answer(220, b"2.0.0 Begin the handshake")
        self.put_out()
        self.core = ServerCore(self.owner.secure_limits)
        self.verdict = script.handshake() if script is not None else None
        self.channel = Channel(self.owner.tls.context, True)
        self.phase, self.begun = SHAKING, monotonic_us()
        return 0

    cdef bint hindered(self) except -1:
        """Plays what the script has against this handshake; True where it does not go on now."""
        verdict, self.verdict = self.verdict, None
        if verdict is None:
            return False
        if verdict.drop:
            self.owner.tls.failed += 1
            self.drop()
        elif verdict.text:
            Stream.send_bytes(self, verdict.text)
            self.finish()
        else:
            self.pause()                 # stalled, unless there is an end to it
            if verdict.delay:
                self.engine.loop.call_later(verdict.delay, self.go_on)
        return True

    def go_on(self):
        """The delay is over."""
        if self.fd >= 0 and not self.closing:
            self.paused = False
            if self.shake():
                self.deliver()
            Stream.resume(self)

    cdef bint shake(self) except -1:
        """Goes on with the handshake; True once it is done."""
        cdef bint done = False
        cdef bytes wire
        try:
            done = self.channel.shake()
        except ssl.SSLError:
            Stream.send_bytes(self, self.channel.seal())
            self.finish()
            return False
        wire = self.channel.seal()
        Stream.send(self, wire, len(wire))
        if done:
            self.phase = SECURE
            self.owner.tls.count(monotonic_us() - self.begun, self.channel)
        return done

    # -- bytes

    cdef Py_ssize_t on_data(self, const char* p, Py_ssize_t n) except -1:
        cdef Py_ssize_t used
        if self.phase == PLAIN:
            used = Session.on_data(self, p, n)
            if self.phase == PLAIN:
                return used
            self.agree()
            return n                     # whatever stood behind STARTTLS
        self.channel.put(p, n)
        if self.phase == SECURE or (not self.hindered() and self.shake()):
            self.deliver()
        return n

    cdef int deliver(self) except -1:
        """Hands plain bytes to the core as often as it takes some."""
        cdef Py_ssize_t used
        cdef bytes held
        try:
            self.rest += self.channel.take()
        except ssl.SSLError:
            return self.finish()
        while self.rest and self.fd >= 0 and not (self.paused or self.closing):
            held = self.rest
            used = self.drive(held, len(held))
            self.rest = held[used:]
            if not used:
                break
        return self.finish() if self.channel.ended and not self.paused else 0

    cdef int resume(self) except -1:
        """Goes on: first with what was decrypted already."""
        self.paused = False
        if self.phase == SECURE and not self.in_callback:
            self.deliver()
        return 0 if self.paused else Stream.resume(self)

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

    cdef int finish(self) except -1:
        if self.phase == SHAKING and self.counted:
            self.owner.tls.failed += 1
        return Session.finish(self)

    cdef int close(self) except -1:
        cdef bytes wire
        if self.phase == SECURE and self.fd >= 0 and not self.closing:
            wire = self.channel.farewell()
            Stream.send(self, wire, len(wire))
        return Stream.close(self)
