"""XFORWARD: who the client of an earlier hop was, for the log and for later hops (XFORWARD_README).

The law: it changes what is logged and handed on with the message, never what the client may do. The first
command of a transaction makes all that it does not name "not available"; nothing of the session's own
client is mixed in. The end of the transaction ends it.
"""

from typing import Any

from pyfix.smtpd import attributes
from pyfix.smtpd.attributes import BadAttribute
from pyfix.smtpd.client import Origin, log_name, text
from pyfix.smtpd.names import UNKNOWN

NAMES = frozenset((b"NAME", b"ADDR", b"PORT", b"PROTO", b"HELO", b"IDENT", b"SOURCE"))
OF_THE_CLIENT = NAMES - {b"IDENT", b"SOURCE"}
EHLO = b"XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT"


class Forwarded:
    """What XFORWARD commands of one transaction said. `client`: something of OF_THE_CLIENT was among it."""

    def __init__(self) -> None:
        self.name = self.address = self.protocol = UNKNOWN
        self.port = -1
        self.helo: bytes | None = None
        self.ident: bytes | None = None
        self.local: bool | None = None
        self.client = False

    def take(self, words: bytes, allowed: Any) -> None:
        """One command. Raises BadAttribute, and then nothing of it counts."""
        before = dict(self.__dict__)
        try:
            for name, value in attributes.pairs(words, b"XFORWARD", NAMES).items():
                getattr(self, "take_" + name.decode().lower())(name, value.translate(attributes.NEUTERED), allowed)
                self.client = self.client or name in OF_THE_CLIENT
        except BadAttribute:
            self.__dict__.update(before)
            raise

    def take_name(self, name: bytes, value: bytes, allowed: Any) -> None:
        """The client's name."""
        self.name = attributes.hostname(name, value)[0]

    def take_addr(self, name: bytes, value: bytes, allowed: Any) -> None:
        """The client's address."""
        self.address = attributes.address(name, value, allowed)

    def take_port(self, name: bytes, value: bytes, allowed: Any) -> None:
        """The client's port."""
        self.port = attributes.port(name, value)

    def take_proto(self, name: bytes, value: bytes, allowed: Any) -> None:
        """How the message came to the earlier hop."""
        if len(value) > attributes.LONGEST_PROTOCOL:
            raise attributes.bad(name, value)
        self.protocol = value if value.upper() != attributes.UNAVAILABLE else UNKNOWN

    def take_helo(self, name: bytes, value: bytes, allowed: Any) -> None:
        """What the client said to HELO there."""
        self.helo = value if value.upper() != attributes.UNAVAILABLE else None

    def take_ident(self, name: bytes, value: bytes, allowed: Any) -> None:
        """The queue ID there."""
        self.ident = value if value.upper() != attributes.UNAVAILABLE else None

    def take_source(self, name: bytes, value: bytes, allowed: Any) -> None:
        """Whether the message began there (local_header_rewrite_clients)."""
        if value.upper() not in (b"LOCAL", b"REMOTE"):
            raise attributes.bad(name, value)
        self.local = value.upper() == b"LOCAL"

    # -- what comes of it

    def dress(self, origin: Origin, ports: bool = False) -> Origin:
        """The session's origin as the message that follows shall have it."""
        if self.local is not None:
            origin.local = self.local
            origin.change({"rewrite_context": "local" if self.local else "remote"})
        if self.ident is not None:
            origin.change({"ident": text(self.ident)})
            origin.logged += b", orig_queue_id=" + self.ident
        if self.client:
            shown = log_name(self.name, self.address, self.port if ports else None) if self.address != UNKNOWN else self.name
            origin.logged += b", orig_client=" + shown
            origin.described = text(shown)
            origin.change({
                "client_name": text(self.name), "client_address": text(self.address),
                "client_port": str(self.port) if self.port >= 0 else "unknown", "protocol": text(self.protocol),
                "helo": text(self.helo or b""), "reverse_name": text(self.name)})
        return origin
