"""The SMTP and LMTP client state machine: reply bytes in, command bytes and events out. See ext/pyfix/_core/client.pyx."""

from pyfix._core.request import Request, Settings

STAGES: tuple[str, ...]
STATES: tuple[str, ...]
FAILURES: tuple[str, ...]
READY: int
CONTENT: int
DONE: int
FAILED: int
CLOSE: int
PIX: int
PIPELINING: int
SIZE: int
EIGHTBITMIME: int
DSN: int
SMTPUTF8: int
STARTTLS: int
AUTH: int
XFORWARD: dict[bytes, int]
KEYWORDS: dict[bytes, int]
NOTIFY_WORDS: tuple[tuple[int, bytes], ...]

class ClientCore:
    """One session. receive() takes the peer's bytes; `events` says what happened since it was last cleared.

    Order of use: receive until READY; begin(); receive until CONTENT; send the content and its
    final dot and call sent_content(); receive until DONE; results; then begin() again or quit().
    Bytes to send are in take_output() after each call.
    """

    events: int
    pix_no_esmtp: bool
    stage: int
    features: int
    failure: int
    failed_reply: int
    messages: int
    recipient_count: int
    size_limit: int
    kept: bool
    no_reuse: bool
    own_name: bool
    own_name_said: bool
    notes: list[tuple[str, str]]
    def __init__(self, settings: Settings) -> None: ...
    def receive(self, data: bytes) -> int:
        """Take reply bytes; returns how many were taken."""
    def begin(self, request: Request) -> None:
        """Start a transaction. ValueError: the session is not idle, or there is no recipient."""
    def sent_content(self) -> None:
        """The content and its final dot have been handed to the socket: the reply to them comes next."""
    def quit(self) -> None:
        """Send QUIT; the session ends at once (CLOSE), or after its reply if skip_quit_response is off."""
    def take_output(self) -> bytes:
        """What is to be sent, and forget it."""
    @property
    def where(self) -> str:
        """Name of the stage the session is in (see STAGES)."""
    def answer(self, index: int) -> tuple[int, str, str]:
        """A kept reply as (code, dsn, text)."""
    def result(self, index: int) -> tuple[int, int, int]:
        """(state, stage, reply index or -1) of recipient `index`; see STATES and STAGES."""
