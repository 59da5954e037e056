"""What the sessions of one process share: settings, client names, counts and limits, the log.

The law: a client that is over a limit is told so with 421 and logged as Postfix does; clients in
smtpd_client_event_limit_exceptions (by default mynetworks) have no limits and are not counted. Counts are
those of all processes of the service (pyfix.smtpd.anvil), rates per anvil_rate_time_unit.
"""

import os
from collections.abc import Callable
from typing import Any

from pyfix import jail
from pyfix.access.lookups import shared
from pyfix.access.subject import Subject
from pyfix.dns.peername import PeerNames
from pyfix.errors import QueueError
from pyfix.queue.space import Space
from pyfix.smtpd.anvil import Anvil
from pyfix.smtpd.careful import CarefulSession
from pyfix.smtpd.etrn import Flush
from pyfix.smtpd.hot import ServerHot
from pyfix.smtpd.names import Names
from pyfix.smtpd.peaks import Peaks
from pyfix.smtpd.settings import Settings

QUEUE_FULL = b"452 4.3.1 Insufficient system storage"
LOOK_AT_SPACE = 2.0          # seconds for which room in the queue is taken for granted
RELIEF = 2                   # stress is over when no more than one slot in so many is taken


class Server(ServerHot):
    """All sessions of a process.

    make_intake   callable(origin) -> Intake with its queue id set; raises QueueError
    limit         most sessions at a time, 0: none
    stressed      all of them were taken: new sessions follow the configuration as stress=yes makes it
    """

    def __init__(self, settings: Settings, log: Any, clock: Callable[[], float], make_intake: Callable[[Any], Any],
                 service_name: str = "smtpd", queue_directory: str = ".", limit: int = 0) -> None:
        self.log, self.clock, self.make_intake = log, clock, make_intake
        self.service_name, self.queue_directory, self.limit = service_name, queue_directory, limit
        self.info, self.warning = log.info, log.warning
        self.names = Names(log.warning, PeerNames(shared()), settings.config.smtpd_peername_lookup)
        self.flush = Flush(f"{queue_directory}/public/qmgr", log.warning, clock)
        self.counts: Anvil | None = None     # made for the first client that is counted
        self.peaks = Peaks(log.info, service_name)
        self.stressed = self.closed = False
        self.notices: Any = None     # pyfix.smtpd.notify.Notices, where there is a queue to put them into
        self.configure(settings)
        self.instances = 0           # transactions that policy saw

    def configure(self, settings: Settings) -> None:
        """New sessions get new settings."""
        self.normal, self.strict = settings, settings.under_stress()
        self.space = Space(self.queue_directory, settings.config.queue_minfree, settings.message_size)
        self.names.enabled = settings.config.smtpd_peername_lookup
        self.stress(self.stressed)

    def stress(self, on: bool) -> None:
        """All session slots are taken, or enough are free again: which settings new sessions get (STRESS_README)."""
        self.stressed = on
        self.settings = self.strict if on else self.normal
        self.session_class = CarefulSession if self.settings.careful else None

    # -- who may come in

    def full(self) -> None:
        """All slots are taken: nobody more comes in, and who does next is under stress."""
        if not self.stressed:
            self.stress(True)
        for door in self.doors:
            door.pause()

    def admit(self, session: Any) -> bytes | None:
        """A counted client under limits: None, or the 421 it gets."""
        settings, key, where = session.settings, session.client.tally, self.service(session)
        self.tallied[session] = key
        count = self.anvil.connected(key, settings.rate_unit)
        self.peaks.see("connection count", count, 0, session)
        if settings.connection_count and count > settings.connection_count:
            self.warning(b"Connection concurrency limit exceeded: %d from %b for service %b" % (count, session.client.log_name, where))
            return self.too_many_connections(session)
        rate = self.count("connection", session)
        if settings.connection_rate and rate > settings.connection_rate:
            self.warning(b"Connection rate limit exceeded: %d from %b for service %b" % (rate, session.client.log_name, where))
            return self.too_many_connections(session)
        return None

    def too_many_connections(self, session: Any) -> bytes:
        """The 421 of both connection limits."""
        return b"421 4.7.0 %b Error: too many connections from %b" % (session.settings.hostname, session.address)

    def service(self, session: Any) -> bytes:
        """The service's name in lines about limits."""
        return self.service_name.encode()

    def release(self, session: Any) -> None:
        """One connection less of the client that it was counted for."""
        key = self.tallied.pop(session, None)
        if key is not None:
            self.anvil.left(key)

    def left(self) -> None:
        """A slot is free again."""
        if self.stressed and len(self.sessions) * RELIEF < self.limit:
            self.stress(False)
        if not self.closed and len(self.sessions) < self.limit:
            for door in self.doors:
                door.resume()

    # -- rates

    def count(self, what: str, session: Any) -> int:
        """One more of `what` from this client: how many in this period. 0 where nothing is limited."""
        settings = session.settings
        if not settings.counts_rates:
            return 0
        count = self.anvil.count(session.client.tally, what, settings.rate_unit)
        self.peaks.see(f"{what} rate", count, settings.rate_unit, session)
        return count

    @property
    def anvil(self) -> Anvil:
        """The counts, shared with the other processes of this service."""
        if self.counts is None:
            self.counts = Anvil(jail.room(self.normal.config.data_directory), self.service_name, self.warning)
        return self.counts

    def may_send(self, session: Any, size: int) -> bytes | None:
        """May this client send a message of this size now? None, or the reply that says no."""
        settings = session.settings
        if settings.message_rate and not session.client.exempt:
            rate = self.count("message", session)
            if rate > settings.message_rate:
                self.warning(b"Message delivery request rate limit exceeded: %d from %b for service %b"
                             % (rate, session.client.log_name, self.service(session)))
                return b"450 4.7.1 Error: too much mail from %b" % session.address
        if settings.message_size and size > settings.message_size:
            return b"552 5.3.4 Message size exceeds fixed limit"
        if settings.strict_utf8 and not session.core.utf8 and not session.core.address.isascii():
            return b"553 5.6.7 Must declare SMTPUTF8 to send unicode address"
        if self.has_space():
            return None
        self.trouble(session, QUEUE_FULL)
        return QUEUE_FULL

    def has_space(self) -> bool:
        """queue_minfree: is there room for a message? If so, that is not asked again for a while."""
        try:
            room = self.space.enough()
        except QueueError as error:
            self.warning(f"queue: {error}".encode())
            return False
        if room:
            self.room_until = self.clock() + LOOK_AT_SPACE
        return room

    def too_many_recipients(self, session: Any) -> bytes | None:
        """smtpd_client_recipient_rate_limit."""
        settings = session.settings
        if not settings.recipient_rate or session.client.exempt:
            return None
        rate = self.count("recipient", session)
        if rate <= settings.recipient_rate:
            return None
        self.warning(b"Recipient address rate limit exceeded: %d from %b for service %b"
                     % (rate, session.client.log_name, self.service(session)))
        return b"450 4.7.1 Error: too many recipients from %b" % session.address

    # -- messages

    def trouble(self, session: Any, line: bytes) -> None:
        """A refusal that may be our own trouble: notify_classes."""
        if self.notices is not None:
            self.notices.trouble(session, line)

    def new_subject(self, session: Any) -> Subject:
        """What policy looks at, for one session."""
        subject = Subject(session.client.peer.name, session.address, info=self.info, warning=self.warning)
        subject.client = session.client.log_name
        subject.reverse_name, subject.name_code = session.client.peer.reverse_name, session.client.peer.name_code
        subject.reverse_code, subject.port = session.client.peer.reverse_code, b"%d" % session.port
        host, port = session.local_address()
        subject.server = host.encode(), b"%d" % port
        self.next_instance(subject)
        return subject

    def next_instance(self, subject: Subject) -> None:
        """Another transaction begins: policy services know it by this name."""
        self.instances += 1
        subject.instance = b"%x.%x.%x" % (os.getpid(), int(self.clock()), self.instances)

    async def etrn(self, session: Any) -> bytes:
        """The reply to ETRN."""
        return await session.settings.etrn.answer(session, self.flush)
