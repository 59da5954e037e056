"""A session under more rules than the plain one: deadlines for whole requests, XCLIENT, XFORWARD (smtpd(8), postconf(5)).

smtpd_upstream_proxy_protocol: see pyfix.smtpd.proxied. smtpd_command_filter, smtpd_reject_footer: see pyfix.smtpd.tap. smtpd_client_port_logging: a client that no other session has.

smtpd_authorized_verp_clients: XVERP.

The law: what only some configurations ask for lives here, and costs the plain Session nothing; the
Server makes one of these where Settings.careful says so.

smtpd_per_request_deadline: smtpd_timeout is the time for a whole command line, however it
drips. While content comes, N bytes give back N / smtpd_min_data_rate seconds, never more than
smtpd_timeout in all. Our own time (policy, commit, error sleep) does not count.
"""

from libc.stdint cimport int64_t, uint64_t

from pyfix._core.command cimport VERB_EHLO, VERB_HELO, VERB_RSET
from pyfix._core.chars cimport escaped
from pyfix._core.server cimport EV_MORE, EV_XCLIENT, EV_XFORWARD, IN_COMMAND, IN_DATA, IN_LONG_LINE
from pyfix._core.tapped cimport TappedCore
from pyfix.cleanup.origin cimport Origin
from pyfix.net.sockaddr cimport read_host
from pyfix.smtpd.session cimport Session

from pyfix.ipc.eager import run
from pyfix.resolve.verp import ATTRIBUTE
from pyfix.smtpd import proxied, wording, xclient
from pyfix.smtpd.names import Peer
from pyfix.smtpd.attributes import BadAttribute
from pyfix.smtpd.tap import Tap
from pyfix.smtpd.xforward import Forwarded

cdef enum:
    VERP = 512                   # model.VERP
cdef bytes NOT_ALLOWED = b"5.7.0 Error: insufficient authorization"


cdef class CarefulSession(Session):
    """As Session. `server.settings` says which of the rules are on."""

    cdef bint by_request         # smtpd_per_request_deadline
    cdef int64_t rate            # smtpd_min_data_rate
    cdef object forwarded        # Forwarded, while a transaction has it
    cdef uint64_t resets         # how many commands had ended a transaction when it was said
    cdef bytes login             # XCLIENT LOGIN
    cdef bint awaits_proxy       # smtpd_upstream_proxy_protocol: its header is still to come
    cdef bytes premature         # what came with it before the greeting
    cdef TappedCore tapped       # the core, where commands or replies may be changed; else None
    cdef object destination      # (address, port) by XCLIENT, None: the socket's

    def __init__(self, server):
        Session.__init__(self, server)
        if self.settings.taps.wanted:
            self.tapped = TappedCore(self.settings.limits)
            self.tapped.tap = Tap(self.settings.taps, self)
            self.core = self.tapped
        self.by_request, self.rate = self.settings.request_deadline, self.settings.min_data_rate
        self.login = b""

    # -- who it is

    def begin(self):
        """Connected: a proxy speaks first, where there is one."""
        if not self.settings.proxied:
            Session.begin(self)
            return
        self.address = read_host(&self.peer, &self.port) or b"127.0.0.1"
        self.server.sessions.add(self)
        self.counted = self.awaits_proxy = True
        self.set_deadline(self.settings.proxy_timeout)

    cdef Py_ssize_t on_data(self, const char* p, Py_ssize_t n) except -1:
        if not self.awaits_proxy:
            return Session.on_data(self, p, n)
        try:
            ends = proxied.parse(p[:min(n, proxied.LONGEST)], self.settings.has_protocol)
        except proxied.BadHeader as error:
            self.no_proxy(b"%b: %b" % (error.args[0].encode(), escaped(p[:min(n, 200)])))
            return n
        if ends is None:
            return 0
        self.awaits_proxy = False
        self.premature = p[ends.used:min(n, ends.used + 100)] if self.settings.forbids_early else None
        if ends.client:
            self.address, self.port = ends.client, ends.port
            self.destination = ends.server, b"%d" % ends.server_port
        self.set_deadline(self.settings.timeout)
        self.look_up()
        return ends.used

    def welcome(self, refusal):
        """Nobody may speak behind the proxy before the greeting."""
        if self.premature and not self.core.closing and self.fd >= 0:
            self.server.info(wording.note("pipelining", b"CONNECT " + escaped(self.premature), self))
            self.core.hang_up(b"554 5.5.0 Error: SMTP protocol synchronization")
        self.premature = None
        Session.welcome(self, refusal)

    cdef int on_timeout(self) except -1:
        if not self.awaits_proxy:
            return Session.on_timeout(self)
        return self.no_proxy(b"timeout error")

    cdef int no_proxy(self, bytes why) except -1:
        """The proxy did not say who the client is."""
        self.awaits_proxy = False
        self.server.warning(b"haproxy read: " + why)
        self.client = self.settings.clients.get(Peer(), self.address, self.server.clock())
        self.server.info(b"connect from " + self.client.log_name)
        self.greeted = True
        self.core.hang_up(b"421 4.3.0 %b Server local error" % self.settings.hostname)
        self.drive(NULL, 0)
        return 0

    cdef int enter(self) except -1:
        if self.settings.port_logging:
            self.client = self.settings.clients.make(self.client.peer, self.address, self.port)
        self.allow()
        return Session.enter(self)

    cdef int allow(self) except -1:
        """What comes with the client: XVERP, debug_peer_list."""
        self.core.verp_allowed = self.settings.verp_allowed if self.client.may_verp else None
        if self.tapped is not None:
            self.tapped.tap.watched = self.client.watched
        return 0

    # -- what passes

    cdef int put_out(self) except -1:
        if self.tapped is not None:
            self.tapped.settle_replies()
        Session.put_out(self)
        if self.tapped is not None and self.core.out.length == 0:
            self.tapped.shown = 0
        return 0

    def refuse(self, int event, bytes line):
        """The tap is told that this is no error of the client's speech."""
        if self.tapped is not None:
            self.tapped.settle_replies()
            self.tapped.tap.refused()
        Session.refuse(self, event, line)

    cdef int finish(self, str reason) except -1:
        if self.tapped is not None and not self.over and self.client is not None:
            self.tapped.settle_replies()
            self.tapped.tap.ended(reason or "")
        return Session.finish(self, reason)

    # -- deadlines

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

    # -- XVERP (VERP_README)

    cdef int on_mail(self) except -1:
        if self.core.verp is not None and not self.core.address:
            self.core.answer(503, b"5.5.4 Error: XVERP requires non-null sender")
            return 0
        Session.on_mail(self)
        return self.open_early()

    def decided(self, refusal):
        """With smtpd_delay_open_until_valid_rcpt=no a sender that policy let in has a queue ID."""
        Session.decided(self, refusal)
        self.open_early()

    cdef int open_early(self) except -1:
        """smtpd_delay_open_until_valid_rcpt=no: what is refused from here on has a queue ID in the log. If the queue is in
        trouble, the first recipient hears of it."""
        if self.settings.opens_early and self.core.in_mail and self.intake is None and not self.over:
            self.open_intake()
        return 0

    cdef object open_intake(self):
        """A message with VERP has the delimiters in its envelope, and an origin that no other message has."""
        if self.core.verp is None:
            return Session.open_intake(self)
        self.origin = None
        trouble = Session.open_intake(self)
        if trouble is None:
            self.intake.origin.change({ATTRIBUTE: (self.core.verp or self.settings.verp_default).decode("ascii", "replace")})
            self.intake.flags |= VERP
        self.origin = None
        return trouble

    # -- XCLIENT and XFORWARD

    def on_rare(self, int event):
        """The commands of authorised clients."""
        if event == EV_XCLIENT and self.client.may_xclient:
            self.on_xclient()
        elif event == EV_XFORWARD and self.client.may_xforward:
            self.on_xforward()
        elif event == EV_XCLIENT or event == EV_XFORWARD:
            self.core.answer(550, NOT_ALLOWED)
        else:
            Session.on_rare(self, event)

    def on_xclient(self):
        """Another client from here on; the greeting, or what its client list says, is the reply."""
        identity, error = xclient.identity(self)
        if error:
            self.core.answer(501, error)
            return
        self.server.release(self)
        self.address, self.port, self.helo = identity.address, identity.port, identity.helo
        self.login, self.destination = identity.login, identity.server
        self.client = self.settings.clients.make(identity.peer, identity.address, self.port) if self.settings.port_logging \
            else self.settings.clients.get(identity.peer, identity.address, self.server.clock())
        self.core.greeted, self.core.esmtp = self.helo is not None, identity.esmtp
        self.core.newlines, self.trusted = self.client.newlines, self.client.trusted
        self.allow()
        self.subject = self.origin = self.forwarded = None
        refusal = self.server.enter(self, self.address, self.client)
        if refusal is not None or not self.settings.checks_at_connect:
            self.welcome_again(refusal)
        else:
            subject = self.look(EV_MORE)
            subject.where = b"XCLIENT"
            run(self.settings.policy.client(subject), self.welcome_again)

    def welcome_again(self, refusal):
        """The reply to XCLIENT, which counts as no command of either client."""
        if self.over:
            return
        self.core.waiting = EV_MORE
        if refusal is not None:
            self.core.denied = self.client.log_name
        self.core.say(self.settings.greeting if refusal is None else refusal)
        self.go_on()

    def on_xforward(self):
        """What to log of the client of an earlier hop."""
        forwarded = self.still_forwarded() or Forwarded()
        try:
            forwarded.take(self.core.text, self.settings.has_protocol)
        except BadAttribute as error:
            self.core.answer(501, error.args[0])
            return
        self.forwarded, self.origin, self.resets = forwarded, None, self.ended()
        self.core.answer(250, b"2.0.0 Ok")

    cdef uint64_t ended(self):
        """How many commands that end a transaction there were: without one they are no event."""
        cdef uint64_t* total = self.core.total
        return total[<int> VERB_RSET] + total[<int> VERB_HELO] + total[<int> VERB_EHLO]

    cdef object still_forwarded(self):
        """What XFORWARD said, if no RSET or EHLO came since."""
        return self.forwarded if self.forwarded is not None and self.resets == self.ended() else None

    @property
    def at(self):
        """(address, port) that the client is connected to, as it says or as it is."""
        if self.destination is not None:
            return self.destination
        host, port = self.local_address()
        return host.encode(), b"%d" % port

    cdef Origin make_origin(self):
        """With what XCLIENT and XFORWARD said."""
        cdef Origin origin = Session.make_origin(self)
        if self.login:
            origin.logged += b", sasl_method=XCLIENT, sasl_username=" + self.login
            origin.change({"sasl_method": "XCLIENT", "sasl_username": self.login.decode("utf-8", "replace")})
            origin.received = origin.received.replace(b" with ESMTP id ", b" with ESMTPA id ")
        forwarded = self.still_forwarded()
        return origin if forwarded is None else forwarded.dress(origin, self.settings.port_logging)

    def look(self, int event):
        """With what XCLIENT said."""
        subject = Session.look(self, event)
        if self.destination is not None:
            subject.server = self.destination
        return subject

    cdef int end_of_transaction(self) except -1:
        """XFORWARD ends with it."""
        Session.end_of_transaction(self)
        if self.forwarded is not None:
            self.forwarded = self.origin = None
        return 0
