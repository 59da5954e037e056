"""The smtp and lmtp delivery agent: jobs of qmgr in, sessions, outcomes back. Law: smtp(8).

A job goes over a kept connection to one of its servers if there is one, else to the addresses
of its nexthop in turn, within Postfix's limits. A temporary failure at a server that is not
the last leaves the recipients to the next one; what is left at the end is deferred or bounced.
The hot path (a known address, a server that says 250) is a few method calls a message.
"""

import errno
import os
import socket
import time
from typing import Any

from pyfix import model
from pyfix._core.client import DSN, FAILURES, PIX, SMTPUTF8, STAGES
from pyfix._core.request import Request, external, printable_address
from pyfix.deliver import wording, xforward
from pyfix.deliver.downgrade import DowngradedContent
from pyfix.deliver.hosts import Unreachable
from pyfix.deliver.notices import Notices, Tap
from pyfix.deliver.session import Delivery, Session
from pyfix.deliver.target import Address, Destination, parse_list
from pyfix.deliver.watched import Watched
from pyfix.deliver.way import Route, Site, Way, orcpt_of
from pyfix.errors import TableError
from pyfix.resolve import verp

ENCODINGS = {"8bit": b"8BITMIME", "7bit": b"7BIT"}
SITES = 50_000          # nexthops remembered
TIMED_OUT = os.strerror(errno.ETIMEDOUT)


class Agent(Way):
    """One delivery process of a transport.

    engine, loop   where sessions live
    reader         open(Place) -> (Envelope, content)
    report         called once per turn of the loop with the results of that turn (messages.OUTCOME)
    """

    notices: Notices | None = None      # where sessions are recorded for the postmaster

    @property
    def active(self) -> int:
        """Jobs that have no outcome yet."""
        return len(self.carried)

    # -- jobs in, outcomes out -----------------------------------------------------------------

    def unreadable(self, number: int, queue_id: bytes, indexes: list[int], why: str) -> None:
        """A record that can't be opened: deferred, loudly."""
        self.log.error(f"{queue_id.decode()}: {why}")
        self.answer([number, "", [[index, "deferred", "4.3.0", why] for index in indexes]])

    def forget_jobs(self) -> None:
        """The link to qmgr is gone, and it will give its jobs out again, maybe under the numbers of others: no
        outcome of an old job may be told to a new qmgr, and what has not been sent yet is not sent."""
        carried, self.carried = self.carried, {}
        self.epoch += 1
        self.results.clear()
        for delivery in carried.values():
            session = delivery.session
            if session is not None and session.delivery is delivery and session.before_dot():
                session.drop()
                delivery.site.busy -= 1

    # -- sites ---------------------------------------------------------------------------------

    def site(self, nexthop: str) -> Site:
        """The Site of a nexthop. Raises ConfigError."""
        site = self.sites.get(nexthop)
        if site is None:
            site = Site(nexthop, self.destinations(nexthop))
            if len(self.sites) >= SITES:
                self.forget_sites()
            self.sites[nexthop] = site
        return site

    def destinations(self, nexthop: str) -> list[Destination]:
        """The nexthop's own destinations, then the fallback relays."""
        parameters = self.parameters
        found = parse_list(nexthop, parameters.default_port, parameters.lmtp)
        for text in parameters.fallback:
            found += parse_list(text, parameters.default_port, parameters.lmtp)
        return found

    def forget_sites(self) -> None:
        """Make room: sites that nobody uses go."""
        self.sites = {name: site for name, site in self.sites.items() if site.busy}

    # -- one delivery's way --------------------------------------------------------------------

    def ask(self, delivery: Delivery, destination: Destination) -> None:
        """The addresses of a destination have to be looked up first."""
        task = self.loop.create_task(self.look_up(delivery, destination))
        self.tasks.add(task)
        task.add_done_callback(self.looked_up)

    async def look_up(self, delivery: Delivery, destination: Destination) -> None:
        """Find the addresses of a destination."""
        try:
            found, ttl = await self.hosts.lookup(destination)
        except Unreachable as why:
            delivery.route.why, delivery.route.loop = (why.dsn, why.reason), why.loop
            return self.next_destination(delivery)
        delivery.site.found[destination] = (time.monotonic() + ttl, found)
        self.try_addresses(delivery, found)

    def looked_up(self, task: Any) -> None:
        """A mistake of ours in a lookup must not vanish."""
        self.tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.loop.call_exception_handler({"message": "a lookup failed", "exception": task.exception()})

    def old(self, delivery: Delivery) -> bool:
        """Whether a message has waited long enough for workarounds (smtp_pix_workaround_threshold_time)."""
        return delivery.handoff - delivery.arrival >= self.parameters.pix_threshold * 1_000_000

    def give_up(self, delivery: Delivery) -> None:
        """No server is left: defer or bounce who is left."""
        dsn, reason = delivery.route.why or ("4.3.0", "server unavailable or unable to receive mail")
        if not wording.soft(dsn):
            dsn = self.our_own_fault(delivery, dsn)
        self.fail_all(delivery, dsn, reason, throttle=True)

    def our_own_fault(self, delivery: Delivery, dsn: str) -> str:
        """A relay that we configured and that does not exist is no reason to bounce mail."""
        if self.parameters.fallback:
            self.log.warning("smtp_fallback_relay configuration problem")
            return "4.3.5"
        if delivery.nexthop == self.parameters.relayhost:
            self.log.warning("relayhost configuration problem")
            return "4.3.5"
        return dsn

    def fail_all(self, delivery: Delivery, dsn: str, reason: str, throttle: bool = False, session: Session | None = None) -> None:
        """One reason for all that are left, and for the whole site if it is temporary."""
        for index in delivery.pending:
            self.failed(delivery, index, dsn, reason, session)
        delivery.pending = []
        if throttle and wording.soft(dsn):
            delivery.trouble = [dsn, reason]
        self.finish(delivery)

    def failed(self, delivery: Delivery, index: int, dsn: str, reason: str, session: Session | None = None,
               reply: str = "") -> None:
        """The outcome of one recipient who did not get the mail."""
        status = "deferred" if wording.soft(dsn) else "bounced"
        if self.parameters.status_filter is not None:
            dsn, reason = self.filtered(dsn, reason)
            status = "deferred" if wording.soft(dsn) else "bounced"
        if status == "bounced" and self.parameters.soft_bounce:
            status, dsn = "SOFTBOUNCE", "4" + dsn[1:]
        relay, more = "none", ["", ""]
        if session is not None:
            relay, more = session.address.relay, [f"dns; {session.address.host}", f"smtp; {reply}" if reply else ""]
        delivery.settle(self.parameters.plan, index, status, dsn, reason, relay,
                        session.uses if session is not None else 1, more)

    def filtered(self, dsn: str, reason: str) -> tuple[str, str]:
        """What smtp_delivery_status_filter makes of a status; one that is no status is passed over, loudly."""
        try:
            found = self.parameters.status_filter.get(f"{dsn} {reason}".encode())
        except TableError as error:
            self.log.warning(f"{error}")
            return dsn, reason
        new, _, text = (found or b"").decode("ascii", "replace").partition(" ")
        if found and (not new[:1] in ("4", "5") or new.count(".") != 2 or not new.replace(".", "").isdigit()):
            self.log.warning(f"bad delivery status filter result: \"{found.decode('ascii', 'replace')[:100]}\"")
            return dsn, reason
        return (new, text.strip()[:wording.TEXT_LIMIT]) if found else (dsn, reason)

    # -- a session that is not like the others -------------------------------------------------

    def plan_by_server(self, delivery: Delivery, address: Address) -> tuple[Any, str]:
        """(Plan of sessions with a server, keywords that it will not be believed); the delivery is over where a table fails."""
        try:
            return self.parameters.by_server.plan(address)
        except TableError as error:
            self.log.warning(f"{error}")
            self.log.warning(f"{delivery.queue_id.decode()}: {self.parameters.by_server.discard_maps.name} map lookup error for {address.ip}")
            self.fail_all(delivery, "4.3.0", f"local data error while talking to {address.name}")
            return None, ""

    def prepare(self, session: Session, delivery: Delivery, discarded: str) -> None:
        """What the tables say of a server."""
        session.core.pix_no_esmtp = "disable_esmtp" in self.parameters.by_server.workarounds(session.address) and self.old(delivery)
        if self.notices:
            session.tap = Tap(self.notices, session.address.relay)
        if self.parameters.watched.has(session.address.name.encode(), session.address.ip.encode()):
            session.tap = Watched(self.parameters.watched, session.address.relay, session.tap)
        if discarded:
            session.core.notes.append(("discard", discarded))

    def not_opened(self, delivery: Delivery, session: Session, error: Exception) -> Session | None:
        """connect() could not even be tried. A source address that we have not is our own mistake: go on without it, unless
        smtp_bind_address_enforce."""
        parameters, address = self.parameters, session.address
        source = parameters.bind[address.family]
        trouble = bind_trouble(address.family, source)
        if trouble:
            self.log.warning(f"smtp_connect_addr: bind {source}: {trouble}")
            if parameters.bind_enforce:
                delivery.route.tried.add(address.key)
                delivery.route.why = ("4.4.0", "server configuration error")
                return None
            try:
                other = Session(self, session.plan, address)
                other.open(self.engine, "")
                return other
            except (OSError, ValueError) as second:
                error = second
        self.no_connection(delivery, address, getattr(error, "strerror", None) or str(error))
        return None

    # -- what sessions ask and tell ------------------------------------------------------------

    def special_request(self, session: Session, delivery: Delivery) -> Request | None:
        """The request where something about the server or the envelope needs a look; None as request()."""
        envelope, core = delivery.envelope, session.core
        self.note_oddities(session)
        if core.features & PIX and self.old(delivery):
            self.work_around_pix(session, delivery)
        if core.size_limit and envelope.size > core.size_limit:
            return self.unsuitable(session, delivery, "5.3.4", f"message size {envelope.size} exceeds size limit "
                                   f"{core.size_limit} of server {session.address.name}")
        utf8 = bool(envelope.flags & model.SMTPUTF8) and needs_utf8(delivery)
        if utf8 and not core.features & SMTPUTF8:
            return self.unsuitable(session, delivery, "5.6.7",
                                   f"SMTPUTF8 is required, but was not offered by host {session.address.name}")
        if not self.addresses_fit(session, delivery):
            return None
        recipients = [envelope.recipients[index] for index in delivery.pending]
        return Request(external(verp.sender_of(envelope, delivery.pending[0])), [external(recipient.address) for recipient in recipients],
                       size=envelope.size, body=ENCODINGS.get(envelope.attributes.get("encoding", "").lower(), b""),
                       utf8=utf8, envid=envelope.envid, ret=envelope.ret,
                       dsn=[(r.notify, orcpt_of(r)) for r in recipients] if core.features & DSN else None,
                       xforward=xforward.values(envelope, core.features) if self.parameters.send_xforward else None)

    def addresses_fit(self, session: Session, delivery: Delivery) -> bool:
        """Bounce recipients whose address has control characters: nothing of theirs may reach the wire."""
        envelope = delivery.envelope
        if not printable_address(envelope.sender):
            self.unsuitable(session, delivery, "5.1.7", "bad sender address syntax")
            return False
        bad = [index for index in delivery.pending if not printable_address(envelope.recipients[index].address)]
        if not bad:
            return True
        for index in bad:
            self.failed(delivery, index, "5.1.3", "bad recipient address syntax", session)
        delivery.pending = [index for index in delivery.pending if index not in bad]
        if not delivery.pending:
            self.finish(delivery)
        return bool(delivery.pending)

    def work_around_pix(self, session: Session, delivery: Delivery) -> None:
        """A firewall between us and the server that breaks some SMTP."""
        by_server = self.parameters.by_server
        chosen = self.parameters.pix if by_server is None else by_server.workarounds(session.address)
        if not chosen:
            return
        self.log.info(f"{delivery.queue_id.decode()}: enabling PIX workarounds: {' '.join(chosen)} for {session.address.relay}")
        if "delay_dotcrlf" in chosen:
            session.dot_delay = self.parameters.pix_delay

    def note_oddities(self, session: Session) -> None:
        """Warnings about what the server said of itself."""
        for kind, text in session.core.notes:
            if kind == "discard":
                self.log.info(f"discarding EHLO keywords: {text}")
            elif kind == "size":
                self.log.warning(f"bad EHLO SIZE limit \"{text}\" from {session.address.relay}")
            else:
                self.log.warning(f"host {session.address.name} said: {text} (in reply to XFORWARD name/address command)")
        session.core.notes.clear()

    def unsuitable(self, session: Session, delivery: Delivery, dsn: str, reason: str) -> None:
        """This server can't take the message; no other will be asked."""
        self.fail_all(delivery, dsn, reason, session=session)

    def downgraded(self, delivery: Delivery) -> Any:
        """8-bit content for a server without 8BITMIME."""
        return DowngradedContent(delivery.content)

    def content_lost(self, session: Session, delivery: Delivery, why: str) -> None:
        """The stored content is damaged, or can't be read now: nothing was delivered."""
        self.log.error(f"{delivery.queue_id.decode()}: {why}")
        self.fail_all(delivery, "4.3.0", f"cannot read the queued message: {why}"[:wording.TEXT_LIMIT], session=session)

    def folded(self, delivery: Delivery) -> None:
        """A line was too long for SMTP."""
        self.log.info(f"{delivery.queue_id.decode()}: breaking line > {self.parameters.plan.line_limit} bytes "
                      f"with <CR><LF>SPACE")

    def recipient_failed(self, session: Session, delivery: Delivery, index: int, number: int) -> bool:
        """A recipient was refused; True: leave it to another server."""
        _, stage, reply = session.core.result(number)
        code, dsn, text = session.core.answer(reply)
        dsn, reason = wording.said(session.address.name, STAGES[stage], dsn, text)
        if wording.soft(dsn) and not delivery.final:
            self.log.info(f"{delivery.queue_id.decode()}: {reason}")
            delivery.route.why = (dsn, reason)
            return True
        self.failed(delivery, index, dsn, reason, session, text)
        return False

    def no_connection(self, delivery: Delivery, address: Address, error: str) -> None:
        """Log and remember that an address did not answer."""
        delivery.route.tried.add(address.key)
        delivery.route.why = wording.no_connection(address.relay, error)
        self.log.info(delivery.route.why[1])

    def connect_failed(self, session: Session, delivery: Delivery | None, error: str) -> None:
        """connect() was refused or timed out."""
        if error == TIMED_OUT:
            self.hosts.fell_silent(session.address)
        if delivery is not None:
            self.no_connection(delivery, session.address, error)
            self.next_address(delivery)

    def session_lost(self, session: Session, delivery: Delivery | None, how: str, stage: str) -> None:
        """The connection broke or fell silent."""
        self.unpool(session)
        if delivery is None:
            return
        if not delivery.pending:
            return self.finish(delivery)
        if stage == "rset":
            return self.again(session, delivery)
        dsn, reason = wording.lost(session.address.name, how, stage)
        self.server_failed(session, delivery, dsn, reason)

    def session_failed(self, session: Session, delivery: Delivery | None) -> None:
        """The server refused to talk, or does not speak SMTP."""
        self.unpool(session)
        if delivery is None:
            return
        if not delivery.pending:
            return self.finish(delivery)
        core, name = session.core, session.address.name
        failure = FAILURES[core.failure]
        if failure == "stale":
            return self.again(session, delivery)
        if failure == "refused":
            _, dsn, text = core.answer(core.failed_reply)
            if core.where == "greeting" and self.parameters.plan.settings.skip_5xx_greeting and dsn.startswith("5"):
                dsn = "4" + dsn[1:]
            dsn, reason = wording.refused(name, dsn, text)
        else:
            self.log.warning(f"{delivery.queue_id.decode()}: non-{'LMTP' if self.parameters.lmtp else 'ESMTP'} response "
                             f"from {session.address.relay}")
            dsn, reason = wording.lost(name, "lost", core.where)
        self.server_failed(session, delivery, dsn, reason)

    def again(self, session: Session, delivery: Delivery) -> None:
        """A kept connection turned out to be dead before it was used: as if it had not been there."""
        delivery.route.tried.discard(session.address.key)
        delivery.route.at -= 1
        self.next_destination(delivery)

    def server_failed(self, session: Session, delivery: Delivery, dsn: str, reason: str) -> None:
        """A server as a whole failed: the next one, if the trouble may pass and there is one."""
        if not session.started:
            self.count_session(session, delivery)
        if wording.soft(dsn) and not delivery.final:
            self.log.info(f"{delivery.queue_id.decode()}: {reason}")
            delivery.route.why = (dsn, reason)
            return self.next_address(delivery)
        self.fail_all(delivery, dsn, reason, throttle=True, session=session)

    # -- kept connections ----------------------------------------------------------------------

    def unpool(self, session: Session) -> None:
        """A session ended: it is no longer kept."""
        idle = self.pool.get(session.address.key)
        if idle is not None:
            if session in idle:
                idle.remove(session)
            if not idle:
                del self.pool[session.address.key]

    async def stop(self) -> None:
        """Say QUIT on all kept connections."""
        for idle in list(self.pool.values()):
            for session in list(idle):
                session.leave()
        self.pool.clear()


def bind_trouble(family: int, source: str) -> str:
    """Why no socket can have this source address, "" if one can or none is asked for."""
    if not source:
        return ""
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((source, 0))
    except OSError as error:
        return error.strerror or str(error)
    return ""


def needs_utf8(delivery: Delivery) -> bool:
    """Whether a message that asked for SMTPUTF8 really has UTF-8 in its envelope or header."""
    envelope = delivery.envelope
    if not envelope.sender.isascii() or any(not envelope.recipients[i].address.isascii() for i in delivery.pending):
        return True
    if not envelope.flags & model.HAS_8BIT:
        return False
    return not bytes(next(iter(delivery.content.pieces()), b"")).partition(b"\r\n\r\n")[0].isascii()
