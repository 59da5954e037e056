"""randmap:{value, ...}: one of the values, by chance, whatever the key (DATABASE_README)."""

from __future__ import annotations

import random
from typing import Any

from ..errors import TableConfigError
from . import flags as F
from .composed import braced
from .files import FileTrouble, read_values
from .registry import wants_utf8
from .table import Table


class RandomTable(Table):
    """The values."""

    fixed = False
    cacheable = False

    def __init__(self, type: str, name: str, values: list[bytes], flags: int, utf8: bool) -> None:
        super().__init__(type, name, flags, utf8)
        self.values = values

    def find(self, key: bytes) -> bytes:
        return random.choice(self.values)


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError for a bad name or a file that can't be read."""
    words = braced(type, name, "value...")
    try:
        values = [read_values(word) if flags & F.RHS_IS_FILE else word.encode("utf-8", "surrogateescape")
                  for word in words]
    except FileTrouble as error:
        raise TableConfigError(f"{type}:{name}", str(error)) from error
    return RandomTable(type, name, values, flags, wants_utf8(config, flags))
