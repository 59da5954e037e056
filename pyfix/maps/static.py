"""static:value, static:{ value with spaces }: the same value for every key (DATABASE_README)."""

from typing import Any

from ..errors import TableConfigError, TableError
from . import flags as F
from .braces import extract
from .files import FileTrouble, read_values
from .registry import wants_utf8
from .table import Table


class StaticTable(Table):
    """One value."""

    fixed = False

    def __init__(self, type: str, name: str, value: bytes, flags: int, utf8: bool) -> None:
        super().__init__(type, name, flags, utf8)
        self.value = value

    def find(self, key: bytes) -> bytes:
        return self.value

    def delete(self, key: bytes) -> bool:
        raise TableError(self.title, f"table {self.title}: delete operation is not supported")


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError for unbalanced braces or a file that can't be read."""
    text = name
    if name.startswith("{"):
        text, error = extract(name)
        if error:
            raise TableConfigError(f"{type}:{name}", f"bad {type}:name syntax: {error}")
    if flags & F.RHS_IS_FILE:
        try:
            value = read_values(text)
        except FileTrouble as error:
            raise TableConfigError(f"{type}:{name}", str(error)) from error
    else:
        value = text.encode("utf-8", "surrogateescape")
    return StaticTable(type, name, value, flags, wants_utf8(config, flags))
