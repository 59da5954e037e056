"""Replace a table file in one step: write beside it, sync, rename, sync the directory; all through `pyfix.durable`.

A reader has the old file or the new one, after a crash too. The file keeps the mode (and, where we may, the owner)
of the one it replaces, as an editor in place would leave them; a new one gets 0644 less the umask.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..durable import Directory
from ..errors import QueueError

#: bytes that are written at once
PIECE = 1 << 20


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


@contextmanager
def _as_os_error() -> Iterator[None]:
    """Table files are not the queue: trouble with them is the system's."""
    try:
        yield
    except QueueError as error:
        raise OSError(errno.EIO, str(error)) from error


def _folder(path: str) -> Directory:
    return Directory(os.path.dirname(path) or ".")


def _write(folder: Directory, fd: int, view: memoryview) -> None:
    """All of it, a piece at a time: a table may be large."""
    for at in range(0, len(view), PIECE):
        folder.write(fd, bytes(view[at:at + PIECE]), at)


def replace_file(path: str, data: Any, suffix: str = "") -> None:
    """Put a file with the content `data` in the place of `path`; `suffix`: how the name beside it ends.

    Raises OSError; then `path` is as before.
    """
    temporary = path + suffix if suffix else temporary_name(path)
    with _as_os_error():
        folder, name = _folder(path), os.fsencode(os.path.basename(temporary))
        if os.path.lexists(temporary):
            folder.unlink(name)
        fd = folder.create(name, 0o644)
        try:
            try:
                _write(folder, fd, memoryview(data))
                keep_owner(fd, path)
                folder.datasync(fd)
            finally:
                os.close(fd)
            folder.rename(name, os.fsencode(os.path.basename(path)))
        except BaseException:
            folder.unlink(name)
            raise
        folder.sync()


def move_into_place(fd: int, temporary: str, path: str) -> None:
    """Make the open file `temporary` durable and put it in the place of `path`, in the same directory. OSError."""
    with _as_os_error():
        folder = _folder(path)
        folder.datasync(fd)
        folder.rename(os.fsencode(os.path.basename(temporary)), os.fsencode(os.path.basename(path)))
        folder.sync()
