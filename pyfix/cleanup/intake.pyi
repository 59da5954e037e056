"""One message on its way into the queue. Content is written by the C-level ContentSink face."""

from collections.abc import Callable

from pyfix.cleanup.origin import Origin
from pyfix.cleanup.stage import Cleanup
from pyfix.model import Recipient, Reply

class Intake:
    """A message being received: set queue_id, sender, arrival and recipients, then start(), write or put(),
    and finish() or abort().
    """

    stage: Cleanup
    origin: Origin
    queue_id: bytes
    sender: bytes
    recipients: list[Recipient]
    arrival: int
    flags: int
    ret: int
    envid: bytes
    actions: object
    error: str
    size: int
    header: bytes | None
    facts: tuple[int, list[tuple[int, int]], bool] | None
    def __init__(self, stage: Cleanup, origin: Origin) -> None: ...
    def start(self) -> None:
        """Content follows: puts the Received field (RFC 5321 section 4.4) before it."""
    def put(self, data: bytes) -> None:
        """write() for callers in Python: content with CRLF line ends."""
    def take_header(self) -> tuple[bytes, bytes]:
        """(Received field, the client's fields) of a header set apart, for the stage to edit."""
    def put_header(self, header: bytes) -> None:
        """Puts the edited header, the Received field first, before the body."""
    def finish(self, flags: int, done: Callable[[Reply], object]) -> None:
        """The content is complete. `done(Reply)` follows, at once or after the commit."""
    def close(self) -> None:
        """All content is here: writes the last chunk of a long message and settles its size."""
    def commit(self, envelope: bytes) -> None:
        """Hands the packed envelope and the content to the log."""
    def answer(self, reply: Reply) -> None:
        """Ends this message with a Reply."""
    def take_done(self) -> Callable[[Reply], object] | None:
        """Who waits for the reply, to be called once; None when nobody does any more."""
    def abort(self) -> None:
        """Forgets the message and lets go of what was spilled."""
    @property
    def chunks(self) -> list[tuple[int, int, int]]:
        """Where spilled content is, in order."""
