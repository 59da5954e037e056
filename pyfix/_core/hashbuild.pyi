"""Makes table images: one pass over a postmap source without the GIL, or entry by entry. Source syntax: postmap(1)."""

from collections.abc import Callable, Iterator

EVENTS: tuple[str, ...]

class Builder:
    """Collects entries, then makes an image of them.

    `fold`: keys are folded, those that are not ASCII (with `utf8`) by `casefold`; `utf8`: lines must be UTF-8;
    `seed`: 16 bytes for the hash, random by default.
    """

    def __init__(self, fold: bool = False, utf8: bool = False, casefold: Callable[[bytes], bytes] = ...,
                 seed: bytes | None = None) -> None: ...
    def __len__(self) -> int:
        """The number of entries, those with one key included."""
    def parse(self, data: bytes | bytearray | memoryview, more: bool = False, expect: int = 0) -> int:
        """Read a whole source; events() says afterwards what was wrong with it. MemoryError.

        With `more` it goes on after `data`: lines that may not be whole are left; returns how many bytes were
        taken, and the next call gets the rest with what follows. `expect`: how many bytes are to come in all.
        """
    def add(self, key: bytes, value: bytes, line: int = 0) -> None:
        """One entry, taken as it is."""
    def events(self) -> list[tuple[int, int, str, bytes]]:
        """[(entries before it, line, kind, logical line)]; kind is one of EVENTS."""
    def entries(self) -> list[tuple[bytes, bytes, int]]:
        """[(key, value, line)] as collected."""
    def image(self, keep_last: bool = False) -> tuple[bytearray, list[tuple[int, bytes, int]]]:
        """(image, [(index, key, line) of each entry whose key was there before]); may be called once.

        Of entries with one key the first stays, or with `keep_last` the last. OverflowError above 64 GiB.
        """
    def arrange(self, keep_last: bool = False) -> list[tuple[int, bytes, int]]:
        """Decide where each entry goes, for blocks(); arguments, result and errors as of image()."""
    def blocks(self) -> Iterator[bytearray]:
        """The image in pieces of about 1 MiB, after arrange(). Joined they are what image() gives."""
