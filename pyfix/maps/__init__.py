"""Lookup tables (DATABASE_README): the contract, the registry, one module per table type.

    table = maps.open("hash:/etc/postfix/virtual", config)
    if table.local: value = table.get(b"user@example.com")
    value = await table.lookup(b"user@example.com")          # always works
    aliases = maps.MapList(config.virtual_alias_maps, config, "virtual_alias_maps")

Found is bytes, not found None; errors are errors.TableError (temporary) and its child TableConfigError.
"""

from typing import Any

from .flags import LOOKUP
from .maplist import MapList
from .registry import open_spec
from .table import Table

__all__ = ["MapList", "Table", "open"]


def open(spec: str, config: Any = None, flags: int = LOOKUP) -> Table:
    """Open "type:name" to look keys up; `flags` are those of maps.flags. Raises TableConfigError."""
    return open_spec(spec, config, flags)
