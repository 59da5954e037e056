"""The transports error, retry and discard, done by qmgr itself: their only work is a log line.

So are `trace`, a recipient of a message that is not to be delivered (sendmail -bv), and `expanded`, a recipient that an alias replaced: it is only reported (RFC 3461 section 5.2.7.3).
The nexthop is the text, with an enhanced status code before it ("5.1.1 user unknown"), as in
error(8) and discard(8). An agent process that serves one of them is preferred.
"""

import re
from typing import Any

from pyfix.model import NOTIFY_SUCCESS, TRACE, Envelope
from pyfix.qmgr.names import external, seconds
from pyfix.qmgr.scheduler import Message

INLINE = frozenset({"error", "retry", "discard", "expanded", "trace"})
_CODE = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?:\s+|$)")
_WAYS = {"error": ("5", "5.0.0", "bounced"), "retry": ("4", "4.0.0", "deferred"), "discard": ("2", "2.0.0", "sent"),
         "expanded": ("2", "2.0.0", "expanded")}


class Inline:
    """Answers for recipients of those three transports. `log` writes as postfix/error, the name Postfix's lines have."""

    def __init__(self, log: Any) -> None:
        self.log = log

    def deliver(self, transport: str, nexthop: str, envelope: Envelope, message: Message, indexes: list[int],
                now: int) -> None:
        """Log and note the outcome of these recipients of `message`."""
        found = _CODE.match(nexthop)
        digit, dsn, status = _WAYS[transport] if transport != "trace" else trace_way(nexthop)
        text = nexthop[found.end():] if found else nexthop
        if found:
            dsn = digit + found[1][1:]
        for index in indexes:
            self.log.info(delivery_line(envelope, message, index, now, dsn, status, text))
        if transport == "trace":
            message.sent.extend(indexes)
            message.reported = (message.reported or []) + [(index, status, dsn, text) for index in indexes]
        elif digit == "2":
            message.sent.extend(indexes)
            told = [(index, "delivered" if status == "sent" else status, dsn, text) for index in indexes
                    if envelope.recipients[index].notify & NOTIFY_SUCCESS or envelope.flags & TRACE]
            message.reported = (message.reported or []) + told or None
        elif status == "bounced":
            message.bounced = (message.bounced or []) + [(index, dsn, text) for index in indexes]
        else:
            message.deferred = (message.deferred or []) + [(index, dsn, text) for index in indexes]


def trace_way(nexthop: str) -> tuple[str, str, str]:
    """(class, code, status) of a recipient that is only looked at."""
    digit = nexthop[:1] if nexthop[:1] in ("2", "4", "5") else "5"
    return digit, f"{digit}.0.0", "deliverable" if digit == "2" else "undeliverable"


def delivery_line(envelope: Envelope, message: Message, index: int, now: int, dsn: str, status: str, text: str) -> str:
    """A delivery log line with relay=none."""
    recipient = envelope.recipients[index]
    original = f"orig_to=<{external(recipient.original)}>, " if recipient.original else ""
    start = message.active_since or now
    return (f"{message.queue_id.decode()}: to=<{external(recipient.address)}>, {original}relay=none, "
            f"delay={seconds(now - message.arrival)}, "
            f"delays={seconds(start - message.arrival)}/{seconds(now - start)}/0/0, "
            f"dsn={dsn}, status={status} ({text})")
