"""unix:passwd.byname and unix:group.byname: the system's users and groups, as lines of passwd(5) and group(5).

The system may ask a directory server for them, so a lookup on the loop goes through a thread.
"""

from __future__ import annotations

import asyncio
import grp
import pwd
from typing import Any

from ..errors import TableConfigError, TableError
from .registry import wants_utf8
from .table import Table


def _passwd(name: str) -> str:
    return ":".join(map(str, pwd.getpwnam(name)))


def _group(name: str) -> str:
    entry = grp.getgrnam(name)
    return f"{entry.gr_name}:{entry.gr_passwd}:{entry.gr_gid}:{','.join(entry.gr_mem)}"


_KINDS = {"passwd.byname": _passwd, "group.byname": _group}


class UnixTable(Table):
    """One of the two."""

    local = False
    cacheable = False

    def find(self, key: bytes) -> bytes | None:
        try:
            return _KINDS[self.name](key.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        except (KeyError, ValueError):
            return None
        except OSError as error:
            raise TableError(self.title, str(error)) from error

    async def lookup(self, key: bytes) -> bytes | None:
        return await asyncio.get_running_loop().run_in_executor(None, self.get, key)


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError for another name."""
    if name not in _KINDS:
        raise TableConfigError(f"{type}:{name}", f"unknown table: {type}:{name}")
    return UnixTable(type, name, flags, wants_utf8(config, flags))
