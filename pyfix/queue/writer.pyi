"""The writer of an accepting process: queue ids, commits, long content (docs/queue.md "The writer")."""

import asyncio
from collections.abc import Callable
from typing import Any

from pyfix.queue.content import ContentBuffer
from pyfix.queue.journal import Journal, Outcome

class Writer(Journal):
    """Appends messages to segments of its own in `directory`.

    name       the process's, e.g. "smtpd.0": what its segments are called by
    loop       an event loop with add_reader, or None: then the caller calls ready()
    on_group   called once a group with [(token, Place | None, error | None), ...]; error is DiskFull or QueueError
    After an error other than DiskFull `broken` is set and nothing more is taken: the process starts anew.
    """

    long_ids: bool
    def __init__(self, directory: str, name: str, loop: asyncio.AbstractEventLoop | None = None,
                 on_group: Callable[[list[Outcome]], None] | None = None, *, segment_size: int = ...,
                 long_ids: bool = False, reserve: bool = False) -> None: ...
    def new_id(self) -> bytes:
        """A queue id that no other message has or had. QueueError: the log can't give one now."""
    def commit(self, envelope: bytes, content: bytes | ContentBuffer | None, token: Any,
               extents: list[tuple[int, int, int]] | None = None) -> None:
        """Append a message; never waits, never raises for the disk's sake: what became of it goes to on_group with `token`.

        envelope   from envelope.pack()
        content    bytes, a ContentBuffer (which must not change any more), or None when it was all given to chunk()
        extents    what chunk() returned for it, in order (they must be in the envelope too)
        """
    def copy(self, envelope: bytes, content: bytes | ContentBuffer | None, token: Any,
             extents: list[tuple[int, int, int]] | None = None) -> None:
        """commit() of a message that compaction moves: it is none until the state log says so."""
    def chunk(self, data: bytes | ContentBuffer) -> tuple[int, int, int]:
        """Append a piece of long content (bytes or ContentBuffer) early: its extent (segment, offset, length).

        It is durable with the commit that names it; a message given up says drop(). DiskFull, QueueError: not taken.
        """
    def drop(self, extents: list[tuple[int, int, int]]) -> None:
        """Let go of the chunks of a message that will not be committed."""
    def ready(self) -> None:
        """Report what is settled; the loop calls it when fileno() is readable."""
    def close(self) -> None:
        """Seal, sync, report, leave the loop. Blocks."""
