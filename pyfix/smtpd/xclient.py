"""XCLIENT: an authorised client says whom it speaks for (XCLIENT_README, smtpd_authorized_xclient_hosts).

The law: the session begins again as the other client's, with its limits and rights and none of the first
one's; whether that client may say XCLIENT in its turn is asked anew. HELO and PROTO count if they were given
with it. LOGIN is told in log lines and to policy; it opens nothing while SASL is off.
"""

from typing import Any

from pyfix.smtpd import attributes
from pyfix.smtpd.attributes import BadAttribute
from pyfix.smtpd.names import KNOWN, Peer

NAMES = frozenset((b"NAME", b"REVERSE_NAME", b"ADDR", b"PORT", b"HELO", b"PROTO", b"LOGIN", b"DESTADDR", b"DESTPORT"))
EHLO = b"XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT"


class Identity:
    """Who the client is by its own account: peer, address, port, helo (None: not given), esmtp, login, server (address, port)."""

    def __init__(self, session: Any) -> None:
        self.peer, self.address, self.port = session.client.peer, session.address, session.port
        self.server = session.at
        self.helo: bytes | None = None
        self.login = b""
        self.esmtp = False

    def take(self, text: bytes, allowed: Any) -> None:
        """What an XCLIENT command says. Raises BadAttribute, and then nothing counts."""
        for name, value in attributes.pairs(text, b"XCLIENT", NAMES).items():
            getattr(self, "take_" + name.decode().lower())(name, value, allowed)

    def take_name(self, name: bytes, value: bytes, allowed: Any) -> None:
        """The verified name, which then is the reverse name too."""
        found, code = attributes.hostname(name, value)
        reverse = (found, code) if code == KNOWN else (self.peer.reverse_name, self.peer.reverse_code)
        self.peer = Peer(found, reverse[0], code, reverse[1])

    def take_reverse_name(self, name: bytes, value: bytes, allowed: Any) -> None:
        """The name before verification."""
        found, code = attributes.hostname(name, value)
        self.peer = self.peer._replace(reverse_name=found, reverse_code=code)

    def take_addr(self, name: bytes, value: bytes, allowed: Any) -> None:
        """The client's address."""
        self.address = attributes.address(name, value, allowed)

    def take_port(self, name: bytes, value: bytes, allowed: Any) -> None:
        """The client's port."""
        self.port = attributes.port(name, value)

    def take_helo(self, name: bytes, value: bytes, allowed: Any) -> None:
        """What it said to HELO."""
        self.helo = None if value.upper() == attributes.UNAVAILABLE else value.translate(attributes.NEUTERED)

    def take_proto(self, name: bytes, value: bytes, allowed: Any) -> None:
        """SMTP or ESMTP."""
        if value.upper() not in (b"SMTP", b"ESMTP"):
            raise attributes.bad(name, value)
        self.esmtp = value.upper() == b"ESMTP"

    def take_login(self, name: bytes, value: bytes, allowed: Any) -> None:
        """Its SASL login name."""
        self.login = b"" if value.upper() == attributes.UNAVAILABLE else value

    def take_destaddr(self, name: bytes, value: bytes, allowed: Any) -> None:
        """The address that it is connected to."""
        self.server = attributes.address(name, value, allowed), self.server[1]

    def take_destport(self, name: bytes, value: bytes, allowed: Any) -> None:
        """The port that it is connected to."""
        found = attributes.port(name, value)
        self.server = self.server[0], b"%d" % found if found >= 0 else b"unknown"


def identity(session: Any) -> tuple[Identity, bytes]:
    """(who it is now, b""), or (who it was, the text of the 501) for the XCLIENT command at hand."""
    found = Identity(session)
    try:
        found.take(session.core.text, session.settings.has_protocol)
    except BadAttribute as error:
        return found, error.args[0]
    return found, b""
