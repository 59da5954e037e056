"""lmdb:name, LMDB databases in name.lmdb, as Postfix writes and reads them (lmdb_table(5)).

Keys and values end in a NUL, unless the database was made otherwise. The map grows by itself (lmdb_map_size is where it
starts). Postfix guards the file with flock(2) instead of LMDB's own locks, and so do we: readers share, writers exclude.
A database that is made anew is built beside the old one and renamed over it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from ..errors import TableConfigError, TableError
from . import flags as F
from . import report
from .atomic import keep_owner, sync_directory, temporary_name
from .fold import casefold
from .registry import wants_utf8
from .table import Table
from .watch import Watch

lmdb: Any = import_module("lmdb")

#: seconds that a lookup waits for a writer
PATIENCE = 0.04


class LmdbTable(Table):
    """An open database; `mode` as in the registry."""

    def __init__(self, type: str, name: str, flags: int, utf8: bool, mode: str, map_size: int) -> None:
        super().__init__(type, name, flags, utf8)
        self.target, self.mode = f"{name}.lmdb", mode
        self.path = temporary_name(self.target) if mode == "c" else self.target
        self.nul: bool | None = {F.TRY0NULL: False, F.TRY1NULL: True}.get(flags & (F.TRY0NULL | F.TRY1NULL))
        self.lock = self._lock_file()
        if mode != "r":
            fcntl.flock(self.lock, fcntl.LOCK_EX)
            if mode == "c":
                os.ftruncate(self.lock, 0)
                keep_owner(self.lock, self.target)
        self.watch = Watch(self.path)
        self.map_size = max(map_size, 3 * os.fstat(self.lock).st_size, 1 << 20)
        self.env = self._open()
        self.size = os.fstat(self.lock).st_size
        self.write: Any = self.env.begin(write=True) if mode != "r" else None
        self.waiting: list[tuple[bytes, bytes]] = []

    def _lock_file(self) -> int:
        how = {"r": os.O_RDONLY, "w": os.O_RDWR}.get(self.mode, os.O_RDWR | os.O_CREAT)
        try:
            return os.open(self.path, how | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise TableConfigError(self.title, f"open database {self.path}: {error.strerror}") from error

    def _open(self) -> Any:
        try:
            return lmdb.open(self.path, subdir=False, readonly=self.mode == "r", lock=False, map_size=self.map_size,
                             create=self.mode in "ci", sync=True, max_spare_txns=4)
        except lmdb.Error as error:
            raise TableConfigError(self.title, f"open database {self.path}: {error}") from error

    # -- reading

    @contextlib.contextmanager
    def _shared(self) -> Iterator[Any]:
        """A read transaction, while no writer is at work."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(self.lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TableError(self.title, "the table is being changed") from None
                time.sleep(0.002)
        try:
            if self.watch.changed() or os.fstat(self.lock).st_size < self.size:
                self._reopen()
            with self.env.begin() as transaction:
                yield transaction
        except lmdb.Error as error:
            raise TableError(self.title, str(error)) from error
        finally:
            fcntl.flock(self.lock, fcntl.LOCK_UN)

    def _reopen(self) -> None:
        """Another file, or a larger one: start over with it."""
        self.env.close()
        os.close(self.lock)
        self.lock = self._lock_file()
        fcntl.flock(self.lock, fcntl.LOCK_SH)
        self.map_size = max(self.map_size, 3 * os.fstat(self.lock).st_size)
        self.env = self._open()
        self.size = os.fstat(self.lock).st_size

    @property
    def generation(self) -> int:
        if self.mode == "r" and self.watch.changed():
            self._reopen()
            fcntl.flock(self.lock, fcntl.LOCK_UN)
        return self.watch.changes

    def find(self, key: bytes) -> bytes | None:
        if not key or len(key) > 510:
            return None
        with self._shared() as transaction:
            return self._fetch(transaction, key)

    def _fetch(self, transaction: Any, key: bytes) -> bytes | None:
        if self.nul is not False:
            value = transaction.get(key + b"\0")
            if value is not None:
                self.nul = True
                return bytes(value).removesuffix(b"\0")
        if self.nul is not True:
            value = transaction.get(key)
            if value is not None:
                self.nul = False
                return bytes(value)
        return None

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        with self._shared() as transaction:
            pairs = [(bytes(key), bytes(value)) for key, value in transaction.cursor()]
        for key, value in pairs:
            yield key.removesuffix(b"\0"), value.removesuffix(b"\0")

    # -- writing

    def _folded(self, key: bytes) -> bytes:
        return (casefold(key) if self.utf8 else key.lower()) if self._fold else key

    def put(self, key: bytes, value: bytes) -> None:
        end = b"" if self.nul is False else b"\0"
        key = self._folded(key)
        replace = bool(self.flags & F.DUP_REPLACE)
        if not self._store(key + end, value + end, replace) and not self.flags & F.DUP_IGNORE:
            report.warning(f'{self.title}: duplicate entry: "{report.show(key)}"')

    def _store(self, key: bytes, value: bytes, replace: bool) -> bool:
        """False: the key was there. A map that is full grows, and the transaction is done over."""
        while True:
            try:
                stored = self.write.put(key, value, overwrite=replace)
                if stored:
                    self.waiting.append((key, value))
                return stored
            except lmdb.MapFullError:
                self._grow()
            except lmdb.Error as error:
                raise TableError(self.title, str(error)) from error

    def _grow(self) -> None:
        self.write.abort()
        self.map_size *= 2
        self.env.set_mapsize(self.map_size)
        self.write = self.env.begin(write=True)
        for key, value in self.waiting:
            self.write.put(key, value)

    def delete(self, key: bytes) -> bool:
        key = self._folded(key)
        done = (self.nul is not False and self.write.delete(key + b"\0")) or \
            (self.nul is not True and self.write.delete(key))
        return bool(done)

    def close(self) -> None:
        try:
            if self.write is not None:
                self.write.commit()
                self.write = None
            self.env.close()
            if self.mode == "c":
                os.fsync(self.lock)
                os.rename(self.path, self.target)
                sync_directory(os.path.dirname(self.target) or ".")
        except (lmdb.Error, OSError) as error:
            raise TableError(self.title, str(error)) from error
        finally:
            os.close(self.lock)


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError where the database can't be opened."""
    size = int(config.lmdb_map_size) if config is not None else 16777216
    return LmdbTable(type, name, flags, wants_utf8(config, flags), mode, size)
