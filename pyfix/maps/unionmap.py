"""unionmap:{type:name, ...}: the results of all tables that have the key, joined with commas (DATABASE_README)."""

from __future__ import annotations

from typing import Any

from .composed import ComposedTable, open_parts
from .table import Table


class UnionTable(ComposedTable):
    """Asks every table."""

    def get(self, key: bytes) -> bytes | None:
        return self._join([table.get(key) for table in self.tables])

    async def lookup(self, key: bytes) -> bytes | None:
        return self._join([table.get(key) if table.local else await table.lookup(key) for table in self.tables])

    @staticmethod
    def _join(values: list[bytes | None]) -> bytes | None:
        found = [value for value in values if value is not None]
        return b",".join(found) if found else None


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError for a bad name or a table that can't be opened."""
    tables, utf8 = open_parts(type, name, flags, config)
    return UnionTable(type, name, tables, flags, utf8)
