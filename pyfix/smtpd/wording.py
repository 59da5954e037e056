"""What a session writes: its log lines (smtpd(8); an interface, byte for byte)."""

from typing import Any

from pyfix._core.address import quote
from pyfix._core.chars import escaped, printable
from pyfix.model import HAS_8BIT, HAS_DOT_LINE, HAS_LONG_LINE, SMTPUTF8

DOT_LINE, EIGHT_BIT, LONG_LINE = HAS_DOT_LINE, HAS_8BIT, HAS_LONG_LINE
__all__ = ["DOT_LINE", "EIGHT_BIT", "LONG_LINE", "SMTPUTF8", "escaped", "log_refusal", "note", "tell"]


# note kind -> (is it a warning?, text with the message's id, the client and the data)
NOTES = {
    "pipelining": (False, b"improper command pipelining after %(verb)b from %(client)b: %(rest)b"),
    "non-smtp": (True, b"non-SMTP command from %(client)b: %(data)b"),
    "long line": (True, b"%(client)b: request longer than %(limit)d: %(short)b..."),
    "bdat null": (True, b"%(id)b: null BDAT request from %(client)b"),
    "bdat syntax": (True, b"%(id)b: malformed BDAT command syntax from %(client)b: %(data)b"),
    "bdat size": (True, b"%(id)b: BDAT request from %(client)b exceeds message size limit"),
    "address": (True, b"Illegal address syntax from %(client)b in %(where)b command: %(data)b"),
    "size": (True, b"%(id)b: queue file size limit exceeded"),
    "local data": (False, b"%(id)b: reject: %(where)b from %(client)b: 421 4.3.0 %(host)b Server local data error"),
    "bare lf": (False, b"%(id)b: reject: %(where)b from %(client)b: bare <LF> received; %(facts)b"),
}


def note(kind: str, data: bytes, session: Any) -> bytes:
    """The log line for something the core noted."""
    verb, _, rest = data.partition(b" ")
    return NOTES[kind][1] % {
        b"verb": verb, b"rest": rest, b"data": printable(data) if kind == "address" else printable(data)[:100], b"short": printable(data[:30]),
        b"client": session.client.log_name, b"where": session.core.where().partition(" (")[0].encode(),
        b"limit": session.settings.limits.line_length, b"id": queue_id(session), b"facts": facts(session),
        b"host": session.settings.hostname}


def tell(session: Any, kind: str, data: bytes) -> None:
    """Logs it."""
    (session.server.warning if NOTES[kind][0] else session.server.info)(note(kind, data, session))


def queue_id(session: Any) -> bytes:
    """The message's id, NOQUEUE before it has one."""
    return session.intake.queue_id if session.intake is not None else b"NOQUEUE"


def facts(session: Any) -> bytes:
    """from=, proto= and helo= as far as they are known."""
    parts = [b"proto=ESMTP" if session.core.esmtp else b"proto=SMTP"]
    if session.sender is not None:
        parts.insert(0, b"from=<%b>" % (quote(session.sender) if session.sender else b""))
    if session.helo is not None:
        parts.append(b"helo=<%b>" % session.helo)
    return b" ".join(parts)


def log_refusal(session: Any, line: bytes, where: bytes = b"MAIL") -> None:
    """`NOQUEUE: reject: MAIL from client: 552 ...; from=<> proto= helo=<>`."""
    session.server.info(b"%b: reject: %b from %b: %b; %b" % (queue_id(session), where, session.client.log_name, line, facts(session)))
