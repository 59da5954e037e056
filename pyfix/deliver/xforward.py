"""XFORWARD: who the original client was, told to a content filter. Law: XFORWARD_README, smtp_send_xforward_command."""

from pyfix._core.client import XFORWARD
from pyfix._core.request import xtext
from pyfix.model import LOCAL_SUBMISSION, Envelope

# The commands: (keyword, attribute of the envelope) in Postfix's order.
FIRST = ((b"NAME", "client_name"), (b"ADDR", "client_address"), (b"PORT", "client_port"))
SECOND = ((b"PROTO", "protocol"), (b"HELO", "helo"), (b"IDENT", "ident"), (b"SOURCE", "rewrite_context"))
UNAVAILABLE = b"[UNAVAILABLE]"


def values(envelope: Envelope, features: int) -> list[bytes] | None:
    """The values of the XFORWARD commands that the server takes; None where there is nothing to say: there was no client."""
    if envelope.flags & LOCAL_SUBMISSION:
        return None
    commands = []
    for group in (FIRST, SECOND):
        words = [keyword + b"=" + value(envelope, keyword, attribute) for keyword, attribute in group
                 if features & XFORWARD[keyword]]
        if words:
            commands.append(b" ".join(words))
    return commands or None


def value(envelope: Envelope, keyword: bytes, attribute: str) -> bytes:
    """One attribute in xtext; our queue id where no earlier one is known."""
    text = envelope.attributes.get(attribute, "").encode("utf-8", "surrogateescape")
    if keyword == b"SOURCE":
        return b"LOCAL" if text == b"local" else b"REMOTE"
    if keyword == b"IDENT":
        text = text or envelope.queue_id
    return xtext(text) if text else UNAVAILABLE
