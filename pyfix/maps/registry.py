"""Table types by name: each is one module of this package with an `open_table` function, loaded on first use.

`open_table(type, name, flags, config, mode) -> Table`; mode is "r" to look up, "w" to change an existing table,
"i" to change one that is made if it is missing, "c" to make it anew. Raises TableConfigError.
"""

from __future__ import annotations

import importlib
from typing import Any

from ..errors import TableConfigError
from .table import ReadOnly, Table

#: type -> module of this package
TYPES = {
    "btree": "hash",
    "fail": "fail",
    "hash": "hash",
    "inline": "inline",
    "static": "static",
    "texthash": "texthash",
}

#: types whose tables are files that postmap can make or change
WRITABLE = {"hash", "btree", "lmdb", "cdb", "sdbm", "dbm", "fail", "internal", "environ"}


def split(spec: str) -> tuple[str, str]:
    """("type", "name") of "type:name"."""
    kind, colon, name = spec.partition(":")
    if not colon or not kind or not name:
        raise TableConfigError(spec, f'open dictionary: expecting "type:name" form instead of "{spec}"')
    return kind, name


def open_spec(spec: str, config: Any, flags: int, mode: str = "r") -> Table:
    """Open "type:name"."""
    kind, name = split(spec)
    module = TYPES.get(kind)
    if module is None:
        raise TableConfigError(spec, f"unsupported dictionary type: {kind}")
    if mode != "r" and kind not in WRITABLE:
        raise TableConfigError(spec, f"{spec} {ReadOnly}")
    return importlib.import_module(f"{__package__}.{module}").open_table(kind, name, flags, config, mode)


def must_build(kind: str) -> None:
    """Refuse a type that postmap can't make tables of."""
    if kind not in TYPES:
        raise TableConfigError(kind, f"unsupported dictionary type: {kind}")
    if kind not in WRITABLE:
        raise TableConfigError(kind, f"unsupported dictionary type: {kind} does not support bulk-mode creation.")


def wants_utf8(config: Any, flags: int) -> bool:
    """Do the keys and values of a table opened with `flags` have to be UTF-8?"""
    from . import flags as F

    if flags & F.UTF8_FORCE:
        return True
    enabled = config is None or bool(config.smtputf8_enable)
    return bool(flags & F.UTF8_REQUEST) and enabled
