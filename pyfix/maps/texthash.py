"""texthash:/path, the postmap source read as it is, into memory; changes need a reload (DATABASE_README)."""

from typing import Any

from ..errors import TableConfigError
from .memory import MemoryTable
from .registry import wants_utf8
from .source import load_text
from .table import Table


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError where the file can't be read."""
    try:
        with open(name, "rb") as file:
            data = file.read()
    except OSError as error:
        raise TableConfigError(f"{type}:{name}", f"open database {name}: {error.strerror}") from error
    utf8 = wants_utf8(config, flags)
    return MemoryTable(type, name, load_text(name, data, flags, utf8), flags, utf8)
