"""The values that stages hand to each other (Recipient and Envelope are made in pyfix.message). No behaviour, no I/O.

Addresses are `bytes` in internal (unquoted) form, UTF-8 where SMTPUTF8 was asked
for; b"" is the null address. Times are integers: microseconds since the epoch.
"""

from typing import NamedTuple

from pyfix.message import Envelope, Recipient


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
LOCAL_CLIENT = 256      # came by SMTP from a client in local_header_rewrite_clients
VERP = 512              # each recipient has a sender address of its own: pyfix.resolve.verp
TRACE = 0x8000          # sendmail -v: deliver, and report the first attempt
KEPT_FLAGS = 0x80FF     # those that the slot table keeps; the bits between are its own

__all__ = ["Envelope", "Place", "Recipient", "Reply"]
