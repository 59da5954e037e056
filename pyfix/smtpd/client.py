"""What is known of a client by its name and address alone; worked out once for all its sessions.

The law: a Client is as old as the Settings that made it, and where a table was asked, a second at most. A
table that fails makes nobody trusted; policy then asks again and defers.
"""

from typing import Any

from pyfix.access.networks import Networks, plain_address
from pyfix.cleanup.origin import Origin
from pyfix.errors import TableError
from pyfix.smtpd.anvil import key_of
from pyfix.smtpd.hot import ClientHot
from pyfix.smtpd.names import Peer

MOST_CLIENTS = 20_000
TABLES_HOLD = 1.0           # seconds that an answer from a table is kept
NEWLINES_LEGACY = 0


class Client(ClientHot):
    """A client under one configuration.

    log_name  b"name[address]", with smtpd_client_port_logging b"name[address]:port"
                 trusted  in mynetworks      exempt  free of smtpd_client_*_limit
    watched   debug_peer_list has it
    described the same as text      may_xclient, may_xforward, may_verp    smtpd_authorized_* has it
    local     local_header_rewrite_clients matches              newlines  smtpd_forbid_bare_newline for it
    tally     as what it is counted, 0 if it is exempt
    ehlo      (ServerCore.masked, reply lines, log line or "")
    """

    def __init__(self, settings: Any, peer: Peer, address: bytes, until: float, port: int | None = None) -> None:
        self.settings, self.peer, self.address, self.until = settings, peer, address, until
        self.log_name = log_name(peer.name, address, port)
        self.described = text(self.log_name)
        self.may_xclient, self.may_xforward = self.listed(settings.xclient_hosts), self.listed(settings.xforward_hosts)
        self.trusted = self.listed(settings.policy.engine.networks)
        self.exempt = self.may_xclient or self.listed(settings.exempt)
        self.tally = 0 if self.exempt else key_of(address, *settings.prefixes)
        self.newlines = NEWLINES_LEGACY if self.listed(settings.newline_exempt) else settings.limits.newlines
        self.local = self.is_local()
        self.watched = settings.watched.has(peer.name, address)
        self.may_verp = self.listed(settings.verp_hosts)
        may = (("xclient", self.may_xclient), ("xforward", self.may_xforward), ("verp", self.may_verp))
        self.ehlo = settings.ehlo(address, frozenset(name for name, allowed in may if allowed))

    def listed(self, networks: Networks) -> bool:
        """Is it in a list? A table that fails: no."""
        try:
            return networks.match(self.peer.name, self.address)
        except TableError as error:
            self.settings.log.warning(str(error))
            return False

    def is_local(self) -> bool:
        """Does local_header_rewrite_clients name it by its address? (permit_sasl_authenticated and
        permit_tls_clientcerts concern a session, which sets Origin.local when it has either.) A table that fails: no."""
        words = self.settings.local_clients
        own = self.settings.policy.engine.resolver.domains.own_addresses
        if ("permit_inet_interfaces" in words and plain_address(self.address) in own) \
                or ("permit_mynetworks" in words and self.trusted) or "permit" in words:
            return True
        return any(self.listed(table) for table in self.settings.local_tables)

    def make_origin(self, helo: bytes | None, esmtp: bool, utf8: bool) -> Origin:
        """The Origin of messages of one session, but for its port."""
        settings, peer = self.settings, self.peer
        protocol = "ESMTP" if esmtp else "SMTP"
        address = b"IPv6:" + self.address if b":" in self.address else self.address
        received = b"" if settings.hide_client else b"from %b (%b [%b])\r\n\t" % (helo or peer.name, peer.name, address)
        received += b"by %b (%b) with %b id " % (settings.hostname, settings.mail_name,
                                                 b"UTF8SMTP" if utf8 else protocol.encode())
        attributes = {"client_name": text(peer.name), "client_address": text(self.address),
                      "reverse_name": text(peer.reverse_name), "protocol": protocol, "helo": text(helo or b"")}
        return Origin(received, attributes, self.described, self.local, utf8=utf8, logged=self.log_name)


class Clients:
    """The clients of one Settings, kept."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings
        lists = (settings.policy.engine.networks, settings.exempt, settings.newline_exempt, settings.xclient_hosts,
                 settings.xforward_hosts, settings.verp_hosts, settings.watched.list, *settings.local_tables)
        self.fixed = not any(entry.tables for entry in lists) and not settings.discard_maps
        self._kept: dict[tuple[bytes, Peer], Client] = {}

    def make(self, peer: Peer, address: bytes, port: int) -> Client:
        """A Client of one session only, whose log name has the port."""
        return Client(self.settings, peer, address, 0.0, port)

    def get(self, peer: Peer, address: bytes, now: float) -> Client:
        """The Client with that name and address."""
        client = self._kept.get((address, peer))
        if client is None or (not self.fixed and client.until < now):
            if len(self._kept) >= MOST_CLIENTS:
                self._kept.clear()
            client = self._kept[address, peer] = Client(self.settings, peer, address, now + TABLES_HOLD)
        return client


def log_name(name: bytes, address: bytes, port: int | None) -> bytes:
    """A client as log lines and some replies have it; `port` None: without, -1: not known."""
    shown = b"" if port is None else b":unknown" if port < 0 else b":%d" % port
    return b"%b[%b]%b" % (name, address, shown)


def text(data: bytes) -> str:
    """Bytes for a place that wants str."""
    return data.decode("utf-8", "replace")
