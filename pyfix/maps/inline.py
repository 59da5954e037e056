"""inline:{ key=value, { key = value with spaces } }: a small table in the configuration itself (DATABASE_README)."""

from typing import Any

from ..errors import TableConfigError
from . import flags as F
from .braces import SEPARATORS, balanced, extract, split_assignment, tokens
from .files import FileTrouble, read_values
from .fold import casefold
from .memory import MemoryTable
from .registry import wants_utf8
from .table import Table


def _body(name: str) -> str | None:
    """What stands between the outer braces; None where the name is anything else."""
    name = name.strip(" \t\r\n")
    if not name.startswith("{") or balanced(name) != len(name) or name == "{}":
        return None
    return name[1:-1]


def _entry(token: str, flags: int) -> tuple[str, bytes, str]:
    """(key, value, error) of one entry."""
    error = ""
    if token.startswith("{"):
        token, error = extract(token)
    if not error:
        key, value, error = split_assignment(token)
    if error:
        return "", b"", error
    if not flags & F.RHS_IS_FILE:
        return key, value.encode("utf-8", "surrogateescape"), ""
    try:
        return key, read_values(value), ""
    except FileTrouble as trouble:
        return "", b"", str(trouble)


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError where the name is not a list of assignments."""
    title = f"{type}:{name}"
    need = "name=filename..." if flags & F.RHS_IS_FILE else "name=value..."
    need = f'"{title}"; need "{type}:{{{need}}}"'
    body = _body(name)
    if body is None:
        raise TableConfigError(title, f"bad syntax: {need}")
    entries: dict[bytes, bytes] = {}
    for token in tokens(body, SEPARATORS):
        key, value, error = _entry(token, flags)
        if error:
            raise TableConfigError(title, f"{error}: {need}")
        raw = key.encode("utf-8", "surrogateescape")
        entries[casefold(raw) if flags & F.FOLD_FIX else raw] = value     # the last of several, whatever the flags say
    if not entries:
        raise TableConfigError(title, f"empty table: {need}")
    return MemoryTable(type, name, entries, flags, wants_utf8(config, flags))
