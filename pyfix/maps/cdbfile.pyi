"""The cdb format, in memory."""

from collections.abc import Iterator

class Cdb:
    """A database in a buffer. TableError where it is damaged."""

    def __init__(self, data: bytes | memoryview, title: str = "cdb:") -> None: ...
    def find(self, key: bytes) -> bytes | None:
        """The first value of `key`."""
    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every entry, in the order of the file."""

def build(entries: list[tuple[bytes, bytes]]) -> bytearray:
    """The file for these entries. OverflowError above 4 GiB."""
