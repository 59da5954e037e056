"""Replace a table file in one step: write beside it, sync, rename, sync the directory.

A reader has the old file or the new one, after a crash too. The file keeps the mode (and, where we may, the owner)
of the one it replaces, as an editor in place would leave them; a new one gets 0644 less the umask.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any


def temporary_name(path: str) -> str:
    """A name beside `path` that no other process uses."""
    return f"{path}.{os.getpid()}.tmp"


def keep_owner(fd: int, path: str) -> None:
    """Give the new file mode and owner of the old one, if there is one."""
    try:
        old = os.stat(path)
    except FileNotFoundError:
        return
    os.fchmod(fd, old.st_mode & 0o777)
    if os.geteuid() == 0:
        os.fchown(fd, old.st_uid, old.st_gid)


def write_all(fd: int, data: Any) -> None:
    """Write all of a buffer."""
    view = memoryview(data)
    while len(view):
        view = view[os.write(fd, view):]


def replace_file(path: str, data: Any) -> None:
    """Put a file with the content `data` in the place of `path`. Raises OSError; then `path` is as before."""
    replace_with(path, lambda fd: write_all(fd, data))


def replace_with(path: str, write: Callable[[int], None]) -> None:
    """As replace_file(), with `write(fd)` giving the content."""
    temporary = temporary_name(path)
    fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        try:
            write(fd)
            keep_owner(fd, path)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    sync_directory(os.path.dirname(path) or ".")


def sync_directory(path: str) -> None:
    """Make a rename in a directory durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
