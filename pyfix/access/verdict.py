"""What a restriction can say, and how it says no: smtpd(8)'s reject, defer and warn rules.

The law: a refusal is one line "code x.y.z text" whose enhanced code has the class of the reply
code; it is logged when it is made, with what was known of the client. Under warn_if_reject it
is logged and counts as nothing, unless it is our own trouble (a table, a mistake in main.cf).
An earlier defer_if_reject turns a permanent refusal into that deferral.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from pyfix._core.chars import printable
from pyfix._core.reply import is_enhanced_code
from pyfix.access.subject import Subject

DUNNO, OK, REJECT = 0, 1, 2
LONGEST = 510

CLIENT, REVERSE_CLIENT, HELO = b"Client host", b"Unverified Client host", b"Helo command"
SENDER, RECIPIENT, ETRN = b"Sender address", b"Recipient address", b"Etrn command"
DATA, END_OF_DATA = b"Data command", b"End-of-data"

# x.1.y codes say "bad destination" or "bad sender"; in the other context they become their counterpart
FOR_SENDER = {b"1.1": b"1.7", b"1.2": b"1.8", b"1.3": b"1.7", b"1.4": b"1.7", b"1.5": b"1.0", b"1.6": b"1.7"}
FOR_RECIPIENT = {b"1.7": b"1.3", b"1.8": b"1.2"}


class Stop(Exception):
    """A refusal that ends the stage from within: `args[0]` is DUNNO or REJECT."""


class Deferral(NamedTuple):
    """A reason kept for later (defer_if_permit, defer_if_reject)."""

    code: int
    dsn: bytes
    text: bytes


def split_dsn(default: bytes, text: bytes) -> tuple[bytes, bytes]:
    """(enhanced code, text) of "[x.y.z] text"."""
    word, _, rest = text.lstrip(b" \t").partition(b" ")
    return (word, rest.lstrip(b" \t")) if is_enhanced_code(word) else (default, text.strip(b" \t"))


def fix_dsn(dsn: bytes, kind: bytes, tell: Callable[[bytes], Any]) -> bytes:
    """The enhanced code for this kind of reply: x.1.y fits an address of the right sort only."""
    detail = dsn[2:]
    if not detail.startswith(b"1."):
        return dsn
    if kind == SENDER:
        fixed = FOR_SENDER.get(detail, detail)
    elif kind == RECIPIENT:
        fixed = FOR_RECIPIENT.get(detail, detail)
    else:
        fixed = b"0.0"
    if fixed != detail:
        tell(b"mapping DSN status %b into %b status %c.%b" % (dsn, kind, dsn[0], fixed))
    return dsn[:2] + fixed


def log_event(subject: Subject, event: bytes, text: bytes) -> None:
    """`QID: event: WHERE from client: text; from=<> to=<> proto= helo=<>`."""
    parts = [b"%b: %b: %b from %b: %b;" % (subject.queue_id or b"NOQUEUE", event, subject.where, subject.client, text)]
    if subject.sender is not None:
        parts.append(b" from=<%b>" % subject.shown(subject.sender))
    if subject.recipient is not None:
        parts.append(b" to=<%b>" % subject.shown(subject.recipient))
    if subject.protocol:
        parts.append(b" proto=%b" % subject.protocol)
    if subject.helo is not None:
        parts.append(b" helo=<%b>" % subject.helo)
    if subject.sasl_username:
        parts.append(b" sasl_username=<%b>" % subject.sasl_username)
    subject.info(b"".join(parts))


def reject(subject: Subject, code: int, dsn: bytes, text: bytes, trouble: bool = False) -> int:
    """Refuses with "code dsn text": REJECT, or DUNNO under warn_if_reject. `trouble`: our own, never a mere warning."""
    warning = bool(subject.warn_if_reject) and not trouble
    line = printable_line(b"%d %b %b" % (code, dsn, text))
    if not (400 <= code <= 599 and is_enhanced_code(line[4:4 + len(dsn)])):
        subject.warning(b"SMTP reply code configuration error: " + line)
        line = b"450 4.7.1 Service unavailable"
    if not warning and subject.defer_if_reject and line[:1] == b"5":
        earlier, subject.defer_if_reject = subject.defer_if_reject, None
        subject.warn_if_reject = 0
        return reject(subject, *earlier)
    if subject.soft_bounce and line[:1] == b"5":
        line = b"4" + line[1:]
    line = line[:4] + line[:1] + line[5:]
    log_event(subject, b"reject_warning" if warning else b"reject", line)
    if warning:
        return DUNNO
    subject.reply = line
    return REJECT


def printable_line(line: bytes) -> bytes:
    """A reply line of at most 510 bytes without control bytes."""
    return printable(line[:LONGEST]).replace(b"?", b" ") if not line.isascii() or not line.decode().isprintable() \
        else line[:LONGEST]


def defer_if_permit(subject: Subject, code: int, dsn: bytes, text: bytes) -> int:
    """Remembers a deferral for the case that nothing refuses; under warn_if_reject it is logged instead."""
    if subject.warn_if_reject:
        return reject(subject, code, dsn, text)
    subject.defer_if_permit = subject.defer_if_permit or Deferral(code, dsn, text)
    return DUNNO


def defer_if_reject(subject: Subject, code: int, dsn: bytes, text: bytes) -> int:
    """Remembers a deferral that a later permanent refusal turns into."""
    subject.defer_if_reject = subject.defer_if_reject or Deferral(code, dsn, text)
    return DUNNO


def server_error(subject: Subject) -> Stop:
    """To raise where main.cf or a table can't be followed."""
    return Stop(reject(subject, 451, b"4.3.5", b"Server configuration error", trouble=True))


def lookup_error(subject: Subject, name: bytes) -> Stop:
    """To raise where an address can't be resolved now."""
    return Stop(reject(subject, 451, b"4.3.0", b"<%b>: Temporary lookup failure" % name, trouble=True))
