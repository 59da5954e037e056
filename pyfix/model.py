"""The values that stages hand to each other. No behaviour, no I/O.

Addresses are `bytes` in internal (unquoted) form, UTF-8 where SMTPUTF8 was asked
for; b"" is the null address. Times are integers: microseconds since the epoch.
"""

from typing import NamedTuple


class Reply(NamedTuple):
    """An SMTP reply: `code` 200-599, `dsn` "x.y.z" or "", `text` one line without line end."""

    code: int
    dsn: str
    text: str


class Place(NamedTuple):
    """Where a queued message's record is: segment number, byte offset, record length."""

    segment: int
    offset: int
    length: int


# Recipient.notify bits (RFC 3461 NOTIFY=); 0 = not given, which means failure and delay.
NOTIFY_NEVER, NOTIFY_SUCCESS, NOTIFY_FAILURE, NOTIFY_DELAY = 1, 2, 4, 8

# Envelope.ret (RFC 3461 RET=)
RET_NONE, RET_FULL, RET_HEADERS = 0, 1, 2

# Envelope.flags
HAS_DOT_LINE = 1        # some line of the content starts with "."
HAS_8BIT = 2            # some byte of the content is >= 0x80
HAS_LONG_LINE = 4       # some line is longer than 998 bytes
SMTPUTF8 = 8            # RFC 6531 was requested by the sender
HOLD = 16               # enters the queue on hold
LOCAL_SUBMISSION = 32   # came by sendmail/pickup, not by SMTP
BOUNCE = 64             # a notification that this system made itself
TRACE_ONLY = 128        # sendmail -bv: report, do not deliver


class Recipient:
    """One recipient of a queued message, resolved when it was accepted.

    address       where it goes (internal form)
    original      as it was before any expansion, b"" if the same
    orcpt         RFC 3461 ORCPT value "type;xtext-decoded", b"" if none
    notify        NOTIFY_* bits
    transport     master.cf service name, e.g. "smtp"
    nexthop       e.g. "example.com", "[127.0.0.1]:2525"
    """

    __slots__ = ("address", "original", "orcpt", "notify", "transport", "nexthop")

    def __init__(self, address: bytes, original: bytes = b"", orcpt: bytes = b"", notify: int = 0,
                 transport: str = "", nexthop: str = "") -> None:
        self.address, self.original, self.orcpt = address, original, orcpt
        self.notify, self.transport, self.nexthop = notify, transport, nexthop


class Envelope:
    """All of a queued message but its content.

    queue_id      e.g. b"4F2A13C05D" or the long form
    arrival       microseconds since the epoch
    sender        reverse path, internal form
    flags         bits of this module
    size          content bytes as stored (what SIZE= and the log say)
    ret, envid    RFC 3461 RET_* and ENVID (decoded), b"" if none
    attributes    str -> str: client_name, client_address, client_port, protocol, helo,
                  reverse_name, sasl_*, ident, encoding, content_filter, redirect, message_id ...
    generation    configuration generation that the recipients were resolved under
    recipients    list[Recipient]
    extents       [] when the content is in the record itself, else [(segment, offset, length), ...]
    """

    __slots__ = ("queue_id", "arrival", "sender", "flags", "size", "ret", "envid", "attributes",
                 "generation", "recipients", "extents")

    def __init__(self, queue_id: bytes, arrival: int, sender: bytes, flags: int = 0, size: int = 0,
                 ret: int = 0, envid: bytes = b"", attributes: dict[str, str] | None = None, generation: int = 0,
                 recipients: list[Recipient] | None = None,
                 extents: list[tuple[int, int, int]] | None = None) -> None:
        self.queue_id, self.arrival, self.sender, self.flags, self.size = queue_id, arrival, sender, flags, size
        self.ret, self.envid, self.generation = ret, envid, generation
        self.attributes = {} if attributes is None else attributes
        self.recipients = [] if recipients is None else recipients
        self.extents = [] if extents is None else extents
