"""XFORWARD: who the original client was, told to a content filter. Law: XFORWARD_README, smtp_send_xforward_command.

What is not known is not told; of mail that began here nothing is but that.
"""

from pyfix._core.client import XFORWARD
from pyfix._core.xtext import xtext
from pyfix.model import BOUNCE, LOCAL_CLIENT, LOCAL_SUBMISSION, Envelope

# The commands: (keyword, attribute of the envelope) in Postfix's order.
FIRST = ((b"NAME", "client_name"), (b"ADDR", "client_address"), (b"PORT", "client_port"))
SECOND = ((b"PROTO", "protocol"), (b"HELO", "helo"), (b"IDENT", "ident"), (b"SOURCE", "rewrite_context"))
UNKNOWN = "unknown"


def values(envelope: Envelope, features: int) -> list[bytes] | None:
    """The values of the XFORWARD commands that the server takes; None where there is nothing to say."""
    commands = []
    for group in (FIRST, SECOND) if not envelope.flags & (LOCAL_SUBMISSION | BOUNCE) else (SECOND[-1:],):
        words = [keyword + b"=" + xtext(text) for keyword, attribute in group
                 if features & XFORWARD[keyword] and (text := value(envelope, keyword, attribute))]
        if words:
            commands.append(b" ".join(words))
    return commands or None


def value(envelope: Envelope, keyword: bytes, attribute: str) -> bytes:
    """One attribute, b"" where it is not known; our queue ID where an SMTP client gave no earlier one."""
    text = envelope.attributes.get(attribute, "")
    if keyword == b"SOURCE":
        return source(envelope.flags, text)
    if keyword == b"IDENT" and not text:
        return envelope.queue_id
    return b"" if text == UNKNOWN else text.encode("utf-8", "surrogateescape")


def source(flags: int, said: str) -> bytes:
    """SOURCE=: where the message's header is completed, unless an XFORWARD of an earlier hop `said` it."""
    local = said == "local" if said else bool(flags & (LOCAL_SUBMISSION | LOCAL_CLIENT | BOUNCE))
    return b"LOCAL" if local else b"REMOTE"
