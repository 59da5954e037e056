"""pipemap:{type:name, ...}: the result of one table is the key of the next; a miss anywhere is a miss."""

from __future__ import annotations

from typing import Any

from .composed import ComposedTable, open_parts
from .table import Table


class PipeTable(ComposedTable):
    """Asks one table after the other."""

    def get(self, key: bytes) -> bytes | None:
        value: bytes | None = key
        for table in self.tables:
            value = table.get(value)  # type: ignore[arg-type]
            if value is None:
                return None
        return value

    async def lookup(self, key: bytes) -> bytes | None:
        value: bytes | None = key
        for table in self.tables:
            value = table.get(value) if table.local else await table.lookup(value)  # type: ignore[arg-type]
            if value is None:
                return None
        return value


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError for a bad name or a table that can't be opened."""
    tables, utf8 = open_parts(type, name, flags, config)
    return PipeTable(type, name, tables, flags, utf8)
