"""The load receiver's sessions: takes mail, checks every message, misbehaves by script (RFC 5321).

The law: what a message's X-Load line (see traffic.pyx) says is compared with what has come: body length and CRC32C, and for
each run and number how many recipients, and which. Nothing is believed that was not counted here. Where a profile is given
its script is asked at each step and may delay, refuse, defer or drop; without one no Python code runs a step.

The protocol is _core.server's, content goes through its scanner: what is checked is what a real receiver would store.
"""

from libc.stdint cimport int64_t, uint64_t

from pyfix._core.limits cimport Limits
from pyfix._core.server cimport (
    EV_CLOSE, EV_DATA, EV_END, EV_HELO, EV_MAIL, EV_MORE, EV_RCPT, EV_RESET, EV_SLOW, EV_VRFY, ServerCore)
from pyfix.clock cimport wall_us
from pyfix.load.checking cimport Check, Run
from pyfix.load.histogram cimport Histogram
from pyfix.load.traffic cimport address_hash
from pyfix.net.engine cimport Engine
from pyfix.net.listener cimport Listener
from pyfix.net.stream cimport Stream
from pyfix.net.sockaddr cimport sockaddr_storage

cdef enum:
    RUNS = 1000                  # runs that are told apart, the rest are one
    SAMPLES = 20                 # of altered messages, kept for the report


cdef class Receiver:
    """The sessions of one process. limits: _core.server.Limits; ehlo: complete reply lines; script: None, or see profile.py."""

    def __init__(self, Engine engine, Limits limits not None, bytes greeting not None, bytes ehlo not None, script=None):
        self.engine, self.limits, self.script = engine, limits, script
        self.greeting, self.ehlo = greeting, ehlo
        self.reset()

    def reset(self) -> None:
        """Forgets all counts."""
        self.runs, self.replies, self.samples, self.last = {}, {}, [], None
        self.latency, self.recent = Histogram(), Histogram()
        self.connections = self.messages = self.recipients = self.octets = 0
        self.altered = self.unmarked = self.damaged = self.bare_lf = 0
        self.refused = self.deferred = self.dropped = 0
        self.most_sessions = self.open_sessions

    def listen(self, int fd) -> Door:
        """Takes connections from a listening, non-blocking socket."""
        return Door(self, fd)

    cdef Session new_session(self):
        return Session(self)

    cdef Run run(self, const char* name):
        """The counts of a run."""
        cdef bytes key = name
        if self.last is not None and self.last.name == key:
            return self.last
        if key not in self.runs:
            if len(self.runs) >= RUNS:
                key = b"other"
            if key not in self.runs:
                self.runs[key] = Run(key)
        self.last = self.runs[key]
        return self.last

    cdef int arrived(self, Check check, int count, uint64_t total, int64_t size, bint bare_lf) except -1:
        """One message was accepted for `count` recipients."""
        cdef int64_t late
        self.messages += 1
        self.recipients += count
        self.octets += size
        self.bare_lf += bare_lf
        if not check.marked:
            self.damaged += check.damaged
            self.unmarked += not check.damaged
            return 0
        late = wall_us() - check.mark.stamp
        self.latency.add(late)
        self.recent.add(late)
        if not check.intact():
            self.altered += 1
            if len(self.samples) < SAMPLES:
                self.samples.append({"run": check.mark.run.decode("ascii", "replace"), "number": check.mark.number,
                                     "length": check.length, "expected": check.mark.length})
        self.run(check.mark.run).take(check.mark.number, check.mark.recipients, check.mark.sum, count, total)
        return 0

    cdef int count_reply(self, int code, bytes text) except -1:
        """A reply that a script gave."""
        self.deferred += code // 100 == 4
        self.refused += code // 100 == 5
        key = b"%d %b" % (code, text)
        if key in self.replies or len(self.replies) < 200:
            self.replies[key] = self.replies.get(key, 0) + 1
        return 0


cdef class Door(Listener):
    """Connections from one listening socket."""

    def __init__(self, Receiver receiver, int fd):
        self.receiver = receiver
        Listener.__init__(self, receiver.engine, fd)

    cdef int accepted(self, int fd, const sockaddr_storage* peer) except -1:
        cdef Session session = self.receiver.new_session()
        session.adopt(self.engine, fd, peer)
        session.begin()
        return 0


cdef class Session(Stream):
    """One client."""

    def __init__(self, Receiver receiver):
        self.receiver = receiver
        self.core = ServerCore(receiver.limits)

    def begin(self):
        """Connected: the greeting, if the script has nothing against it."""
        cdef Receiver receiver = self.receiver
        receiver.connections += 1
        receiver.open_sessions += 1
        receiver.most_sessions = max(receiver.most_sessions, receiver.open_sessions)
        self.counted = True
        self.set_deadline(300)
        if receiver.script is None:
            self.send_bytes(receiver.greeting)
            return
        self.address = self.peer_address()[0]
        verdict = receiver.script.connect(self.address, receiver.engine.loop.time())
        if verdict is not None and verdict.delay:
            self.held = True
            self.engine.loop.call_later(verdict.delay, self.greet, verdict)
        else:
            self.greet(verdict)

    def greet(self, verdict):
        """The greeting, or what the script says instead."""
        if self.over or self.fd < 0:
            return
        self.held = False
        if verdict is not None and verdict.drop:
            self.drop()
        elif verdict is not None and verdict.code:
            self.receiver.count_reply(verdict.code, verdict.text)
            self.send_bytes(b"%d %b\r\n" % (verdict.code, verdict.text))
            self.finish()
        else:
            self.send_bytes(self.receiver.greeting)
            self.drive(NULL, 0)
            self.resume()

    # -- the stream's handlers

    cdef Py_ssize_t on_data(self, const char* p, Py_ssize_t n) except -1:
        return 0 if self.held else self.drive(p, n)

    cdef int on_eof(self) except -1:
        return self.finish()

    cdef int on_error(self, int error) except -1:
        return self.finish()

    cdef int on_timeout(self) except -1:
        return self.finish()

    cdef int on_crash(self, object error) except -1:
        self.finish()
        return Stream.on_crash(self, error)

    # -- the dialogue

    cdef Py_ssize_t drive(self, const char* p, Py_ssize_t n) except -1:
        """Feeds the core and answers its events; how much of [p, p+n) was used."""
        cdef size_t used = 0
        cdef Py_ssize_t total = 0
        cdef int event
        if self.driving or self.over:
            return 0
        self.driving = True
        while not self.over:
            event = self.core.step(p + total, n - total, &used)
            total += used
            if event == EV_MORE:
                break
            self.act(event)
            if self.core.waiting != EV_MORE:
                self.pause()
                break
        self.driving = False
        if self.over:
            return n
        if self.core.notes:
            self.core.notes.clear()
        self.put_out()
        return total

    cdef int put_out(self) except -1:
        if self.core.out.length:
            self.send(self.core.out.data, self.core.out.length)
            self.core.out.clear()
            self.set_deadline(300)
        return 0

    cdef int act(self, int event) except -1:
        """Answers one event, or leaves it to a script that answers later."""
        if event == EV_CLOSE:
            self.put_out()
            return self.finish()
        if event == EV_RESET or event == EV_SLOW:
            return 0
        if self.receiver.script is not None and self.scripted(event):
            return 0
        return self.accept(event)

    cdef int accept(self, int event) except -1:
        """Yes to an event."""
        cdef ServerCore core = self.core
        if event == EV_RCPT:
            self.recipients += 1
            self.total += address_hash(core.address, len(core.address))
            core.answer(250, b"2.1.5 Ok")
        elif event == EV_MAIL:
            self.recipients, self.total, self.sender = 0, 0, core.address
            core.answer(250, b"2.1.0 Ok")
        elif event == EV_DATA:
            if self.check is None:
                self.check = Check()
            self.check.begin()
            core.accept_content(self.check)
        elif event == EV_END:
            self.taken += 1
            self.receiver.arrived(self.check, self.recipients, self.total, core.scanner.size, core.scanner.bare_lf)
            core.answer(250, b"2.0.0 Ok: received")
        elif event == EV_HELO:
            core.answer_lines(250, self.receiver.ehlo)
        elif event == EV_VRFY:
            core.answer(252, b"2.0.0 Send some mail")
        else:
            core.answer(502, b"5.5.1 Not here")
        return 0

    # -- scripts

    cdef bint scripted(self, int event) except -1:
        """Asks the script about `event`; True where it has answered, or will."""
        cdef object script = self.receiver.script
        cdef double now = self.engine.loop.time()
        if event == EV_RCPT:
            verdict = script.rcpt(self.address, self.sender, self.core.address, now)
        elif event == EV_MAIL:
            verdict = script.mail(self.address, self.taken, now)
        elif event == EV_DATA:
            verdict = script.data(self.address, now)
        elif event == EV_END:
            verdict = script.end(self.address, now)
        else:
            return False
        if verdict is None:
            return False
        if verdict.delay:
            self.engine.loop.call_later(verdict.delay, self.late, event, verdict)
        else:
            self.obey(event, verdict)
        return True

    def late(self, int event, verdict):
        """A verdict whose time has come."""
        if self.over or self.fd < 0:
            return
        self.obey(event, verdict)
        if not self.over:
            self.drive(NULL, 0)
            if self.core.waiting == EV_MORE:
                self.resume()

    cdef int obey(self, int event, verdict) except -1:
        """Does what the script says."""
        if verdict.drop:
            return self.drop()
        if verdict.code == 0:
            return self.accept(event)
        self.receiver.count_reply(verdict.code, verdict.text)
        self.core.answer(verdict.code, verdict.text)
        return 0

    cdef int drop(self) except -1:
        """Ends the connection without a word."""
        self.receiver.dropped += 1
        self.uncount()
        return self.abort()

    cdef int finish(self) except -1:
        """The end, after what was said has left."""
        self.uncount()
        return self.close()

    cdef int uncount(self) except -1:
        if not self.counted:
            return 0
        self.over = True
        self.counted = False
        self.receiver.open_sessions -= 1
        if self.receiver.script is not None:
            self.receiver.script.left(self.address)
        return 0
