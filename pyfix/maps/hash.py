"""hash:name and btree:name, pyfix's own tables in name.db (DATABASE_README; postmap(1)).

The file keeps Postfix's name, so that an administrator finds it; its format is `_core.hashmap`'s. A table is built
beside the old one, synced, and renamed over it: readers see the old one or the new one. btree: differs in
that its entries are listed in the order of the keys. Editing (postmap -i, -d) writes the whole table anew, one editor at a time.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .._core.hashbuild import Builder
from ..errors import TableConfigError, TableError
from . import flags as F
from . import report
from .atomic import replace_with, write_all
from .fold import casefold
from .hashtable import MappedTable, begin_writing
from .manykeys import first, get_many
from .registry import wants_utf8
from .source import event_text, read_file
from .table import Table


#: how much of a table is written before the disk is told to begin
BATCH = 1 << 23


class HashTable(Table):
    """An open table; `get` goes straight to the mapped file."""

    def __init__(self, type: str, name: str, flags: int, utf8: bool) -> None:
        path = f"{name}.db"
        super().__init__(type, path, flags, utf8)
        self.map = MappedTable(path, self.title, f"postmap {type}:{name}", self._fold, utf8, self.prepare, self.accept)
        self.get = self.map.get  # type: ignore[method-assign]

    @property
    def generation(self) -> int:
        return self.map.generation()

    def get_many(self, keys: Iterable[bytes]) -> list[bytes | None]:
        """As get() for each key, several times faster in a large table."""
        return get_many(self.map, keys)

    def first(self, keys: Sequence[bytes]) -> tuple[int, bytes | None]:
        """See Table.first(); the keys' waits for memory overlap."""
        return first(self.map, keys)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every entry; of a btree: table in the order of the keys."""
        return iter(sorted(self.map.items())) if self.type == "btree" else self.map.items()

    def close(self) -> None:
        self.map.close()


class HashEditor(Table):
    """A table that is changed or made: entries gather here, close() writes them. Mode as in registry."""

    def __init__(self, type: str, name: str, flags: int, utf8: bool, mode: str) -> None:
        self.path = f"{name}.db"
        super().__init__(type, self.path, flags, utf8)
        self.mode, self.source = mode, name
        self.lock = -1 if mode == "c" else self._lock()
        self.old: dict[bytes, bytes] | None = None if mode == "c" else self._load()
        self.changed = mode == "c"
        self.builder = Builder(self._fold, utf8, casefold)
        #: warnings by where they belong: ((number of the entry, 0 before or 1 at it), text)
        self.said: list[tuple[tuple[int, int], str]] = []

    def _lock(self) -> int:
        """Lock the file that the name leads to; it may be replaced while we wait, then lock the new one."""
        creating = os.O_CREAT if self.mode == "i" else 0
        while True:
            try:
                fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC | creating, 0o644)
                fcntl.flock(fd, fcntl.LOCK_EX)
                if os.fstat(fd).st_ino == os.stat(self.path).st_ino:
                    return fd
                os.close(fd)
            except FileNotFoundError as error:
                if not creating:
                    raise TableConfigError(self.title, f"open database {self.path}: {error.strerror}") from error
            except OSError as error:
                raise TableConfigError(self.title, f"open database {self.path}: {error.strerror}") from error

    def _load(self) -> dict[bytes, bytes]:
        if os.fstat(self.lock).st_size == 0:
            return {}
        table = HashTable(self.type, self.source, 0, False)
        try:
            return dict(table.items())
        finally:
            table.close()

    def parse(self, file: Any, where: str) -> None:
        """Take over a whole postmap source, an open binary file; `where` is its name in messages."""
        read_file(self.builder, file)
        self.said += [((place, 0), event_text(kind, line, text, where))
                      for place, line, kind, text in self.builder.events()]
        self.changed = True

    def put(self, key: bytes, value: bytes) -> None:
        self.builder.add(casefold(key) if self._fold and self.utf8 else key.lower() if self._fold else key, value)
        self.changed = True

    def delete(self, key: bytes) -> bool:
        prepared = self.prepare(key)
        if self.old is None or prepared is None or prepared not in self.old:
            return False
        del self.old[prepared]
        self.changed = True
        return True

    def _image(self) -> Iterator[bytearray]:
        """The image of what was there and what was added; says what is wrong, in the order of the source."""
        replace = bool(self.flags & F.DUP_REPLACE)
        builder = self.builder
        before = len(self.old or ())
        if self.old:
            builder = Builder()
            for key, value in self.old.items():
                builder.add(key, value)
            for key, value, line in self.builder.entries():
                builder.add(key, value, line)
        repeated = builder.arrange(keep_last=replace)
        if not replace and not self.flags & F.DUP_IGNORE:
            self.said += [((place - before, 1), f'{self.path}: duplicate entry: "{report.show(key)}"')
                          for place, key, _ in repeated]
        for _, text in sorted(self.said, key=lambda pair: pair[0]):
            report.warning(text)
        return builder.blocks()

    def write(self) -> None:
        """Put the table in place, if anything changed. Raises TableError."""
        if self.changed:
            try:
                blocks = self._image()
                replace_with(self.path, lambda fd: write_blocks(fd, blocks))
            except OSError as error:
                raise TableError(self.title, f"write {self.path}: {error.strerror}") from error
        self.changed = False

    def close(self) -> None:
        """Write, then let others edit."""
        try:
            self.write()
        finally:
            if self.lock >= 0:
                os.close(self.lock)
                self.lock = -1


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError where the file is missing, damaged, or a Berkeley DB file."""
    utf8 = wants_utf8(config, flags)
    if mode == "r":
        return HashTable(type, name, flags, utf8)
    return HashEditor(type, name, flags, utf8, mode)


def write_blocks(fd: int, blocks: Iterable[bytearray]) -> None:
    """Write an image; the disk works while the rest of it is made."""
    begun = done = 0
    for block in blocks:
        write_all(fd, block)
        done += len(block)
        if done - begun >= BATCH:
            begin_writing(fd, begun, done - begun)
            begun = done


def build(path: str, entries: Iterable[tuple[bytes, bytes]]) -> None:
    """Make a table file of (key, value) pairs; of pairs with one key the first counts."""
    builder = Builder()
    for key, value in entries:
        builder.add(key, value)
    builder.arrange()
    replace_with(path, lambda fd: write_blocks(fd, builder.blocks()))
