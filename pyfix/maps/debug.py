"""debug:type:name: a table that says what it is asked and what it answers (DATABASE_README, Postfix 3.11)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..errors import TableError
from . import registry, report
from .table import Table


class DebugTable(Table):
    """Passes everything on to `inner`."""

    cacheable = False

    def __init__(self, type: str, name: str, inner: Table) -> None:
        self.fixed, self.local = inner.fixed, inner.local
        super().__init__(type, name, inner.flags, False)
        self.inner = inner

    @property
    def generation(self) -> int:
        return self.inner.generation

    def _say(self, key: bytes, value: bytes | None) -> bytes | None:
        shown = "not_found" if value is None else report.show(value)
        report.info(f'{self.name} lookup: "{report.show(key)}" = "{shown}"')
        return value

    def _failed(self, key: bytes) -> None:
        report.info(f'{self.name} lookup: "{report.show(key)}" = "error"')

    def get(self, key: bytes) -> bytes | None:
        try:
            return self._say(key, self.inner.get(key))
        except TableError:
            self._failed(key)
            raise

    async def lookup(self, key: bytes) -> bytes | None:
        try:
            return self._say(key, await self.inner.lookup(key))
        except TableError:
            self._failed(key)
            raise

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        try:
            for key, value in self.inner.items():
                report.info(f'{self.name} sequence: "{report.show(key)}" = "{report.show(value)}"')
                yield key, value
        finally:
            report.info(f"{self.name} sequence: found EOF")

    def put(self, key: bytes, value: bytes) -> None:
        self.inner.put(key, value)
        report.info(f'{self.name} update: "{report.show(key)}" = "{report.show(value)}": success')

    def delete(self, key: bytes) -> bool:
        done = self.inner.delete(key)
        report.info(f'{self.name} delete: "{report.show(key)}": {"success" if done else "failed"}')
        return done

    def close(self) -> None:
        self.inner.close()


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError where the inner table can't be opened."""
    return DebugTable(type, name, registry.open_spec(name, config, flags, mode))
