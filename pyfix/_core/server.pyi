"""Stub of `pyfix._core.server`: the server's side of SMTP and LMTP."""

from collections.abc import Callable, Container

from pyfix._core.buffer import Buffer
from pyfix._core.data import ContentSink, DataScanner

EVENTS: tuple[str, ...]

class Limits:
    """What the core has to know of the configuration; all keywords, the defaults are Postfix's.

    hostname            what replies call us
    line_length         line_length_limit: longer command lines are cut there
    message_size        message_size_limit, 0 none
    newlines, bare_code smtpd_forbid_bare_newline (0 no, 1 normalize, 2 note, 3 reject) and its reject code
    features            bits: 1 AUTH 2 STARTTLS 4 XCLIENT 8 XFORWARD
    forbidden, ignored  containers of upper-case command names
    path                for paths that are not plain: (raw, is it a sender?, SMTPUTF8?) -> address or None
    """

    hostname: bytes
    line_length: int
    message_size: int
    newlines: int
    def __init__(self, *, hostname: bytes = b"localhost", line_length: int = 2048, message_size: int = 10240000,
                 recipients: int = 1000, overshoot: int = 1000, soft_errors: int = 10, hard_errors: int = 20,
                 junk: int = 100, newlines: int = 1, bare_code: int = 550, features: int = 0, helo_required: bool = False,
                 forbid_pipelining: bool = True, no_vrfy: bool = False, smtputf8: bool = True, strict_paths: bool = False,
                 lmtp: bool = False, standalone: bool = False, forbidden: Container[bytes] = ...,
                 ignored: Container[bytes] = ..., path: Callable[[bytes, bool, bool], bytes | None] | None = None) -> None: ...

class ServerCore:
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
    envid: bytes | None
    orcpt: bytes | None
    auth: bytes | None
    size: int
    notify: int
    ret: int
    verb: int
    eight_bit_mime: bool
    utf8: bool
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
