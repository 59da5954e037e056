"""A table that is a dictionary in memory: what inline: and texthash: become once read."""

from collections.abc import Iterator

from .table import Table


class MemoryTable(Table):
    """`entries` maps keys, already folded as `flags` ask, to values."""

    def __init__(self, type: str, name: str, entries: dict[bytes, bytes], flags: int, utf8: bool) -> None:
        super().__init__(type, name, flags, utf8)
        self.entries = entries
        self.find = entries.get  # type: ignore[method-assign,assignment]

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(self.entries.items())
