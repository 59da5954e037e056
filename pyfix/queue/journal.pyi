"""A process's own log: records gather while one sync runs, and go to disk together (docs/queue.md "The writer")."""

from collections.abc import Callable
from typing import Any

from pyfix.durable import Directory
from pyfix.model import Place

Outcome = tuple[Any, Place | None, Exception | None]

class Journal:
    """The records of one process. `kind` is what its segments hold; `linger` (seconds) the longest wait of SOON.

    `on_group` is called from ready(). All methods belong to one thread. QueueError or DiskFull: its first segment can't be made.
    """

    directory: Directory
    on_group: Callable[[list[Outcome]], None]
    def __init__(self, directory: str, name: str, kind: int, *, segment_size: int = ..., linger: float = 0.01,
                 reserve: bool = False, on_group: Callable[[list[Outcome]], None] | None = None) -> None: ...
    def append(self, kind: int, head: bytes, urgency: int = 0, token: Any = None) -> tuple[int, int]:
        """Append a record without body and return (segment, offset).

        Urgency 0: on disk with the next sync, 1: within `linger`, 2: at once. `token` (not None) is
        handed to on_group when it is. QueueError, DiskFull: it was not taken.
        """
    def barrier(self, token: Any) -> None:
        """Hand `token` to on_group when all that was appended before is on disk."""
    def fileno(self) -> int:
        """A descriptor that is readable when ready() has something to report."""
    def ready(self) -> None:
        """Report what is settled: on_group([(token, Place | None, error | None), ...]) once for each group."""
    def wait(self) -> None:
        """Block until all that was appended is on disk and reported. QueueError: it can't be any more."""
    def position(self) -> tuple[int, int]:
        """(segment, offset) that the next record would get, if it fits."""
    def using(self) -> set[int]:
        """Numbers of the segments that this journal may still write to or holds for a message under way."""
    @property
    def broken(self) -> int:
        """The errno that ended the journal, 0 while it is well."""
    def close(self) -> None:
        """Seal, sync, report, and let go. Blocks."""
