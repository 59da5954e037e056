"""The contract of every lookup table (DATABASE_README; dict_open(3)).

A lookup ends in one of four ways: found (bytes), not found (None), a temporary error (TableError) or a table that
can never work as configured (TableConfigError, a TableError as well). An error is never "not found".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..errors import TableConfigError, TableError
from . import flags as F
from . import report
from .fold import casefold, utf8_trouble

ReadOnly = "map requires O_RDONLY access mode"


class Table:
    """One open table. Subclasses give `find` (and `items`, `put`, `delete` where their kind has them).

    type, name   as in "type:name"; `name` may carry the file suffix, as in Postfix's messages
    local        a lookup never waits: get() may be used
    fixed        keys are compared as they are (hash kinds: folding and partial keys apply);
                 False for patterns and for tables that must get the whole key only
    cacheable    the same key gives the same result until `generation` changes
    """

    type = ""
    local = True
    fixed = True
    cacheable = True

    def __init__(self, type: str, name: str, flags: int = 0, utf8: bool = False) -> None:
        self.type, self.name, self.flags, self.utf8 = type, name, flags, utf8
        self._fold = bool(flags & (F.FOLD_FIX if self.fixed else F.FOLD_MUL))

    def __repr__(self) -> str:
        return f"<{self.title}>"

    @property
    def title(self) -> str:
        """"type:name", as messages show it."""
        return f"{self.type}:{self.name}"

    @property
    def generation(self) -> int:
        """A number that changes when the table changed on disk; looks at the disk at most once a second."""
        return 0

    def get(self, key: bytes) -> bytes | None:
        """The value of `key`, or None. Never blocks. Only where `local`. Raises TableError."""
        return self.checked(key, self.find)

    def get_many(self, keys: Iterable[bytes]) -> list[bytes | None]:
        """As get() for each key, in their order. Only where `local`. Raises TableError."""
        return [self.get(key) for key in keys]

    def first(self, keys: Sequence[bytes]) -> tuple[int, bytes | None]:
        """(position, value) of the first key that is found; (-1, None) if none is. An empty key is in no table.

        Only where `local`. Raises TableError where a key before the one that is found can't be looked up.
        """
        for at, key in enumerate(keys):
            value = self.get(key) if key else None
            if value is not None:
                return at, value
        return -1, None

    async def lookup(self, key: bytes) -> bytes | None:
        """As get(), for tables of every kind; may wait without blocking the loop."""
        return self.get(key)

    def find(self, key: bytes) -> bytes | None:
        """The value of a key that is already folded and checked."""
        raise NotImplementedError

    def checked(self, key: bytes, find: Any) -> bytes | None:
        """`find` between the checks that every table has: folding, UTF-8 keys and values."""
        prepared = self.prepare(key)
        return None if prepared is None else self.accept(key, find(prepared))

    def prepare(self, key: bytes) -> bytes | None:
        """The key as it is looked up; None where it cannot be in this table (a key that is not UTF-8)."""
        if self.utf8 and not key.isascii():
            if trouble := utf8_trouble(key):
                report.warning(f'{self.title}: non-UTF-8 key "{report.show(key)}": {trouble}')
                return None
            return casefold(key) if self._fold else key
        return key.lower() if self._fold else key

    def storable(self, key: bytes, value: bytes) -> bool:
        """May the value stand in this table? A value that is not UTF-8 where it must be is reported."""
        if self.utf8 and (trouble := utf8_trouble(value)):
            report.warning(f'{self.title}: key "{report.show(key)}": non-UTF-8 value '
                           f'"{report.show(value)}": {trouble}')
            return False
        return True

    def accept(self, key: bytes, value: bytes | None) -> bytes | None:
        """The value, if it may be given out."""
        if value is not None and not self.storable(key, value):
            raise TableConfigError(self.title, "non-UTF-8 value")
        return value

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every entry, in the table's own order (postmap -s)."""
        raise TableError(self.title, f"table {self.title}: sequence operation is not supported")

    def put(self, key: bytes, value: bytes) -> None:
        """Add an entry; a second one for the same key is treated as the DUP_ flags say."""
        raise TableConfigError(self.title, ReadOnly)

    def delete(self, key: bytes) -> bool:
        """Remove an entry; was it there?"""
        raise TableConfigError(self.title, ReadOnly)

    def close(self) -> None:
        """Give back what the table holds; it may not be used again."""
