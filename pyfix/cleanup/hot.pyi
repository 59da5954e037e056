"""What every ordinary message costs between its last byte and its reply."""

from typing import Any

from pyfix.cleanup.intake import Intake, Keeper
from pyfix.cleanup.origin import Origin
from pyfix.model import Recipient

class Hot(Keeper):
    """The part of Cleanup that each message passes. Cleanup sets the attributes."""

    resolver: Any
    mapper: Any
    writer: Any
    notify: Any
    queue_errors: tuple[type[BaseException], ...]
    senders: dict[bytes, bytes]
    generation: int
    def intake(self, origin: Origin) -> Intake:
        """A new message, with its queue id. QueueError: the queue gives none now."""
    def complete(self, intake: Intake) -> None:
        """Commits an intake, at once where it can be; the reply follows when the commit is on disk."""
    def commit(self, intake: Intake, sender: bytes, recipients: list[Recipient]) -> None:
        """Hands the message to the writer; `on_group` hears what became of it."""
    def on_group(self, group: list[tuple[Intake, Any, Exception | None]]) -> None:
        """The writer's answer for all messages of one commit: first qmgr learns of them, then the clients."""
    def notice(self, intake: Intake, place: Any) -> bytes:
        """An item of ipc.messages.COMMITTED, packed."""
