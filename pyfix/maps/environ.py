"""environ:name: the environment of the process (DATABASE_README); the name does not matter."""

import os
from typing import Any

from .registry import wants_utf8
from .table import Table


class EnvironTable(Table):
    """Keys are names of variables."""

    cacheable = False

    def find(self, key: bytes) -> bytes | None:
        return os.environb.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        os.environb[key] = value

    def delete(self, key: bytes) -> bool:
        return os.environb.pop(key, None) is not None


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Always succeeds."""
    return EnvironTable(type, name, flags, wants_utf8(config, flags))
