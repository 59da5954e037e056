"""sdbm:name, the databases of the sdbm library in name.dir and name.pag, as Postfix reads and writes them.

Perl's SDBM_File and Apache's libraries read and write the same format; nothing is needed for it here.
"""

from __future__ import annotations

import mmap
import os
from typing import Any

from .registry import wants_utf8
from .sdbmfile import PAGE, SdbmFile, build
from .table import Table
from .twofiles import open_pair

COPY_LIMIT = 4 << 20


class Sdbm:
    """Opens and makes a pair of files."""

    def open(self, base: str, title: str) -> SdbmFile:
        """Raises OSError."""
        with open(f"{base}.dir", "rb") as file:
            directory = file.read()
        with open(f"{base}.pag", "rb") as file:
            size = os.fstat(file.fileno()).st_size
            pages = file.read() if size <= COPY_LIMIT else mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        return SdbmFile(directory, pages, title)

    def make(self, base: str, pairs: list[tuple[bytes, bytes]]) -> None:
        """Raises OSError, OverflowError."""
        directory, pages = build(pairs)
        with open(f"{base}.dir", "xb") as file:
            file.write(directory)
        with open(f"{base}.pag", "xb") as file:
            # pages that have no entry stay holes
            file.truncate((max(pages, default=-1) + 1) * PAGE)
            for number in sorted(pages):
                file.seek(number * PAGE)
                file.write(pages[number])


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError where the files are missing."""
    return open_pair(type, name, flags, wants_utf8(config, flags), mode, Sdbm())
