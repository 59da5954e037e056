"""Tables of two files, name.dir and name.pag: what sdbm: and dbm: have in common (DATABASE_README).

New files are made beside the old ones and renamed over them, name.pag first, while name.dir is locked: a reader that has
the lock of the name.dir that is in place sees two files that belong together. Readers look for new files once a
second. An edit writes the whole table anew. Keys and values end in a NUL as Postfix's do, unless the table was
made otherwise.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from typing import Any, Protocol

from ..errors import TableConfigError, TableError
from . import flags as F
from . import report
from .atomic import keep_owner, sync_directory, temporary_name
from .fold import casefold
from .table import Table
from .watch import Watch

#: seconds that a lookup waits while files are being put in place
PATIENCE = 0.04


class Pages(Protocol):
    """An open pair of files."""

    def find(self, key: bytes) -> bytes | None: ...
    def items(self) -> Iterator[tuple[bytes, bytes]]: ...


class Kind(Protocol):
    """A library: how it opens a pair of files and makes one."""

    def open(self, base: str, title: str) -> Pages:
        """Raises OSError, TableError."""

    def make(self, base: str, pairs: list[tuple[bytes, bytes]]) -> None:
        """Write base.dir and base.pag. Raises OSError, OverflowError."""


def lock_directory(base: str, how: int, patience: float = -1) -> int:
    """A descriptor of the base.dir that is in place, locked. Raises OSError; BlockingIOError after `patience` s."""
    deadline = time.monotonic() + patience
    while True:
        fd = os.open(f"{base}.dir", os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, how if patience < 0 else how | fcntl.LOCK_NB)
            if os.fstat(fd).st_ino == os.stat(f"{base}.dir").st_ino:
                return fd
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(fd)
                raise
            time.sleep(0.002)
        except OSError:
            os.close(fd)
            raise
        os.close(fd)


class TwoFileTable(Table):
    """An open table."""

    def __init__(self, type: str, name: str, flags: int, utf8: bool, kind: Kind) -> None:
        super().__init__(type, name, flags, utf8)
        self.kind = kind
        self.watch = Watch(f"{name}.pag")
        self.nul: bool | None = {F.TRY0NULL: False, F.TRY1NULL: True}.get(flags & (F.TRY0NULL | F.TRY1NULL))
        try:
            self.pages = self._open()
        except TableConfigError:
            raise
        except TableError as error:
            raise TableConfigError(self.title, error.text) from error

    def _open(self) -> Pages:
        try:
            lock = lock_directory(self.name, fcntl.LOCK_SH, PATIENCE)
        except BlockingIOError:
            raise TableError(self.title, "the table is being changed") from None
        except OSError as error:
            raise TableConfigError(self.title, f"open database {self.name}.dir: {error.strerror}") from error
        try:
            return self.kind.open(self.name, self.title)
        except OSError as error:
            raise TableConfigError(self.title, f"open database {self.name}.pag: {error.strerror}") from error
        finally:
            os.close(lock)

    @property
    def generation(self) -> int:
        if self.watch.changed():
            self.pages = self._open()
        return self.watch.changes

    def find(self, key: bytes) -> bytes | None:
        if self.watch.changed():
            self.pages = self._open()
        for nul in (True, False) if self.nul is None else (self.nul,):
            value = self.pages.find(key + b"\0" if nul else key)
            if value is not None:
                self.nul = nul
                return value.removesuffix(b"\0") if nul else value
        return None

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        for key, value in self.pages.items():
            yield key.removesuffix(b"\0"), value.removesuffix(b"\0")


class TwoFileEditor(Table):
    """A table that is made or changed: close() puts it in place. Mode as in the registry."""

    def __init__(self, type: str, name: str, flags: int, utf8: bool, mode: str, kind: Kind) -> None:
        super().__init__(type, name, flags, utf8)
        self.kind, self.lock = kind, -1
        self.end = b"" if flags & F.TRY0NULL else b"\0"
        self.entries: dict[bytes, bytes] = {}
        if mode != "c":
            self._load(mode)

    def _load(self, mode: str) -> None:
        """Take over what is there, and keep others from changing it."""
        try:
            self.lock = lock_directory(self.name, fcntl.LOCK_EX)
            for key, value in self.kind.open(self.name, self.title).items():
                self.end = b"\0" if key.endswith(b"\0") else b""
                self.entries[key.removesuffix(b"\0")] = value.removesuffix(b"\0")
        except FileNotFoundError as error:
            if mode != "i":
                raise TableConfigError(self.title, f"open database {error.filename}: {error.strerror}") from error
        except OSError as error:
            raise TableConfigError(self.title, f"open database {error.filename}: {error.strerror}") from error

    def _folded(self, key: bytes) -> bytes:
        return (casefold(key) if self.utf8 else key.lower()) if self._fold else key

    def put(self, key: bytes, value: bytes) -> None:
        key = self._folded(key)
        if key not in self.entries or self.flags & F.DUP_REPLACE:
            self.entries[key] = value
        elif not self.flags & F.DUP_IGNORE:
            report.warning(f'{self.name}: duplicate entry: "{report.show(key)}"')

    def delete(self, key: bytes) -> bool:
        return self.entries.pop(self._folded(key), None) is not None

    def close(self) -> None:
        """Write both files and put them in place. Raises TableError; then the old ones stay."""
        pairs = [(key + self.end, value + self.end) for key, value in self.entries.items()]
        try:
            self._replace(pairs)
        except OSError as error:
            raise TableError(self.title, f"write {self.name}.pag: {error.strerror}") from error
        except OverflowError as error:
            raise TableError(self.title, str(error)) from error
        finally:
            if self.lock >= 0:
                os.close(self.lock)
                self.lock = -1

    def _replace(self, pairs: list[tuple[bytes, bytes]]) -> None:
        made = temporary_name(self.name)
        try:
            self.kind.make(made, pairs)
            for suffix in (".pag", ".dir"):
                settle(made + suffix, self.name + suffix)
            if self.lock < 0 and os.path.exists(f"{self.name}.dir"):
                self.lock = lock_directory(self.name, fcntl.LOCK_EX)
            for suffix in (".pag", ".dir"):
                os.rename(made + suffix, self.name + suffix)
        except BaseException:
            for suffix in (".pag", ".dir"):
                if os.path.exists(made + suffix):
                    os.unlink(made + suffix)
            raise
        sync_directory(os.path.dirname(self.name) or ".")


def settle(made: str, target: str) -> None:
    """Give a new file the owner and mode of the one it replaces, and sync it."""
    fd = os.open(made, os.O_RDWR | os.O_CLOEXEC)
    try:
        keep_owner(fd, target)
        os.fsync(fd)
    finally:
        os.close(fd)


def open_pair(type: str, name: str, flags: int, utf8: bool, mode: str, kind: Any) -> Table:
    """The table of `mode`. Raises TableConfigError."""
    if mode == "r":
        return TwoFileTable(type, name, flags, utf8, kind)
    return TwoFileEditor(type, name, flags, utf8, mode, kind)
