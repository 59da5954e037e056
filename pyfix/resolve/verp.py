"""Variable envelope return paths: a sender address of its own for each recipient (VERP_README).

The law: a message that asked for it goes out one recipient at a time, from LOCAL+USER=DOMAIN@SENDER-DOMAIN, where
USER@DOMAIN is the recipient as it first came, so that whoever gets a bounce knows from its address who could not be reached.
The log and the queue keep the sender as it was given.
"""

from pyfix._core.request import printable_address
from pyfix.model import VERP, Envelope

ATTRIBUTE = "verp_delimiters"       # of the envelope: the two characters


def sender_of(envelope: Envelope, index: int) -> bytes:
    """The sender that one recipient's delivery, or a report about it, has."""
    if not envelope.flags & VERP or not envelope.sender:
        return envelope.sender
    recipient = envelope.recipients[index]
    delimiters = envelope.attributes.get(ATTRIBUTE, "").encode("ascii", "replace")
    original = recipient.original if printable_address(recipient.original) else b""
    return varied(envelope.sender, delimiters, original or recipient.address)


def varied(sender: bytes, delimiters: bytes, recipient: bytes) -> bytes:
    """varied(b"list@a.example", b"+=", b"joe@b.example") == b"list+joe=b.example@a.example"."""
    local, at, domain = split(sender)
    user, has_host, host = split(recipient)
    return local + delimiters[:1] + user + (delimiters[1:2] + host if has_host else b"") + at + domain


def split(address: bytes) -> tuple[bytes, bytes, bytes]:
    """(local part, b"@", domain) at the last "@"; (address, b"", b"") where there is none."""
    local, at, domain = address.rpartition(b"@")
    return (local, at, domain) if at else (address, b"", b"")


def delimiters_of(said: bytes, default: bytes, allowed: bytes) -> bytes | None:
    """The delimiters that XVERP or -XV asks for (b"": `default`), None where they are not two of `allowed` (verp_delimiter_filter)."""
    if not said:
        return default
    return said if len(said) == 2 and all(c in allowed for c in said) else None
