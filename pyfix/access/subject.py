"""What restrictions look at: one client and its transaction, as values."""

from collections.abc import Callable
from typing import Any

from pyfix._core.address import quote


def nothing(text: bytes) -> None:
    """A log that keeps nothing."""


class Subject:
    """One client session as access control sees it. Bytes throughout; None is "not given yet".

    client        "name[address]" as the log has it
    name, reverse_name, address    verified name ("unknown" if none), name before verification, address without brackets
    name_code, reverse_code        2 known, 4 trouble, 5 none (Postfix's peer codes)
    helo, sender, recipient, etrn  arguments; addresses in internal form
    where         the verb, as the log has it
    server        (address, port) that the client is connected to; instance: names the transaction
    pending       did the client send more than it may at this point?
    info, warning callables that log a line
    reply         the reply line of the last refusal
    """

    __slots__ = ("actions", "address", "checked_recipient", "checked_sender", "client", "defer_if_permit",
                 "defer_if_reject", "depth", "discard", "etrn", "helo", "info", "instance", "name", "name_code", "pending",
                 "permit_marks", "port", "protocol", "queue_id", "recipient", "recipients", "reply", "reverse_code", "reverse_name",
                 "sasl_username", "sender", "server", "size", "soft_bounce", "trusted", "warn_if_reject", "warning", "where")

    def __init__(self, name: bytes = b"localhost", address: bytes = b"127.0.0.1", protocol: bytes = b"SMTP",
                 info: Callable[[bytes], Any] = nothing, warning: Callable[[bytes], Any] = nothing) -> None:
        self.info, self.warning = info, warning
        self.helo = self.sender = self.recipient = self.etrn = None
        self.queue_id = self.where = self.reply = self.sasl_username = b""
        self.server, self.instance, self.pending = (b"", b""), b"", False
        self.protocol, self.port, self.size, self.recipients = protocol, b"", 0, 0
        self.defer_if_permit = self.defer_if_reject = None
        self.permit_marks = [None, None, None]      # defer_if_permit after the client, helo and sender stage
        self.warn_if_reject = self.depth = 0
        self.soft_bounce = self.discard = False
        self.checked_recipient = self.checked_sender = False
        self.actions: dict[str, Any] = {}
        self.set_client(name, address)

    def set_client(self, name: bytes, address: bytes, code: int = 2) -> None:
        """Another client: its verified name and address."""
        self.name = self.reverse_name = name
        self.address, self.name_code, self.reverse_code = address, code, code
        self.client = b"%b[%b]" % (name, address)
        self.trusted: bool | None = None             # in mynetworks? None: not asked yet

    def shown(self, address: bytes) -> bytes:
        """An address as the log has it: external form."""
        return quote(address) if address else b""
