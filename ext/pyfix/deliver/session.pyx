"""One outbound SMTP or LMTP session: socket, client core and content, with no Python call but for an outcome.

Law: smtp(8); RFC 5321. `Plan` holds what all sessions of a transport share, `Delivery` is one
DELIVER job of qmgr on its way, `Session` joins a Stream with a ClientCore. Decisions (which
address next, what a failure means) are the agent's, in Python: pyfix/deliver/agent.py.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdio cimport snprintf
from libc.stdlib cimport free, malloc

import errno
import os

from pyfix._core.buffer cimport Buffer
from pyfix._core.client cimport (
    ClientCore, E_CLOSE, E_CONTENT, E_DONE, E_FAILED, E_READY, NO_FAILURE, R_FAILED, R_SENT, S_CONTENT, S_DOT, S_IDLE)
from pyfix._core.request cimport Request, Settings
from pyfix._core.outgoing cimport LineState, clean_prefix, encode_into, finish_into
from pyfix.clock cimport wall_us
from pyfix.net.engine cimport Engine
from pyfix.net.stream cimport Stream
from pyfix._core.quote cimport is_simple
from pyfix.message cimport Envelope, Recipient
from pyfix.telemetry.lines cimport Lines

from pyfix._core.client import STAGES
from pyfix._core.quote import quote
from pyfix.errors import QueueError

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cdef enum:
    INFO = 6            # syslog severity
    NOTIFY_SUCCESS = 2  # model.NOTIFY_SUCCESS
    TRACED = 0x8080     # model.TRACE and TRACE_ONLY


def format_tv(long long microseconds, int digits=2, int decimals=2) -> str:
    """A time as the log has it: `digits` significant digits, at most `decimals` decimals.

    Whole seconds are never rounded away, trailing zeros are dropped, a time below 0 is 0.
    """
    cdef char[32] text
    return text[:put_tv(microseconds, digits, decimals, text)].decode("ascii")


cdef int put_tv(long long microseconds, int digits, int decimals, char* out) noexcept nogil:
    """format_tv() into `out` (32 bytes of room); its length."""
    cdef long long seconds, fraction, number, step
    cdef int size = 0
    microseconds = max(microseconds, 0)
    seconds, fraction = microseconds // 1000000, microseconds % 1000000
    number = seconds or fraction
    while number:
        number //= 10
        size += 1
    step = power_of_ten(min(max(6 - digits + size, 0), 6)) if seconds else power_of_ten(max(size - digits, 0))
    step = max(step, power_of_ten(max(6 - decimals, 0)))
    fraction += step // 2
    if fraction >= 1000000:
        seconds += 1
        fraction -= 1000000
    fraction -= fraction % step
    if fraction == 0:
        return snprintf(out, 32, "%lld", seconds)
    size = snprintf(out, 32, "%lld.%06lld", seconds, fraction)
    while out[size - 1] == b"0":
        size -= 1
    return size


cdef long long power_of_ten(int exponent) noexcept nogil:
    cdef long long value = 1
    cdef int i
    for i in range(exponent):
        value *= 10
    return value


cdef class Plan:
    """What the sessions of one transport share.

    timeouts: stage name (see _core.client.STAGES) -> seconds; "connect" too. delay_digits:
    delay_logging_resolution_limit. min_rate: 0, or smtp_min_data_rate where smtp_per_request_deadline is on.
    """

    def __init__(self, Settings settings, dict timeouts, log, Py_ssize_t line_limit=998, int delay_digits=2, int min_rate=0):
        self.settings, self.log, self.min_rate = settings, log, min_rate
        self.line_limit = 0 if line_limit <= 0 else max(line_limit, 16)
        self.delay_digits = delay_digits
        self.line = Buffer()
        self.connect_timeout = timeouts["connect"]
        for i, name in enumerate(STAGES):
            self.timeouts[i] = timeouts.get(name, 300)


cdef class Delivery:
    """One job: a message and those of its recipients that go to one nexthop.

    pending   indexes of the recipients that have no outcome yet
    results   [[index, status, dsn, text, ...] or index, ...] as messages.OUTCOME has them
    trouble   "" or [dsn, text]: the whole site failed
    final     there is no other server to try
    """

    def __init__(self, long long job, bytes queue_id, str nexthop, list indexes, long long active,
                 Envelope envelope, content):
        self.job, self.queue_id, self.nexthop, self.active = job, queue_id, nexthop, active
        self.envelope, self.content, self.arrival = envelope, content, envelope.arrival
        self.pending, self.results, self.trouble = indexes, [], ""
        self.handoff = wall_us()

    def settle(self, Plan plan, int index, str status, str dsn, str text, str relay="none", int uses=1, list more=None):
        """Log and note the outcome of recipient `index`; the caller takes it out of `pending`."""
        self.log(plan, index, self.how(plan, status, dsn, text, relay, uses))
        self.results.append([index, "deferred" if status == "SOFTBOUNCE" else status, dsn, text] + (more or []))

    cdef bytes how(self, Plan plan, str status, str dsn, str text, str relay, int uses):
        """The log line's part behind the recipient: the same for all recipients that had one answer."""
        cdef Buffer line = plan.line
        line.clear()
        put_str(line, ", relay=")
        put_str(line, relay)
        if uses > 1:
            put_str(line, ", conn_use=")
            line.append_number(uses)
        self.put_delays(line, plan.delay_digits)
        put_str(line, ", dsn=")
        put_str(line, dsn)
        put_str(line, ", status=")
        put_str(line, status)
        put_str(line, " (")
        put_str(line, text)
        put_str(line, ")")
        return line.data[:line.length]

    cdef int log(self, Plan plan, int index, bytes how) except -1:
        """The log line of one recipient."""
        cdef Buffer line = plan.line
        line.clear()
        self.put_who(line, <Recipient?> self.envelope.recipients[index])
        line.append(PyBytes_AS_STRING(how), PyBytes_GET_SIZE(how))
        if isinstance(plan.log, Lines):
            return (<Lines>plan.log).put(INFO, line.data, line.length)
        plan.log.info(decode(line.take()))
        return 0

    cdef int put_who(self, Buffer line, Recipient recipient) except -1:
        """Queue id, recipient, and what the recipient was."""
        cdef bytes address = recipient.address, original = recipient.original
        line.append(PyBytes_AS_STRING(self.queue_id), PyBytes_GET_SIZE(self.queue_id))
        put_str(line, ": to=<")
        put_quoted(line, address)
        if original and original != address:
            put_str(line, ">, orig_to=<")
            put_quoted(line, original)
        return put_str(line, ">")

    cdef int put_delays(self, Buffer line, int decimals) except -1:
        """delay=, and delays= of its four parts."""
        cdef long long now = wall_us()
        cdef long long connected = self.connected or self.handoff
        put_str(line, ", delay=")
        put_time(line, now - self.arrival, decimals)
        put_str(line, ", delays=")
        put_time(line, self.active - self.arrival, decimals)
        put_str(line, "/")
        put_time(line, self.handoff - self.active, decimals)
        put_str(line, "/")
        put_time(line, connected - self.handoff, decimals)
        put_str(line, "/")
        return put_time(line, now - connected, decimals)


cdef int put_time(Buffer line, long long microseconds, int decimals) except -1:
    cdef char[32] text
    return line.append(text, put_tv(microseconds, 2, decimals, text))


cdef int put_str(Buffer line, str text) except -1:
    """Append text as UTF-8, lone surrogates as the bytes they stand for."""
    cdef Py_ssize_t size
    cdef const char* data
    try:
        data = PyUnicode_AsUTF8AndSize(text, &size)
    except UnicodeEncodeError:
        escaped = text.encode("utf-8", "surrogateescape")
        return line.append(PyBytes_AS_STRING(escaped), PyBytes_GET_SIZE(escaped))
    return line.append(data, size)


cdef int put_quoted(Buffer line, bytes address) except -1:
    """Append an address in external form."""
    if not is_simple(address):
        address = quote(address)
    return line.append(PyBytes_AS_STRING(address), PyBytes_GET_SIZE(address))


cdef inline str decode(bytes text):
    return text.decode("utf-8", "backslashreplace")


cdef class Session(Stream):
    """A connection to `address`; carries one Delivery at a time, or is idle in the agent's pool."""

    def __init__(self, agent, Plan plan, address):
        self.agent, self.plan, self.address = agent, plan, address
        self.core = ClientCore(plan.settings)

    # -- what the agent calls ------------------------------------------------------------------

    def open(self, Engine engine, str source=""):
        """Start to connect. OSError, ValueError: it can't even be tried."""
        self.opened = wall_us()
        self.connect(engine, self.address.family, self.address.ip, self.address.port, source)
        self.set_deadline(self.plan.connect_timeout)

    def take(self, Delivery delivery):
        """Carry a message: at once if the session is ready, else as soon as it is."""
        self.delivery, self.site = delivery, delivery.site
        delivery.session = self
        self.idle = False
        if self.core.stage == S_IDLE:
            self.start()
            self.act()

    def rest(self, int seconds):
        """Wait in the pool for another message."""
        self.idle = True
        self.set_deadline(seconds)

    def leave(self):
        """Say QUIT and end the session."""
        self.idle = False
        if self.fd < 0:
            return
        if self.core.stage == S_IDLE and self.core.failure == NO_FAILURE:
            self.core.quit()
            self.act()
        else:
            self.close()

    def drop(self):
        """End the session without a word."""
        self.idle = False
        self.delivery = None
        self.abort()

    def before_dot(self):
        """Whether the server can't have taken the message yet."""
        return self.core.stage != S_DOT or self.wlen > self.wpos

    @property
    def is_open(self):
        """Whether the socket is open."""
        return self.fd >= 0

    # -- what the engine calls -----------------------------------------------------------------

    cdef int on_connect(self) except -1:
        self.connected = True
        return self.set_deadline(self.plan.timeouts[self.core.stage])

    cdef Py_ssize_t on_data(self, const char* p, Py_ssize_t n) except -1:
        cdef Py_ssize_t used = self.core.feed(p, n)
        if self.tap is not None:
            self.tap.heard(p[:used])
        self.act()
        return used

    cdef int on_eof(self) except -1:
        return self.lost("lost")

    cdef int on_error(self, int error) except -1:
        if self.connected:
            return self.lost("lost")
        return self.not_connected(error)

    cdef int on_timeout(self) except -1:
        if self.idle:
            self.agent.unpool(self)
            self.leave()
            return 0
        if self.dot_due:
            return self.send_dot()
        if self.connected:
            return self.lost("timeout")
        return self.not_connected(errno.ETIMEDOUT)

    cdef int on_drain(self) except -1:
        if self.core.stage == S_DOT:
            return 0 if self.dot_due else self.set_deadline(self.plan.timeouts[<int>S_DOT])
        if self.core.stage == S_CONTENT and self.delivery is not None and not self.dot_due:
            self.send_more()
            if self.dot_due:
                return 0
            if self.core.stage == S_DOT:
                self.set_deadline(self.plan.timeouts[<int>S_DOT])
                self.resume()
            else:
                self.content_deadline()
        return 0

    cdef int content_deadline(self) except -1:
        """The time for the next piece of content; with a deadline for each request, what the bytes sent so far have earned."""
        cdef int limit = self.plan.timeouts[<int>S_CONTENT]
        cdef double now
        if not self.plan.min_rate:
            return self.set_deadline(limit)
        now = wall_us() / 1e6
        self.content_until = min((self.content_until or now + limit) + <double>self.moved / self.plan.min_rate, now + limit)
        self.moved = 0
        return self.set_deadline(max(<int>(self.content_until - now), 1))

    cdef int not_connected(self, int error) except -1:
        """connect() failed."""
        cdef Delivery delivery = self.delivery
        self.delivery = None
        self.abort()
        self.agent.connect_failed(self, delivery, os.strerror(error))
        return 0

    cdef int abort(self) except -1:
        """Closes at once; the transcript is complete."""
        Stream.abort(self)
        if self.tap is not None:
            tap, self.tap = self.tap, None
            tap.ended()
        return 0

    cdef inline int where(self) noexcept:
        """The stage of the dialogue; content is being sent until its final dot has left."""
        return S_CONTENT if self.core.stage == S_DOT and self.wlen > self.wpos else self.core.stage

    cdef int lost(self, str how) except -1:
        """The connection is gone, or silent for too long."""
        cdef Delivery delivery = self.delivery
        cdef int stage = self.where()
        self.delivery = None
        self.idle = False
        self.abort()
        self.settle_known(delivery)
        self.agent.session_lost(self, delivery, how, STAGES[stage])
        return 0

    # -- the dialogue --------------------------------------------------------------------------

    cdef int act(self) except -1:
        """Do what the core's events ask for, then send what it has to say."""
        cdef int events
        while self.core.events and self.fd >= 0:
            events, self.core.events = self.core.events, 0
            if events & E_READY and self.delivery is not None:
                self.start()
            if events & E_CONTENT:
                self.send_content()
            if events & E_DONE:
                self.transaction_over()
            if events & E_FAILED:
                return self.session_failed()
            if events & E_CLOSE:
                if self.tap is not None:
                    self.tap.said(self.core.out.data[:self.core.out.length])
                self.send(self.core.out.data, self.core.out.length)
                self.core.out.length = 0
                return self.close()
        return self.transmit()

    cdef int transmit(self) except -1:
        """Send the core's output; the deadline is that of the stage."""
        if self.fd < 0 or self.closing:
            return 0
        if self.core.out.length:
            if self.tap is not None:
                self.tap.said(self.core.out.data[:self.core.out.length])
            self.send(self.core.out.data, self.core.out.length)
            self.core.out.length = 0
        if self.idle or self.dot_due or self.plan.min_rate and (self.core.reply_lines or self.core.line.length):
            return 0        # (amid a reply whose request has a deadline as a whole)
        return self.set_deadline(self.plan.timeouts[self.where()])

    cdef int start(self) except -1:
        """Begin the transaction for the delivery in hand, if this server can take it."""
        cdef Delivery delivery = self.delivery
        cdef Request request
        if self.uses == 0:
            delivery.connected = wall_us()
        self.started = True
        request = self.agent.request(self, delivery)
        if request is None:
            self.delivery = None
            return self.release()
        self.in_transaction = True
        return self.core.begin_request(request)

    cdef int session_failed(self) except -1:
        """The core gave up on the server."""
        cdef Delivery delivery = self.delivery
        self.delivery = None
        self.idle = False
        self.settle_known(delivery)
        self.agent.session_failed(self, delivery)
        return self.close()

    cdef int transaction_over(self) except -1:
        """Every recipient has its answer."""
        cdef Delivery delivery = self.delivery
        self.delivery = None
        self.uses += 1
        self.settle_known(delivery)
        self.release()
        self.agent.attempt_over(delivery)
        return 0

    cdef bytes settle_sent(self, Delivery delivery, int index, tuple answer, bytes how):
        """A recipient whose mail was taken. `how`: the log line's end if it was made for that answer already; it is returned."""
        cdef Recipient recipient = delivery.envelope.recipients[index]
        if recipient.notify & NOTIFY_SUCCESS or delivery.envelope.flags & TRACED:
            self.agent.recipient_sent(self, delivery, index, answer)
            return how
        if how is None:
            how = delivery.how(self.plan, "sent", answer[1], answer[2], self.address.relay, self.uses)
        delivery.log(self.plan, index, how)
        delivery.results.append(index)
        return how

    cdef int settle_known(self, Delivery delivery) except -1:
        """Settle the recipients that have their answer; `pending` keeps the others."""
        cdef ClientCore core = self.core
        cdef list pending = None if delivery is None else delivery.pending
        cdef list kept = []
        cdef tuple answer = None
        cdef bytes how = None
        cdef int i, last = -1
        if not self.in_transaction or delivery is None:
            return 0
        self.in_transaction = False
        for i in range(core.recipient_count):
            if core.results[i].state == R_SENT:
                if core.results[i].reply != last:
                    last = core.results[i].reply
                    answer, how = core.answer(last), None
                how = self.settle_sent(delivery, pending[i], answer, how)
            elif core.results[i].state != R_FAILED or self.agent.recipient_failed(self, delivery, pending[i], i):
                kept.append(pending[i])
        delivery.pending = kept
        return 0

    cdef int release(self) except -1:
        """After a message: into the pool, or QUIT."""
        if self.core.failure == NO_FAILURE and not self.core.no_reuse and self.agent.keep(self):
            return 0
        if self.core.failure == NO_FAILURE and self.core.stage == S_IDLE:
            self.core.quit()
        return 0

    # -- content -------------------------------------------------------------------------------

    cdef int send_content(self) except -1:
        """The answer to DATA was 354: send the content, all of it if it is in memory."""
        self.line.column, self.line.limit, self.line.cr, self.line.folded = 0, self.plan.line_limit, False, False
        content = self.agent.content(self, self.delivery)
        if content.data is not None:
            self.send_encoded(content.data)
            return self.finish_content()
        self.pieces = content.pieces()
        self.content_until, self.moved = 0, 0
        self.pause()
        return self.send_more()

    cdef int send_more(self) except -1:
        """The next piece of content that is not in memory; a damaged one ends the session before any final dot."""
        while self.wlen == self.wpos:
            try:
                piece = next(self.pieces, None)
            except (QueueError, OSError) as error:
                return self.content_lost(str(error))
            if piece is None:
                return self.finish_content()
            self.moved += len(piece)
            self.send_encoded(piece)
        return 0

    cdef int content_lost(self, str why) except -1:
        """The stored content can't be read."""
        cdef Delivery delivery = self.delivery
        self.delivery = None
        self.in_transaction = False
        self.abort()
        self.agent.content_lost(self, delivery, why)
        return 0

    cdef int send_encoded(self, const unsigned char[::1] data) except -1:
        """Send a piece as it is up to the first byte to edit, and the rest through the encoder."""
        cdef Py_ssize_t size = data.shape[0], clean
        cdef const char* start
        cdef char* encoded
        if size == 0:
            return 0
        start = <const char*>&data[0]
        clean = clean_prefix(&self.line, start, size)
        if clean:
            self.send(start, clean)
        if clean == size:
            return 0
        encoded = <char*>malloc(2 * (size - clean) + 16)
        if encoded == NULL:
            raise MemoryError()
        try:
            self.send(encoded, encode_into(&self.line, start + clean, size - clean, encoded))
        finally:
            free(encoded)
        return 0

    cdef int finish_content(self) except -1:
        """The content is sent; its final dot follows, at once or in a packet of its own after a while."""
        if self.line.folded:
            self.agent.folded(self.delivery)
        self.pieces = None
        if not self.dot_delay:
            return self.send_dot()
        self.dot_due = True
        return self.set_deadline(self.dot_delay)

    cdef int send_dot(self) except -1:
        """The final dot."""
        cdef char[16] end
        self.send(end, finish_into(&self.line, end))
        self.core.stage = S_DOT
        if self.dot_due:
            self.dot_due = False
            self.set_deadline(self.plan.timeouts[<int>S_DOT])
            self.resume()
        return 0
