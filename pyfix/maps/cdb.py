"""cdb:name, D. J. Bernstein's constant databases in name.cdb, as Postfix writes and reads them (CDB_README).

A file is read into memory (large ones are mapped), and replaced by rename when it is built anew. Keys may end in a NUL
or not; what is written has none.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from typing import Any

from ..errors import TableConfigError, TableError
from . import flags as F
from . import report
from .atomic import replace_file
from .cdbfile import Cdb, build
from .fold import casefold
from .registry import wants_utf8
from .table import Table
from .watch import Watch

COPY_LIMIT = 4 << 20


class CdbTable(Table):
    """An open database."""

    def __init__(self, type: str, name: str, flags: int, utf8: bool) -> None:
        super().__init__(type, f"{name}.cdb", flags, utf8)
        self.watch = Watch(self.name)
        self.data: Any = None
        self.nul: bool | None = None
        self._load()

    def _load(self) -> None:
        try:
            with open(self.name, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                self.data = file.read() if size <= COPY_LIMIT else mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        except OSError as error:
            raise TableConfigError(self.title, f"open database {self.name}: {error.strerror}") from error
        self.cdb = Cdb(self.data, self.title)

    @property
    def generation(self) -> int:
        if self.watch.changed():
            self._load()
        return self.watch.changes

    def find(self, key: bytes) -> bytes | None:
        if self.watch.changed():
            self._load()
        if self.nul is not True:
            value = self.cdb.find(key)
            if value is not None:
                self.nul = False
                return value
        if self.nul is not False:
            value = self.cdb.find(key + b"\0")
            if value is not None:
                self.nul = True
                return value.removesuffix(b"\0")
        return None

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        for key, value in self.cdb.items():
            yield key.removesuffix(b"\0"), value.removesuffix(b"\0")


class CdbMaker(Table):
    """A database that is being built; close() puts it in place."""

    def __init__(self, type: str, name: str, flags: int, utf8: bool) -> None:
        super().__init__(type, name, flags, utf8)
        self.entries: dict[bytes, bytes] = {}
        self.end = b"\0" if flags & F.TRY1NULL else b""

    def put(self, key: bytes, value: bytes) -> None:
        key = (casefold(key) if self.utf8 else key.lower()) if self._fold else key
        if key not in self.entries or self.flags & F.DUP_REPLACE:
            self.entries[key] = value
        elif not self.flags & F.DUP_IGNORE:
            report.warning(f'{self.name}: duplicate entry: "{report.show(key)}"')

    def close(self) -> None:
        pairs = [(key + self.end, value + self.end) for key, value in self.entries.items()]
        try:
            replace_file(f"{self.name}.cdb", build(pairs))
        except OSError as error:
            raise TableError(self.title, f"write {self.name}.cdb: {error.strerror}") from error
        except OverflowError as error:
            raise TableError(self.title, str(error)) from error


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError; a cdb file can't be changed, only built."""
    utf8 = wants_utf8(config, flags)
    if mode == "r":
        return CdbTable(type, name, flags, utf8)
    if mode == "c":
        return CdbMaker(type, name, flags, utf8)
    raise TableConfigError(f"{type}:{name}", "dict_cdb_open: inappropriate open flags for cdb database - specify "
                                             "O_RDONLY or O_WRONLY|O_CREAT|O_TRUNC")
