"""An ordered list of tables: the value of a parameter such as virtual_alias_maps (maps(3)).

The first table that has the key answers. A table that fails ends the search with TableError. A table that can't be
opened answers each lookup with TableConfigError, and is tried again once a second.
"""

from __future__ import annotations

import time
from typing import Any

from ..errors import TableConfigError, TableError
from . import flags as F
from . import registry, report
from .braces import tokens
from .table import Table


class Unopened(Table):
    """Stands for a table that can't be opened now (dict_surrogate(3))."""

    cacheable = False

    def __init__(self, spec: str, text: str) -> None:
        kind, _, name = spec.partition(":")
        super().__init__(kind, name)
        self.text = text
        report.error(f"{spec} is unavailable. {text}")

    def get(self, key: bytes) -> bytes | None:
        raise TableConfigError(self.title, self.text)


class MapList:
    """`MapList("hash:a, regexp:b", config, "virtual_alias_maps")`. False where it is empty.

    `local`, `cacheable` hold where they hold for every table.
    """

    def __init__(self, specs: str, config: Any = None, name: str = "", flags: int = F.LOOKUP) -> None:
        self.name, self.config, self.flags = name, config, flags
        self.specs = tokens(specs)
        self.tables: list[Table] = [self._open(spec) for spec in self.specs]
        self._unopened = 0.0
        self._reopened = 0
        self._settle()

    def _open(self, spec: str) -> Table:
        try:
            return registry.open_spec(spec, self.config, self.flags)
        except TableError as error:
            return Unopened(spec, error.text)

    def _settle(self) -> None:
        self.local = all(table.local for table in self.tables)
        self.cacheable = all(table.cacheable for table in self.tables)
        missing = any(isinstance(table, Unopened) for table in self.tables)
        self._unopened = time.monotonic() + 1 if missing else 0.0
        single = len(self.tables) == 1 and self.local and self.tables[0].fixed and not missing
        #: the only table, where its keys are fixed: all forms of an address may be asked for at once
        self.only = self.tables[0] if single else None

    def _retry(self) -> None:
        """Try again to open what could not be opened."""
        if time.monotonic() < self._unopened:
            return
        for at, table in enumerate(self.tables):
            if isinstance(table, Unopened):
                try:
                    self.tables[at] = registry.open_spec(self.specs[at], self.config, self.flags)
                    self._reopened += 1
                except TableError as error:
                    table.text = error.text
        self._settle()

    def __bool__(self) -> bool:
        return bool(self.specs)

    def __len__(self) -> int:
        return len(self.specs)

    @property
    def generation(self) -> int:
        """A number that changes when any of the tables changed on disk."""
        if self._unopened:
            self._retry()
        total = self._reopened
        for table in self.tables:
            total += table.generation
        return total

    def get(self, key: bytes) -> bytes | None:
        """The first table's value for `key`, or None; an empty key is in no table. Only where `local`."""
        if self._unopened:
            self._retry()
        if key:
            for table in self.tables:
                value = table.get(key)
                if value is not None:
                    return value
        return None

    async def lookup(self, key: bytes) -> bytes | None:
        """As get(), for tables of every kind."""
        if self._unopened:
            self._retry()
        if key:
            for table in self.tables:
                value = table.get(key) if table.local else await table.lookup(key)
                if value is not None:
                    return value
        return None

    def get_fixed(self, key: bytes) -> bytes | None:
        """As get(), but only in tables with fixed keys: what partial keys are for."""
        if key:
            for table in self.tables:
                if table.fixed:
                    value = table.get(key)
                    if value is not None:
                        return value
        return None

    async def lookup_fixed(self, key: bytes) -> bytes | None:
        """As get_fixed(), for tables of every kind."""
        if key:
            for table in self.tables:
                if table.fixed:
                    value = table.get(key) if table.local else await table.lookup(key)
                    if value is not None:
                        return value
        return None

    def close(self) -> None:
        """Close all tables."""
        for table in self.tables:
            table.close()
