"""Lists of tables in a table's name, `{type:name, ...}`: what unionmap: and pipemap: share (DATABASE_README)."""

from __future__ import annotations

from typing import Any

from ..errors import TableConfigError
from . import registry
from .braces import SEPARATORS, balanced, tokens
from .registry import wants_utf8
from .table import Table


def braced(type: str, name: str, need: str) -> list[str]:
    """The words between the braces of a name that is nothing but `{...}`. Raises TableConfigError."""
    text = name.strip(" \t\r\n")
    words = tokens(text[1:-1], SEPARATORS) if text.startswith("{") and balanced(text) == len(text) else []
    if not words:
        raise _bad(type, name, need)
    return words


def _bad(type: str, name: str, need: str) -> TableConfigError:
    title = f"{type}:{name}"
    return TableConfigError(title, f'bad syntax: "{title}"; need "{type}:{{{need}}}"')


class ComposedTable(Table):
    """A table made of tables."""

    fixed = False

    def __init__(self, type: str, name: str, tables: list[Table], flags: int, utf8: bool) -> None:
        super().__init__(type, name, flags, utf8)
        self.tables = tables
        self.local = all(table.local for table in tables)
        self.cacheable = all(table.cacheable for table in tables)
        self.fixed = all(table.fixed for table in tables)

    @property
    def generation(self) -> int:
        return sum(table.generation for table in self.tables)

    def close(self) -> None:
        for table in self.tables:
            table.close()


def open_parts(type: str, name: str, flags: int, config: Any) -> tuple[list[Table], bool]:
    """(the tables that a name lists, whether UTF-8 is asked for)."""
    words = braced(type, name, "type:name...")
    if any(":" not in word for word in words):
        raise _bad(type, name, "type:name...")
    return [registry.open_spec(word, config, flags) for word in words], wants_utf8(config, flags)
