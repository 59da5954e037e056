"""Stub of `pyfix._core.server`: the server's side of SMTP and LMTP."""

from pyfix._core.buffer import Buffer
from pyfix._core.data import ContentSink, DataScanner
from pyfix._core.envelope import Arguments
from pyfix._core.limits import Limits

EVENTS: tuple[str, ...]

class ServerCore(Arguments):
    """One session: feed() until "more" or "close"; each event but "reset", "slow" and "close" wants an answer."""

    limits: Limits
    out: Buffer
    newlines: int
    masked: int
    denied: bytes | None
    trusted_pipelining: bool
    text: bytes | None
    address: bytes | None
    raw: bytes | None
    verb: int
    esmtp: bool
    greeted: bool
    closing: bool
    bare_lf: bool
    bdat: bool
    reason: str | None
    errors: int
    junk: int
    notes: list[tuple[str, bytes]]
    in_mail: bool
    rcpt_count: int
    scanner: DataScanner | None
    def __init__(self, limits: Limits) -> None: ...
    def feed(self, data: bytes) -> tuple[str, int]:
        """(event name, bytes used) of the next event in `data`."""
    def reply(self, code: int, text: bytes) -> None:
        """Answers the event at hand; `text` is what follows the code."""
    def reply_lines(self, code: int, lines: bytes) -> None:
        """Answers with complete reply lines."""
    def accept(self, sink: ContentSink | None = None) -> None:
        """Says yes to "data"; content goes to `sink`."""
    def where(self) -> str:
        """What the session was at, as "lost connection after ..." says it."""
    def counts(self) -> str:
        """" ehlo=1 mail=1/2 ... commands=2/3", for the disconnect line."""
