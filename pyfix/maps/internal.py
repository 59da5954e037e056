"""internal:name: a table in the memory of one process, empty at first; tables of one name are one (DATABASE_README)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .registry import wants_utf8
from .table import Table

_shared: dict[str, dict[bytes, bytes]] = {}


class InternalTable(Table):
    """A dictionary."""

    cacheable = False

    def __init__(self, type: str, name: str, flags: int, utf8: bool) -> None:
        super().__init__(type, name, flags, utf8)
        self.entries = _shared.setdefault(name, {})

    def find(self, key: bytes) -> bytes | None:
        return self.entries.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        prepared = self.prepare(key)
        if prepared is not None and self.storable(key, value):
            self.entries[prepared] = value

    def delete(self, key: bytes) -> bool:
        return self.entries.pop(self.prepare(key) or b"", None) is not None

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(list(self.entries.items()))


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Always succeeds."""
    return InternalTable(type, name, flags, wants_utf8(config, flags))
