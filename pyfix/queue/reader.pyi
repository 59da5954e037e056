"""Reading queued messages: one pread for a small one, extents for sendfile for a long one (docs/queue.md "Reading")."""

from collections.abc import Iterator

from pyfix.model import Envelope, Place

class SegmentFile:
    """An open segment. QueueError: it can't be opened; Corrupt: it is gone, or its head is not a segment's, or another's."""

    fd: int
    number: int
    kind: int
    size: int
    name: bytes
    salt: int
    def __init__(self, directory: int, number: int, suffix: str = "seg") -> None: ...
    def fileno(self) -> int:
        """Its descriptor, which lives as long as this object."""

class Content:
    """A message's content.

    size      bytes
    data      a memoryview when the content was in the record, else None
    extents   [(descriptor, offset, length), ...] for sendfile; the descriptors live as long as this object
    """

    size: int
    data: memoryview | None
    extents: list[tuple[int, int, int]]
    def pieces(self) -> Iterator[memoryview]:
        """The content as checked memoryviews, each all of it or a chunk. Corrupt: a chunk's checksum is wrong; QueueError: not readable."""
    def verify(self) -> None:
        """Check the chunks of long content without keeping them. Corrupt, QueueError as pieces(). Needs no GIL while it reads."""
    def __bytes__(self) -> bytes: ...

class Reader:
    """Reads messages by their places; keeps up to `keep` segments open."""

    def __init__(self, directory: str, keep: int = 64) -> None: ...
    def open(self, place: Place | tuple[int, int, int]) -> tuple[Envelope, Content]:
        """(Envelope, Content) of the message at `place` (segment, offset, length). Corrupt: damaged; QueueError: not readable."""
    def read(self, segment: int, offset: int, length: int = 0) -> tuple[int, bytes, bytes]:
        """(kind, head, body) of any record, checked; `length` 0: not known. Corrupt, QueueError as open()."""
    def forget(self, segment: int) -> None:
        """Close a segment that is gone."""
