"""A table image on disk, mapped into memory: lookups for hash: and btree:."""

from collections.abc import Callable, Iterator

BERKELEY: tuple[bytes, ...]

def begin_writing(fd: int, offset: int, size: int) -> None:
    """Let the disk begin with a part of a file, without waiting; an error shows at fsync."""

class MappedTable:
    """The table in the file `path`; see ext/pyfix/maps/hashtable.pyx. TableConfigError where it can't be opened."""

    title: str
    changes: int
    def __init__(self, path: str, title: str, command: str, fold: bool, utf8: bool,
                 slow: Callable[[bytes], bytes | None], check: Callable[[bytes, bytes | None], bytes | None]) -> None: ...
    def __len__(self) -> int: ...
    def close(self) -> None:
        """Give the memory back."""
    def generation(self) -> int:
        """A number that grows when the file changed; looks at most once a second."""
    def get(self, key: bytes) -> bytes | None:
        """The value of `key`. TableError."""
    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every entry."""
