"""unix:passwd.byname and unix:group.byname: the system's users and groups, as lines of passwd(5) and group(5).

The system may ask a directory server for them, so a lookup on the loop goes through a thread. A process in a chroot jail can't ask
the system: it has the users and groups that could be listed when it went in (pyfix.jail), and where nsswitch.conf(5) names
more sources than files, one that is not in the list is a temporary error and not "no such user".
"""

from __future__ import annotations

import asyncio
import grp
import pwd
from typing import Any

from .. import jail
from ..errors import TableConfigError, TableError
from .registry import wants_utf8
from .table import Table


def _passwd_line(entry: pwd.struct_passwd) -> str:
    return ":".join(map(str, entry))


def _passwd(name: str) -> str:
    return _passwd_line(pwd.getpwnam(name))


def _group(name: str) -> str:
    return _group_line(grp.getgrnam(name))


def _group_line(entry: grp.struct_group) -> str:
    return f"{entry.gr_name}:{entry.gr_passwd}:{entry.gr_gid}:{','.join(entry.gr_mem)}"


def _every(name: str) -> dict[bytes, bytes]:
    """All entries that the system lists, by key."""
    lines = [_passwd_line(user) for user in pwd.getpwall()] if name == "passwd.byname" else [_group_line(group) for group in grp.getgrall()]
    found: dict[bytes, bytes] = {}
    for line in lines:          # the first of a name counts
        found.setdefault(*(text.encode("utf-8", "surrogateescape") for text in (line.partition(":")[0], line)))
    return found


def all_listed(name: str, path: str = "/etc/nsswitch.conf") -> bool:
    """Are all users (groups) in files, so that the system lists them all?"""
    database = name.partition(".")[0] + ":"
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [words for words in map(str.split, file) if words[:1] == [database]]
    except OSError:
        return True
    return all(word in LISTED or word.startswith("[") for words in lines for word in words[1:])


LISTED = frozenset(("files", "compat", "systemd"))
_KINDS = {"passwd.byname": _passwd, "group.byname": _group}


class UnixTable(Table):
    """One of the two."""

    local = False
    cacheable = False
    kept: dict[bytes, bytes] | None = None      # in a jail: everybody
    complete = True

    def __init__(self, type: str, name: str, flags: int = 0, utf8: bool = False) -> None:
        super().__init__(type, name, flags, utf8)
        if jail.preparing:
            jail.note("/etc/" + name.partition(".")[0])
            self.kept, self.complete = _every(name), all_listed(name)

    def find(self, key: bytes) -> bytes | None:
        if self.kept is not None:
            if key not in self.kept and not self.complete:
                raise TableError(self.title, f"table {self.title}: nsswitch.conf names more than files, which can't be asked in a chroot "
                                 "jail; write n in the chroot column of master.cf")
            return self.kept.get(key)
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
