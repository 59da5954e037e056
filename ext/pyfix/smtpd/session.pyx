"""One SMTP session: where stream, protocol and policy meet (smtpd(8)).

The law: the core says what happened, policy says what to answer, the stream carries it; nothing else is
here. What can be decided at once is decided without a task; while a decision or a commit is awaited
nothing is read. All replies of one turn leave in one write. A session ends in exactly one
"disconnect from" line, however it ends.
"""

from pyfix._core.chars cimport printable
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from pyfix._core.command cimport tally
from pyfix._core.server cimport *
from pyfix.message cimport make_recipient
from pyfix.net.engine cimport Engine
from pyfix.net.sockaddr cimport read_host, sockaddr_storage

from pyfix.errors import QueueError
from pyfix.ipc.eager import run
from pyfix.smtpd import wording

cdef extern from "<sys/socket.h>" nogil:
    ssize_t c_recv "recv"(int fd, void* buffer, size_t n, int flags)
    enum:
        MSG_PEEK
        MSG_DONTWAIT

cdef object NEUTERED = bytes.maketrans(b' <>()\\";@', b"?" * 9)
cdef enum:
    INFO = 6                    # syslog severity
    DOT_LINE = 1                # of pyfix.model, as the next two
    EIGHT_BIT = 2
    LONG_LINE = 4
cdef int SMTPUTF8 = wording.SMTPUTF8
cdef tuple STAGES = ("more", "helo", "mail", "rcpt", "data", "end_of_data", "rcpt", "etrn")
cdef tuple WHERE = (b"CONNECT", b"HELO", b"MAIL", b"RCPT", b"DATA", b"END-OF-MESSAGE", b"VRFY", b"ETRN")


cdef class Doorman(Listener):
    """Takes connections for one listening socket."""

    def __init__(self, server, Engine engine, int fd):
        self.server = server
        Listener.__init__(self, engine, fd)

    cdef int accepted(self, int fd, const sockaddr_storage* peer) except -1:
        cdef Session session = (self.server.session_class or Session)(self.server)
        session.adopt(self.engine, fd, peer)
        session.begin()
        return 0


cdef class Session(Stream):
    """A client's session. `server` gives settings, names, limits and the log; see pyfix.smtpd.server."""

    def __init__(self, ServerHot server not None):
        self.server, self.settings = server, server.settings
        self.core = ServerCore(self.settings.limits)

    # -- the beginning

    def begin(self):
        """Connected: who is it?"""
        cdef ClientHot client
        self.address = read_host(&self.peer, &self.port) or b"127.0.0.1"
        self.server.sessions.add(self)
        self.counted = True
        self.set_deadline(self.settings.timeout)
        client = self.server.known(self.address, self.engine.now)
        if client is not None:
            self.client = client
            self.enter()
        else:
            self.look_up()

    cdef int look_up(self) except -1:
        """What is the client's name?"""
        peer = self.server.names.cached(self.address)
        if peer is None:
            self.pause()
            run(self.server.names.find(self.address), self.known)
        else:
            self.known(peer)
        return 0

    def known(self, peer):
        """The client's name is known."""
        if self.fd < 0:
            self.uncount()
            return
        self.client = self.settings.clients.get(peer, self.address, self.server.clock())
        self.server.remember(self.client, self.engine.now)
        self.enter()

    cdef int enter(self) except -1:
        """The client is known: log, limits, greeting."""
        self.core.newlines = self.client.newlines
        self.say(b"connect from ", b"", 0, self.client.log_name)
        refusal = self.server.enter(self, self.address, self.client)
        if refusal is not None:
            self.core.hang_up(refusal)
            self.welcome(None)
            return 0
        self.trusted = self.client.trusted
        if self.settings.checks_at_connect:
            self.pause()
            run(self.settings.policy.client(self.look(0)), self.welcome)
        else:
            self.welcome(None)
        return 0

    cdef int say(self, bytes left, const char* middle, size_t n, bytes right) except -1:
        """An ordinary log line of three pieces."""
        return self.server.log.put_parts(INFO, left, middle, n, PyBytes_AS_STRING(right), PyBytes_GET_SIZE(right))

    def welcome(self, refusal):
        """The greeting; `refusal` is what the client list says."""
        cdef char byte
        if self.fd < 0:
            self.uncount()
            return
        self.greeted = True
        if not self.core.closing:
            if refusal is not None:
                self.core.denied = self.client.log_name
                self.core.say(refusal)
            elif self.settings.forbids_early and c_recv(self.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0:
                self.early()
            else:
                self.core.say(self.settings.greeting)
        self.drive(NULL, 0)
        self.resume()

    def early(self):
        """The client did not wait for the greeting."""
        cdef char[100] data
        cdef ssize_t n = c_recv(self.fd, data, 100, MSG_PEEK | MSG_DONTWAIT)
        self.server.info(wording.note("pipelining", b"CONNECT " + wording.escaped(data[:n] if n > 0 else b""), self))
        self.core.hang_up(b"554 5.5.0 Error: SMTP protocol synchronization")

    # -- the stream's handlers

    cdef Py_ssize_t on_data(self, const char* p, Py_ssize_t n) except -1:
        if not self.greeted or self.held:
            return 0
        return self.drive(p, n)

    cdef int on_eof(self) except -1:
        return self.finish("lost connection")

    cdef int on_error(self, int error) except -1:
        return self.finish("lost connection")

    cdef int on_timeout(self) except -1:
        if self.greeted and self.core.waiting == EV_MORE:
            self.core.hang_up(b"421 4.4.2 %b Error: timeout exceeded" % self.settings.hostname)
            self.held = False
            self.put_out()
            return self.finish("timeout")
        # our own decision is late: the client can't be blamed
        return self.set_deadline(self.settings.timeout)

    cdef int on_crash(self, object error) except -1:
        self.finish("internal error")
        return Stream.on_crash(self, error)

    # -- the loop

    cdef Py_ssize_t drive(self, const char* p, Py_ssize_t n) except -1:
        """Feeds the core and acts on what it says: how much of [p, p+n) was used."""
        cdef size_t used = 0
        cdef Py_ssize_t total = 0
        cdef int event
        if self.driving or self.over:
            return 0
        self.driving = True
        try:
            while not self.over:
                event = self.core.step(p + total, n - total, &used)
                total += used
                self.ahead = total < n
                if self.core.notes:
                    self.tell_notes()
                if event == EV_MORE or not self.act(event):
                    break
        finally:
            self.driving = False
        if self.over:
            return n
        self.put_out()
        if self.core.waiting == EV_MORE and not self.held:
            self.set_deadline(self.settings.timeout)
        return total

    cdef int put_out(self) except -1:
        """Gives the stream the replies that have gathered, unless they are held back."""
        if self.core.out.length and not self.held:
            self.send(self.core.out.data, self.core.out.length)
            self.core.out.clear()
        return 0

    cdef int act(self, int event) except -1:
        """One event: 1 to go on, 0 to wait."""
        if event == EV_RCPT:
            self.on_rcpt()
        elif event == EV_MAIL:
            self.on_mail()
        elif event == EV_DATA:
            self.on_content()
        elif event == EV_END:
            self.on_end()
        elif event == EV_HELO:
            self.on_helo()
        elif event == EV_RESET:
            self.forget()
        elif event == EV_CLOSE:
            self.put_out()
            self.finish(self.core.reason)
            return 0
        elif event == EV_SLOW:
            return self.slow_down()
        else:
            self.on_rare(event)
        if self.core.waiting != EV_MORE:
            self.pause()
            return 0
        return 1

    def slow_down(self):
        """smtpd_error_sleep_time: replies wait, and so does the client."""
        if self.settings.error_sleep <= 0:
            return 1
        self.held = True
        self.pause()
        self.engine.loop.call_later(self.settings.error_sleep, self.slept)
        return 0

    def slept(self):
        """Goes on after an error's sleep."""
        if self.over or not self.held:
            return
        self.held = False
        self.go_on()

    cdef int go_on(self) except -1:
        """After an answer that had to be waited for."""
        if self.over or self.driving:
            return 0
        self.drive(NULL, 0)
        if not self.over and not self.held and self.core.waiting == EV_MORE:
            self.resume()
        return 0

    # -- events

    cdef int on_helo(self) except -1:
        self.helo = printable(self.core.text).translate(NEUTERED)
        self.origin = None
        if self.settings.asks_helo:
            return self.ask(EV_HELO, self.settings.policy.helo)
        return self.greet()

    cdef int greet(self) except -1:
        """The reply to HELO or EHLO."""
        if self.core.verb == 0:
            self.core.answer_lines(250, self.settings.helo_reply)
        else:
            self.core.masked, lines, hidden = self.client.ehlo
            if hidden:
                self.server.info(hidden)
            self.core.answer_lines(250, lines)
        return 0

    cdef int on_mail(self) except -1:
        cdef ServerCore core = self.core
        refusal = None if self.may_send() else self.server.may_send(self, core.size)
        if refusal is not None:
            self.sender = core.address
            wording.log_refusal(self, refusal)
            self.sender = None
            core.answer(int(refusal[:3]), refusal[4:])
            return 0
        self.sender = core.address
        if self.settings.asks_mail:
            return self.ask(EV_MAIL, self.settings.policy.mail)
        core.answer(250, b"2.1.0 Ok")
        return 0

    cdef bint may_send(self) noexcept:
        """Nothing stands against a message from this client, as far as that is plain."""
        cdef SettingsHot settings = self.settings
        return (self.engine.now <= self.server.room_until * 1000 and not settings.message_rate
                and (not settings.message_size or self.core.size <= settings.message_size) and not settings.strict_utf8)

    cdef int on_rcpt(self) except -1:
        cdef ServerCore core = self.core
        self.recipient = core.address
        if self.trusted and not self.settings.counts_rates and self.settings.quick(core.address, self.sender):
            return self.welcome_recipient()
        refusal = self.server.too_many_recipients(self)
        if refusal is not None:
            core.answer(int(refusal[:3]), refusal[4:])
            return 0
        return self.ask(EV_RCPT, self.settings.policy.rcpt)

    cdef int welcome_recipient(self) except -1:
        """The recipient is accepted; with the first the message gets its queue id."""
        cdef ServerCore core = self.core
        cdef bytes address, original
        if self.intake is None:
            trouble = self.open_intake()
            if trouble is not None:
                core.answer(int(trouble[:3]), trouble[4:])
                return 0
        address = self.settings.canonical_form(core.address)
        original = b"" if address is core.address or address == core.address else core.address
        self.intake.recipients.append(make_recipient(address, original, core.orcpt or b"", core.notify))
        core.answer(250, b"2.1.5 Ok")
        return 0

    cdef object open_intake(self):
        """Begins a message: None, or the reply that says why not."""
        cdef ServerCore core = self.core
        cdef Intake intake
        if self.origin is None or core.utf8 or self.origin.utf8:
            self.origin = self.make_origin()
        try:
            intake = self.server.make_intake(self.origin)
        except QueueError as error:
            self.server.warning(f"queue: {error}".encode())
            return b"451 4.3.0 Error: queue file write error"
        self.intake = intake
        intake.sender, intake.ret, intake.envid = self.sender, core.ret, core.envid or b""
        if core.utf8:
            intake.flags |= SMTPUTF8
        if core.eight_bit_mime:
            intake.encoding = "8bit"
        elif core.seven_bit:
            intake.encoding = "7bit"
        self.say(intake.queue_id, b": client=", 9, self.origin.logged)
        return None

    cdef Origin make_origin(self):
        """The Origin of messages of this session."""
        return self.client.origin(self.helo, self.port, self.core.esmtp, self.core.utf8)

    cdef int on_content(self) except -1:
        if self.settings.asks_data:
            return self.ask(EV_DATA, self.settings.policy.data)
        return self.let_in()

    cdef int let_in(self) except -1:
        """354, or the chunk at once."""
        if self.subject is not None and self.subject.actions:
            self.intake.actions = self.subject.actions
        self.intake.start()
        self.core.accept_content(self.intake)
        return 0

    cdef int on_end(self) except -1:
        if self.settings.asks_end:
            return self.ask(EV_END, self.settings.policy.end_of_data)
        return self.commit()

    cdef int commit(self) except -1:
        """All content is here and wanted: the reply comes when it is safe."""
        cdef ServerCore core = self.core
        cdef int flags = DOT_LINE * core.scanner.dot_line | EIGHT_BIT * core.scanner.eight_bit \
            | LONG_LINE * core.scanner.long_line
        cdef Intake intake = self.intake
        if self.subject is not None and self.subject.actions:
            intake.actions = self.subject.actions
        self.intake = None
        core.scanner.forget()
        return intake.finish_for(flags, self, message_queued)

    def __call__(self, reply):
        """The queue's answer where it is not plain success (Intake calls who waits for it)."""
        self.committed(reply)

    cdef int queued(self, Intake intake) except -1:
        """The message is on disk: only now is the client told."""
        cdef ServerCore core = self.core
        if self.over or core.waiting != EV_END:
            return 0
        if core.bdat:
            core.answer(250, b"2.0.0 Ok: %d bytes queued as %b" % (core.scanner.size, intake.queue_id))
        else:
            core.answer(250, b"2.0.0 Ok: queued as " + intake.queue_id)
        self.sender = None
        self.end_of_transaction()
        return self.go_on()

    def committed(self, reply):
        """The queue's answer."""
        cdef ServerCore core = self.core
        if self.over or core.waiting != EV_END:
            return
        text = reply.text.encode("utf-8", "replace")
        if core.bdat and reply.code < 300:
            text = text.replace(b"Ok: queued", b"Ok: %d bytes queued" % core.scanner.size, 1)
        core.answer(reply.code, b"%b %b" % (reply.dsn.encode(), text) if reply.dsn else text)
        self.sender = None
        self.end_of_transaction()
        self.go_on()

    def on_rare(self, int event):
        """VRFY, ETRN and what only some configurations have."""
        if event == EV_VRFY:
            self.recipient = self.core.address
            self.ask(event, self.settings.policy.rcpt)
        elif event == EV_ETRN:
            run(self.server.etrn(self), self.answer_etrn)
        else:
            self.core.answer(502, b"5.5.1 Error: command not implemented")

    def answer_etrn(self, line):
        """The reply line to ETRN."""
        if not self.over and self.core.waiting == EV_ETRN:
            self.core.answer(int(line[:3]), line[4:])
            self.go_on()

    # -- policy

    def look(self, int event):
        """The Subject that policy looks at, with what is known by now."""
        if self.subject is None:
            self.subject = self.server.new_subject(self)
        subject = self.subject
        subject.where = WHERE[event] if event != EV_HELO or self.core.verb == 0 else b"EHLO"
        subject.helo, subject.sender = self.helo, self.sender
        subject.protocol = b"ESMTP" if self.core.esmtp else b"SMTP"
        subject.queue_id = self.intake.queue_id if self.intake is not None else b""
        subject.pending = self.ahead
        subject.recipients, subject.size = self.core.rcpt_count, self.core.size
        subject.recipient = self.recipient if event == EV_RCPT or event == EV_VRFY else self.only_recipient(event)
        return subject

    def only_recipient(self, int event):
        """DATA and the end of data name the recipient when there is just one."""
        if event < EV_DATA or self.intake is None or len(self.intake.recipients) != 1:
            return None
        return self.intake.recipients[0].address

    cdef int ask(self, int event, object stage) except -1:
        """Asks policy; the answer may come at once."""
        self.step_event = event
        run(stage(self.look(event)), self.decided)
        return 0

    def decided(self, refusal):
        """Policy's answer: None, or the reply line that refuses."""
        cdef ServerCore core = self.core
        cdef int event = self.step_event
        if self.over or core.waiting != event:
            return
        if refusal is not None:
            self.refuse(event, refusal)
        elif event == EV_RCPT:
            self.welcome_recipient()
        elif event == EV_DATA:
            self.let_in()
        elif event == EV_END:
            self.commit()
        elif event == EV_MAIL:
            core.answer(250, b"2.1.0 Ok")
        elif event == EV_HELO:
            self.greet()
        else:
            core.answer(252, b"2.0.0 " + printable(core.text))
        self.go_on()

    def refuse(self, int event, bytes line):
        """A refusal, as policy worded it."""
        if event == EV_HELO:
            self.helo = None
        elif event == EV_MAIL:
            self.sender = None
        elif event == EV_DATA or event == EV_END:
            self.forget()
        self.server.trouble(self, line)
        self.core.answer(int(line[:3]), line[4:])

    # -- ends

    cdef int forget(self) except -1:
        """Lets go of a message that will not be."""
        if self.intake is not None:
            self.intake.abort()
            self.intake = None
        self.sender = None
        self.end_of_transaction()
        return 0

    cdef int end_of_transaction(self) except -1:
        """What policy remembered of the transaction is over with it."""
        if self.subject is not None:
            self.subject.actions = {}
            self.subject.discard = False
            self.server.next_instance(self.subject)
        self.recipient = None
        return 0

    def tell_notes(self):
        """Logs what the core noted."""
        for kind, data in self.core.notes:
            wording.tell(self, kind, data)
        self.core.notes.clear()

    cdef int finish(self, str reason) except -1:
        """The end, once: why, and the count of commands."""
        if self.over:
            return 0
        self.over = True
        if self.client is not None:
            where = self.core.where() if reason is not None else ""
            if reason is not None and not (reason == "lost connection" and where == "END-OF-MESSAGE"):
                self.server.info(b"%b after %b from %b" % (reason.encode(), where.encode(), self.client.log_name))
            counts = tally(self.core.good, self.core.total)
            if self.core.bare_lf and self.core.newlines == 2:
                counts += b" notes=bare_lf"
            self.server.info(b"disconnect from " + self.client.log_name + counts)
        if self.intake is not None:
            self.intake.abort()
            self.intake = None
        self.uncount()
        self.subject = None
        return self.close()

    cdef int uncount(self) except -1:
        """One session less."""
        if self.counted:
            self.counted = False
            self.server.leave(self, self.address)
        return 0

    def dismiss(self, bytes line):
        """Ends an idle session from outside, with a last reply."""
        if not self.over and self.greeted:
            self.core.hang_up(line)
            self.held = False
            self.drive(NULL, 0)


cdef int message_queued(object session, Intake intake) except -1:
    """What Intake calls for a Session."""
    return (<Session> session).queued(intake)
