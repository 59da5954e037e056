"""The way of an ordinary delivery through an agent: a job in, a known nexthop, a server that says 250, an outcome out.

Law: smtp(8). What is decided here is what every delivery needs; refusals, lookups, odd servers and odd
envelopes are the Agent's, in Python: pyfix/deliver/agent.py, which builds on `Way`.
"""

from pyfix._core.client cimport ClientCore
from pyfix._core.request cimport Request, external, printable_address
from pyfix.clock cimport monotonic_us, wall_us
from pyfix.deliver.session cimport Delivery, Session
from pyfix.message cimport Envelope, Recipient
from pyfix.telemetry.lines cimport Lines

from pyfix._core.client import DSN as DSN_FEATURE
from pyfix._core.client import EIGHTBITMIME as EIGHT_FEATURE
from pyfix._core.client import PIX as PIX_FEATURE
from pyfix.errors import ConfigError, Corrupt, QueueError
from pyfix.model import Place

cdef int DSN = DSN_FEATURE
cdef int EIGHTBITMIME = EIGHT_FEATURE
cdef int PIX = PIX_FEATURE

cdef enum:
    NOTIFY_SUCCESS = 2      # model.NOTIFY_SUCCESS
    TRACE = 0x8000          # model.TRACE
    SMTPUTF8 = 8            # model.SMTPUTF8
    VERP = 512              # model.VERP
    BACK_TO_BACK = 1        # seconds between deliveries that make a connection worth keeping

cdef dict ENCODINGS = {"8bit": b"8BITMIME", "7bit": b"7BIT"}


cdef double monotonic() noexcept nogil:
    """Seconds, as the event loop's time()."""
    return monotonic_us() * 1e-6


cpdef bytes orcpt_of(Recipient recipient):
    """The ORCPT a recipient goes on with, b"" where that is just its address: what the sender said, or the name it first had."""
    cdef bytes original = recipient.original
    if recipient.orcpt or not original:
        return recipient.orcpt
    return b"rfc822;" + (external(original) if printable_address(original) else original)


cdef class Site:
    """A nexthop: its destinations, the addresses last found for each, and how busy it is."""

    cdef public str nexthop
    cdef public list destinations
    cdef public dict found              # destination -> (until when, in seconds of the monotonic clock; addresses)
    cdef public long busy
    cdef public double last_done
    cdef public bint store

    def __init__(self, str nexthop, list destinations):
        self.nexthop, self.destinations, self.found = nexthop, destinations, {}

    cpdef list addresses(self, destination, double now):
        """What is known of a destination's addresses and still holds."""
        known = self.found.get(destination)
        return known[1] if known is not None and known[0] > now else None


cdef class Route:
    """How far one delivery has come: destinations, addresses of the present one, sessions used, the last trouble."""

    cdef public list destinations, addresses
    cdef public long at, sessions
    cdef public set tried
    cdef public object why
    cdef public bint loop

    def __init__(self, list destinations):
        self.destinations, self.at = destinations, -1
        self.addresses, self.tried = [], set()


cdef class Way:
    """What an Agent has, and the plain part of what it does."""

    cdef public object parameters, hosts, reader, engine, loop, log, report
    cdef public dict sites, pool, carried
    cdef public list results
    cdef public set tasks
    cdef public int epoch
    cdef bint due

    def __init__(self, parameters, hosts, reader, engine, loop, log, report):
        self.parameters, self.hosts, self.reader = parameters, hosts, reader
        self.engine, self.loop, self.log, self.report = engine, loop, log, report
        self.sites, self.pool, self.carried, self.results, self.tasks = {}, {}, {}, [], set()
        if isinstance(log, Lines):
            log.wake = self.soon

    # -- jobs in, outcomes out -----------------------------------------------------------------

    def deliver(self, list job not None):
        """Take one job of a DELIVER frame."""
        cdef Delivery delivery
        cdef bytes queue_id = job[1]
        try:
            envelope, content = self.reader.open(Place(job[2], job[3], job[4]))
        except Corrupt as error:
            return self.unreadable(job[0], queue_id, job[6], f"queue file is damaged: {error}")
        except (QueueError, OSError) as error:
            return self.unreadable(job[0], queue_id, job[6], f"cannot read the queued message: {error}")
        delivery = Delivery(job[0], queue_id, job[5], list(job[6]), job[8], envelope, content)
        delivery.epoch = self.epoch
        self.carried[delivery.job] = delivery
        delivery.site = site = self.sites.get(delivery.nexthop)
        if site is None:
            try:
                delivery.site = site = self.site(delivery.nexthop)
            except ConfigError as error:
                self.log.warning(f"{queue_id.decode()}: {error.text}")
                return self.fail_all(delivery, "4.3.5", "mail system configuration error")
        self.count_in(site)
        self.begin(delivery)

    def soon(self):
        """Have turn_over() called when all that is here has been taken."""
        if not self.due:
            self.due = True
            self.loop.call_soon(self.turn_over)

    def turn_over(self):
        """The log, then the outcomes: who reads both finds them in that order."""
        self.due = False
        if isinstance(self.log, Lines) and (<Lines>self.log).length:
            self.log.flush()
        self.flush()

    def answer(self, list result not None):
        """Gather a result; all of one turn leave together."""
        self.results.append(result)
        self.soon()

    def flush(self):
        """Report what has gathered."""
        cdef list results = self.results
        if results:
            self.results = []
            self.report(results)

    def finish(self, Delivery delivery not None):
        """Every recipient has its outcome."""
        cdef Site site = delivery.site
        if site is not None:
            site.busy -= 1
            site.last_done = monotonic()
        if delivery.epoch == self.epoch:
            del self.carried[delivery.job]
            self.answer([delivery.job, delivery.trouble, delivery.results])

    def count_in(self, Site site not None):
        """One more delivery; decide whether its connection will be kept (Postfix's on-demand rule)."""
        site.busy += 1
        if not self.parameters.cache_on_demand:
            return
        site.store = site.last_done + BACK_TO_BACK >= monotonic() or site.store and site.busy > 1

    # -- one delivery's way --------------------------------------------------------------------

    def begin(self, Delivery delivery not None):
        """Set out on a delivery."""
        delivery.route = Route((<Site>delivery.site).destinations)
        self.next_destination(delivery)

    def next_destination(self, Delivery delivery not None):
        """Go on to the next destination of the nexthop; at the end give up."""
        cdef Route route = delivery.route
        cdef list known
        route.at += 1
        route.sessions = 0
        if route.at >= len(route.destinations):
            return self.give_up(delivery)
        destination = route.destinations[route.at]
        known = (<Site>delivery.site).addresses(destination, monotonic())
        if known is None:
            self.ask(delivery, destination)
        else:
            self.try_addresses(delivery, known)

    def try_addresses(self, Delivery delivery not None, list found not None):
        """Use a kept connection to one of the addresses, else connect to them in order."""
        cdef Route route = delivery.route
        cdef Session session
        route.addresses = list(self.hosts.order(found) if len(found) > 1 else found)
        session = self.kept(found) if self.pool else None
        if session is not None:
            session.take(delivery)
        else:
            self.next_address(delivery)

    def next_address(self, Delivery delivery not None):
        """Connect to the next address of the present destination."""
        cdef Route route = delivery.route
        cdef Session session
        cdef long limit
        if delivery.epoch != self.epoch:
            return self.finish(delivery)
        parameters = self.parameters
        limit = parameters.session_limit
        while route.addresses and not (limit and route.sessions >= limit):
            address = route.addresses.pop(0)
            if address.key in route.tried:
                continue
            plan, discarded = (parameters.plan, None) if parameters.by_server is None else self.plan_by_server(delivery, address)
            if plan is None:
                return
            session = Session(self, plan, address)
            try:
                session.open(self.engine, parameters.bind[address.family])
            except (OSError, ValueError) as error:
                session = self.not_opened(delivery, session, error)
                if session is None:
                    continue
            session.core.pix_no_esmtp = "disable_esmtp" in parameters.pix and self.old(delivery)
            if parameters.by_server is not None:
                self.prepare(session, delivery, discarded)
            return session.take(delivery)
        self.next_destination(delivery)

    def is_last(self, Delivery delivery not None):
        """Whether no other server will be tried after the present session."""
        cdef Route route = delivery.route
        cdef long limit = self.parameters.session_limit
        if route.at + 1 < len(route.destinations):
            return False
        if limit and route.sessions >= limit:
            return True
        for address in route.addresses:
            if address.key not in route.tried:
                return False
        return True

    def count_session(self, Session session not None, Delivery delivery not None):
        """A server was reached: it counts against the limit, and may be the last."""
        cdef Route route = delivery.route
        route.sessions += 1
        route.tried.add(session.address.key)
        delivery.final = self.is_last(delivery)

    # -- what sessions ask and tell ------------------------------------------------------------

    def request(self, Session session not None, Delivery delivery not None):
        """What the session is to say for a delivery; None: this server can't take it, and that has been seen to."""
        cdef ClientCore core = session.core
        cdef Request request
        cdef list recipients
        cdef Recipient recipient
        cdef Envelope envelope = delivery.envelope
        cdef bint bad = False
        parameters = self.parameters
        self.count_session(session, delivery)
        recipients = [envelope.recipients[<long> index] for index in delivery.pending]
        for recipient in recipients:
            bad = bad or not printable_address(recipient.address)
        if (bad or core.notes or core.features & PIX or core.size_limit and envelope.size > core.size_limit
                or envelope.flags & (SMTPUTF8 | VERP) or parameters.send_xforward or not printable_address(envelope.sender)):
            return self.special_request(session, delivery)
        request = Request.__new__(Request)
        request.sender, request.size, request.envid, request.ret = external(envelope.sender), envelope.size, envelope.envid, envelope.ret
        request.recipients = [external((<Recipient> one).address) for one in recipients]
        if core.features & DSN:
            request.dsn = [((<Recipient> one).notify, orcpt_of(<Recipient> one)) for one in recipients]
        if envelope.encoding:
            request.body = ENCODINGS.get(envelope.encoding, b"")
        else:
            request.body = b""
        return request

    def content(self, Session session not None, Delivery delivery not None):
        """The content to send (queue.reader.Content, or what has its data and pieces())."""
        if not session.core.features & EIGHTBITMIME and self.parameters.downgrade \
                and delivery.envelope.encoding == "8bit":
            return self.downgraded(delivery)
        return delivery.content

    def recipient_sent(self, Session session not None, Delivery delivery not None, index, tuple answer not None):
        """A recipient's mail was taken."""
        delivery.settle(session.plan, index, "sent", answer[1], answer[2], session.address.relay, session.uses)
        if delivery.envelope.flags & TRACE or not session.core.features & DSN and (
                <Recipient> delivery.envelope.recipients[<long> index]).notify & NOTIFY_SUCCESS:
            row = delivery.results[len(delivery.results) - 1]       # no wraparound here
            row[1], row[3] = self.parameters.without_dsn, f"delivery via {session.address.relay}: {row[3]}"

    def attempt_over(self, Delivery delivery not None):
        """A session is through with a delivery; recipients may be left for another server."""
        if delivery.pending:
            self.next_address(delivery)
        else:
            self.finish(delivery)

    # -- kept connections ----------------------------------------------------------------------

    def kept(self, list found not None):
        """A connection to one of the addresses that waits in the pool."""
        cdef Session session
        cdef list idle
        for address in found:
            idle = self.pool.get(address.key)
            while idle:
                session = idle.pop()
                if session.fd >= 0:
                    return session
        return None

    def keep(self, Session session not None):
        """Put a session into the pool if the destination's connections are kept, and it is not worn out."""
        cdef Site site = session.site
        parameters = self.parameters
        if site is None or not (site.store or parameters.cache_destinations and site.nexthop.lower() in parameters.cache_destinations):
            return False
        if parameters.reuse_count and session.uses >= parameters.reuse_count:
            return False
        if wall_us() - session.opened > parameters.reuse_time * 1_000_000:
            return False
        self.pool.setdefault(session.address.key, []).append(session)
        session.rest(parameters.cache_time)
        return True
