"""dbm:name, the databases of ndbm in name.dir and name.pag, as Postfix reads and writes them where ndbm is GDBM's.

On Linux ndbm(3) is a layer of the GDBM library: name.pag is a GDBM file, name.dir only says so, with a version. The
library is the system's (Debian: libgdbm6, which Perl brings along), bound when the first table is opened. It
reads without mapping the file, so that another program that cuts it cannot hurt.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from typing import Any

from ..errors import TableConfigError, TableError
from .registry import wants_utf8
from .table import Table
from .twofiles import open_pair

LIBRARIES = ("libgdbm.so.6", "libgdbm.so", "libgdbm.dylib")
READER, NEW, NO_LOCK, NO_MMAP, INSERT = 0, 3, 0x20, 0x40, 0
ITEM_NOT_FOUND, NO_ERROR = 15, 0


class Datum(ctypes.Structure):
    """GDBM's pair of address and size."""

    _fields_ = [("text", ctypes.c_void_p), ("size", ctypes.c_int)]


def datum(text: bytes) -> Datum:
    """`text` as the library wants it; keep a reference to `text` while it is used."""
    return Datum(ctypes.cast(ctypes.c_char_p(text), ctypes.c_void_p), len(text))


class Library:
    """The functions of libgdbm that are used. Raises OSError where it is not installed."""

    def __init__(self) -> None:
        self.lib = self._load()
        calls: dict[str, tuple[Any, list[Any]]] = {
            "open": (ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_void_p]),
            "close": (ctypes.c_int, [ctypes.c_void_p]), "fetch": (Datum, [ctypes.c_void_p, Datum]),
            "firstkey": (Datum, [ctypes.c_void_p]), "nextkey": (Datum, [ctypes.c_void_p, Datum]),
            "store": (ctypes.c_int, [ctypes.c_void_p, Datum, Datum, ctypes.c_int]),
            "last_errno": (ctypes.c_int, [ctypes.c_void_p]), "strerror": (ctypes.c_char_p, [ctypes.c_int]),
            "errno_location": (ctypes.POINTER(ctypes.c_int), [])}
        for name, (result, arguments) in calls.items():
            call = getattr(self.lib, f"gdbm_{name}")
            call.restype, call.argtypes = result, arguments
            setattr(self, name, call)
        self.version = list((ctypes.c_int * 3).in_dll(self.lib, "gdbm_version_number"))
        self.release = ctypes.CDLL(None).free
        self.release.argtypes, self.release.restype = [ctypes.c_void_p], None

    @staticmethod
    def _load() -> ctypes.CDLL:
        for name in LIBRARIES[:-1]:
            try:
                return ctypes.CDLL(name, use_errno=True)
            except OSError:
                continue
        return ctypes.CDLL(LIBRARIES[-1], use_errno=True)

    def take(self, found: Datum) -> bytes | None:
        """The text of what the library returned, which is given back to it."""
        if not found.text:
            return None
        text = ctypes.string_at(found.text, found.size)
        self.release(found.text)
        return text

    def failure(self, path: str) -> OSError:
        """Why gdbm_open() failed: the system's reason, or that the file is none of GDBM's."""
        number = ctypes.get_errno()
        reason = self.strerror(self.errno_location()[0]).decode()  # type: ignore[attr-defined]
        return OSError(number, os.strerror(number) if number else reason, path)


class GdbmFile:
    """A database that is open for reading."""

    def __init__(self, library: Library, path: str, title: str) -> None:
        self.lib: Any = library
        self.title, self.handle = title, None
        ctypes.set_errno(0)
        self.handle = self.lib.open(os.fsencode(path), 0, READER | NO_LOCK | NO_MMAP, 0, None)
        if not self.handle:
            raise library.failure(path)

    def __del__(self) -> None:
        if self.handle:
            self.lib.close(self.handle)

    def _checked(self, found: Datum) -> bytes | None:
        text: bytes | None = self.lib.take(found)
        if text is None and (error := self.lib.last_errno(self.handle)) not in (ITEM_NOT_FOUND, NO_ERROR):
            raise TableError(self.title, self.lib.strerror(error).decode())
        return text

    def find(self, key: bytes) -> bytes | None:
        """The value of `key` as it stands, or None. Raises TableError."""
        return self._checked(self.lib.fetch(self.handle, datum(key)))

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every (key, value), in the order of the file. Raises TableError."""
        key = self._checked(self.lib.firstkey(self.handle))
        while key is not None:
            yield key, self.find(key) or b""
            key = self._checked(self.lib.nextkey(self.handle, datum(key)))


class Ndbm:
    """Opens and makes a pair of files."""

    def __init__(self, library: Library) -> None:
        self.library = library

    def open(self, base: str, title: str) -> GdbmFile:
        """Raises OSError."""
        return GdbmFile(self.library, f"{base}.pag", title)

    def make(self, base: str, pairs: list[tuple[bytes, bytes]]) -> None:
        """Raises OSError."""
        lib: Any = self.library
        path = f"{base}.pag"
        handle = lib.open(os.fsencode(path), 0, NEW | NO_LOCK, 0o644, None)
        if not handle:
            raise self.library.failure(path)
        for key, value in pairs:
            if lib.store(handle, datum(key), datum(value), INSERT):
                reason = lib.strerror(lib.last_errno(handle)).decode()
                lib.close(handle)
                raise OSError(0, reason, path)
        lib.close(handle)
        with open(f"{base}.dir", "xb") as file:
            file.write(struct.pack(">4s3I", b"GDBM", *lib.version))


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError where the library or the files are missing."""
    global _library
    try:
        _library = _library or Library()
    except OSError as error:
        raise TableConfigError(f"{type}:{name}", "dbm tables need the GDBM library: install libgdbm6 (Debian: "
                                                 "apt-get install libgdbm6)") from error
    return open_pair(type, name, flags, wants_utf8(config, flags), mode, Ndbm(_library))


_library: Library | None = None
