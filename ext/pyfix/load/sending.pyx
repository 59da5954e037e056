"""The load source's sessions: as many SMTP clients as asked for, or as many messages a second (RFC 5321, 2920, 3030).

The law: in a closed loop each session sends its next message when the last is answered; in an open loop messages fall due
by the clock alone, and latency counts from the moment a message was due, however long it had to wait for a session: a
server that stalls can't hide the messages that were not even sent (no coordinated omission). Each message is tried
once; what became of it is counted, never repaired.

The protocol is _core.client's; only BDAT is added here. A session waits for the answer to QUIT before the next opens.
"""

import errno
from math import log

from libc.stdint cimport int64_t, uint64_t

from pyfix._core.client cimport (
    ClientCore, E_CLOSE, E_CONTENT, E_DONE, E_FAILED, E_READY, R_SENT, S_CONTENT, S_DATA, S_DOT)
from pyfix._core.request cimport Request
from pyfix.clock cimport monotonic_us, wall_us
from pyfix.load.histogram cimport Histogram
from pyfix.load.traffic cimport MARK_ROOM, Letter, Traffic
from pyfix.net.engine cimport Engine
from pyfix.net.stream cimport Stream

from pyfix._core.client import FAILURES, STAGES

cdef enum:
    REASONS = 40                 # different texts of failures that are kept apart
    RETRY_MS = 50                # a session that could not connect waits that long


cdef class LoadCore(ClientCore):
    """The client core, with BDAT and without the RSET that probes a kept connection, if so asked."""

    cdef int begin_request(self, Request request) except -1:
        if self.no_probe:
            self.messages = 0
        ClientCore.begin_request(self, request)
        if self.bdat and self.piped:
            self.out.length -= 6             # the "DATA" CRLF behind the recipients
        return 0

    cdef int send_next(self) except -1:
        if self.bdat and self.stage == S_DATA:
            if not self.accepted:
                return self.finish_transaction()
            self.stage = S_CONTENT
            self.events |= E_CONTENT
            return 0
        return ClientCore.send_next(self)

    cdef int read_feature(self, const char* text, Py_ssize_t length) except -1:
        if self.bdat and length == 8 and text[:length].upper() == b"CHUNKING":
            self.chunking = True
        return ClientCore.read_feature(self, text, length)


cdef class Source:
    """A load on one server.

    plan: an object with host, port, family, source ("" or a local address), bdat, no_probe, messages_per_connection,
    sessions (open at most), rate (messages a second, 0: closed loop), poisson, messages (0: no end), first and stride (the
    numbers this process sends), patience (seconds a reply may take), settings (_core.client.Settings).
    `done` is called once nothing more is to come.
    """

    def __init__(self, Engine engine, Traffic traffic, plan, done):
        self.engine, self.traffic, self.plan, self.done = engine, traffic, plan, done
        self.latency, self.commit, self.connects = Histogram(), Histogram(), Histogram()
        self.late, self.recent = Histogram(), Histogram()
        self.reasons, self.idle = {}, []
        self.number, self.stride, self.end = plan.first, plan.stride, plan.messages
        self.paced, self.poisson = plan.rate > 0, plan.poisson
        self.gap = 1e6 / plan.rate if plan.rate > 0 else 0.0
        self.bdat, self.no_probe = plan.bdat, plan.no_probe
        self.per_connection, self.limit, self.patience = plan.messages_per_connection, plan.sessions, plan.patience
        self.arrivals = traffic.seed ^ <uint64_t>plan.first
        self.clock_offset = wall_us() - monotonic_us()

    def start(self):
        """Begins."""
        self.due = monotonic_us()
        if self.paced:
            return self.tick()
        for _ in range(self.limit):
            self.refill()

    def stop(self):
        """Begins nothing new; `done` follows when what is under way is answered."""
        self.stopping = True
        self.check_over()

    # -- which message, and when

    cdef bint more(self) noexcept:
        return not self.stopping and (self.end == 0 or self.number < self.end)

    cdef int64_t take_due(self):
        """When the message at hand fell due (monotonic, microseconds); in an open loop the next falls due behind it."""
        cdef int64_t due
        if not self.paced:
            return monotonic_us()
        due = <int64_t>self.due
        self.due += self.gap * self.spread() if self.poisson else self.gap
        return due

    cdef double spread(self):
        """The next gap of a Poisson process, in mean gaps."""
        self.arrivals = self.arrivals * <uint64_t>6364136223846793005 + <uint64_t>1442695040888963407
        return -log(((self.arrivals >> 11) + 1) / 9007199254740993.0)

    def tick(self):
        """Open loop: starts what is due. Runs every millisecond."""
        cdef int64_t now = monotonic_us()
        self.ticker = None
        while self.more() and self.due <= now and (self.idle or self.open_sessions < self.limit):
            self.late.add(now - <int64_t>self.due)
            self.refill()
        if self.more():
            self.ticker = self.engine.loop.call_later(0.001, self.tick)
        self.check_over()

    def refill(self):
        """Puts a session to work: an idle one, or a new one."""
        cdef Session session
        if not self.more():
            return self.check_over()
        while self.idle:
            session = self.idle.pop()
            if session.fd >= 0:
                return session.take()
        session = self.new_session()
        self.open_sessions += 1
        session.open()

    cdef Session new_session(self):
        return Session(self)

    cdef int freed(self, Session session) except -1:
        """A session has its answer and may go on with another message."""
        if self.more() and (not self.paced or self.due <= monotonic_us()):
            return session.take()
        if self.more():
            self.idle.append(session)
            return 0
        return session.leave()

    cdef int gone(self, Session session) except -1:
        """A session has closed."""
        self.open_sessions -= 1
        if not self.more():
            self.check_over()
        elif not self.paced:
            if session.connected:
                self.refill()
            else:
                self.engine.loop.call_later(RETRY_MS / 1000.0, self.refill)
        return 0

    def check_over(self):
        """Calls `done` once all is said."""
        cdef Session session
        if self.over or self.more():
            return
        while self.idle:
            session = self.idle.pop()
            session.leave()
        if self.open_sessions == 0 and not self.over:
            self.over = True
            if self.ticker is not None:
                self.ticker.cancel()
            self.done()

    cdef int count_failure(self, str reason) except -1:
        self.failed += 1
        if reason not in self.reasons and len(self.reasons) >= REASONS:
            reason = "other"
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        return 0


cdef class Session(Stream):
    """One connection."""

    def __init__(self, Source source):
        self.source = source
        self.core = LoadCore(source.plan.settings)
        self.core.bdat, self.core.no_probe = source.bdat, source.no_probe

    def open(self):
        """Connects, with the next message in hand."""
        plan = self.source.plan
        self.next_letter()
        self.opened = monotonic_us()
        try:
            self.connect(self.source.engine, plan.family, plan.host, plan.port, plan.source)
        except OSError as error:
            self.ended(f"connect: {error.strerror}")
            return
        self.set_deadline(self.source.patience)

    cdef int next_letter(self) except -1:
        cdef Source source = self.source
        self.due = source.take_due()
        self.letter = source.traffic.letter(source.number)
        source.number += source.stride
        source.busy += 1
        return 0

    cdef int take(self) except -1:
        """The next message, on a connection that is ready."""
        self.next_letter()
        self.core.begin_request(self.letter.request)
        self.act()
        return 0

    cdef int leave(self) except -1:
        """Says QUIT."""
        if self.fd >= 0:
            self.core.quit()
            self.transmit()
        return 0

    # -- the stream's handlers

    cdef int on_connect(self) except -1:
        self.connected = True
        self.source.connections += 1
        return self.set_deadline(self.source.patience)

    cdef Py_ssize_t on_data(self, const char* p, Py_ssize_t n) except -1:
        cdef Py_ssize_t used = self.core.feed(p, n)
        self.act()
        return used

    cdef int on_eof(self) except -1:
        return self.ended(f"lost connection: {STAGES[self.core.stage]}")

    cdef int on_error(self, int error) except -1:
        name = errno.errorcode.get(error, str(error))
        return self.ended(f"{'lost connection' if self.connected else 'connect'}: {name}")

    cdef int on_timeout(self) except -1:
        return self.ended(f"timeout: {STAGES[self.core.stage] if self.connected else 'connect'}")

    cdef int on_crash(self, object error) except -1:
        self.ended("internal error")
        return Stream.on_crash(self, error)

    cdef int ended(self, str reason) except -1:
        """The connection is over; a message under way has failed for `reason`."""
        if self.over:
            return 0
        self.over = True
        self.abort()
        if self.letter is not None:
            self.letter = None
            self.source.busy -= 1
            self.source.count_failure(reason)
        return self.source.gone(self)

    # -- the dialogue

    cdef int act(self) except -1:
        """Does what the core's events ask for, then sends what it has to say."""
        cdef int events
        while self.core.events and self.fd >= 0:
            events, self.core.events = self.core.events, 0
            if events & E_READY:
                self.ready()
            if events & E_CONTENT:
                self.send_content()
            if events & E_DONE:
                self.answered()
            if events & E_FAILED:
                return self.ended(f"{FAILURES[self.core.failure]}: {self.reply_text(self.core.failed_reply)}")
            if events & E_CLOSE:
                return self.ended("closed")
        return self.transmit()

    cdef int transmit(self) except -1:
        if self.fd < 0:
            return 0
        if self.core.out.length:
            self.send(self.core.out.data, self.core.out.length)
            self.core.out.length = 0
            self.set_deadline(self.source.patience)
        return 0

    cdef int ready(self) except -1:
        """Greeted: the first message."""
        self.source.connects.add(monotonic_us() - self.opened)
        return self.first()

    cdef int first(self) except -1:
        """The first message, if there is one."""
        if self.letter is None:
            return self.leave()
        if self.core.bdat and not self.core.chunking:
            self.core.bdat = False
        return self.core.begin_request(self.letter.request)

    cdef int send_content(self) except -1:
        """Mark, header, body and last line; as it goes behind 354, or as one chunk."""
        cdef Letter letter = self.letter
        cdef char[MARK_ROOM] line
        cdef int n = self.source.traffic.mark(letter, self.due + self.source.clock_offset, line)
        cdef bytes body = letter.blob.raw if self.core.bdat else letter.blob.wire
        self.transmit()
        if self.core.bdat:
            self.send_bytes(b"BDAT %d LAST\r\n" % (n + len(letter.head) + len(body) + len(letter.tail)))
        self.send(line, n)
        self.send_bytes(letter.head)
        self.send_bytes(body)
        self.send_bytes(letter.tail)
        if not self.core.bdat:
            self.send(b".\r\n", 3)
        self.source.octets += n + len(letter.head) + len(body) + len(letter.tail)
        self.core.stage = S_DOT
        self.dotted = monotonic_us()
        return self.set_deadline(self.source.patience)

    cdef int answered(self) except -1:
        """Every recipient has its answer."""
        cdef Source source = self.source
        cdef int64_t now = monotonic_us()
        cdef int i, good = 0, count = self.core.recipient_count
        for i in range(count):
            good += self.core.results[i].state == R_SENT
        source.recipients += good
        source.recipients_failed += count - good
        if good:
            source.sent += 1
            source.latency.add(now - self.due)
            source.recent.add(now - self.due)
            source.commit.add(now - self.dotted)
        else:
            source.count_failure(self.first_refusal())
        self.letter = None
        source.busy -= 1
        self.uses += 1
        if self.core.no_reuse or (source.per_connection and self.uses >= source.per_connection):
            return self.leave()
        return source.freed(self)

    cdef str first_refusal(self):
        """Stage and code of the first recipient that was refused."""
        cdef int i
        for i in range(self.core.recipient_count):
            if self.core.results[i].state != R_SENT:
                return f"{STAGES[self.core.results[i].stage]}: {self.reply_text(self.core.results[i].reply)}"
        return "no recipient"

    cdef str reply_text(self, int index):
        """A kept reply without the words that differ from message to message: code and enhanced code."""
        if index < 0 or index >= self.core.answer_count:
            return "no reply"
        code, dsn, _ = self.core.answer(index)
        return f"{code} {dsn}"
