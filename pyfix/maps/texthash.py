"""texthash:/path, the postmap source read as it is, into memory; changes need a reload (DATABASE_README).

Memory holds the same image as a hash: file does, so a large source costs no more than a built table.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .._core.hashbuild import Builder
from .._core.hashmap import Reader
from ..errors import TableConfigError
from . import flags as F
from . import report
from .files import FileTrouble, read_values
from .fold import casefold
from .registry import wants_utf8
from .source import event_text
from .table import Table


class TextTable(Table):
    """The entries of a source."""

    def __init__(self, type: str, name: str, reader: Reader, flags: int, utf8: bool) -> None:
        super().__init__(type, name, flags, utf8)
        self.reader = reader
        self.find = reader.find  # type: ignore[method-assign]

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        return self.reader.items()


def _read(type: str, name: str) -> bytes:
    try:
        with open(name, "rb") as file:
            return file.read()
    except IsADirectoryError as error:
        raise TableConfigError(f"{type}:{name}", f"read {name}: {error.strerror}") from error
    except OSError as error:
        raise TableConfigError(f"{type}:{name}", f"open database {name}: {error.strerror}") from error


def _with_files(builder: Builder, name: str) -> tuple[Builder, list[str]]:
    """The same entries with the contents of the files that the values name (postmap -F)."""
    out, troubles = Builder(), []
    for key, value, line in builder.entries():
        try:
            out.add(key, read_values(report.show(value)), line)
        except FileTrouble as trouble:
            troubles.append(f"{name}, line {line}: {trouble}: skipping this entry")
    return out, troubles


def load(name: str, data: bytes, flags: int, utf8: bool) -> bytearray:
    """The image of a source; says what is wrong with it, in the order of the lines."""
    builder = Builder(bool(flags & F.FOLD_FIX), utf8, casefold)
    builder.parse(data)
    said = [(line, event_text(kind, line, text, name, " -- ignoring this line"))
            for _, line, kind, text in builder.events()]
    written = builder
    if flags & F.RHS_IS_FILE:
        written, troubles = _with_files(builder, name)
        said += [(0, trouble) for trouble in troubles]
    image, repeated = written.image(keep_last=bool(flags & F.DUP_REPLACE))
    if repeated and not flags & (F.DUP_IGNORE | F.DUP_REPLACE):
        plain = Builder(False, utf8, casefold)
        plain.parse(data)
        keys = {line: key for key, _, line in plain.entries()}
        said += [(line, f'{name}, line {line}: duplicate entry: "{report.show(keys[line])}"')
                 for _, _, line in repeated]
    for _, text in sorted(said, key=lambda pair: pair[0]):
        report.warning(text)
    return image


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError where the file can't be read."""
    utf8 = wants_utf8(config, flags)
    image = load(name, _read(type, name), flags, utf8)
    return TextTable(type, name, Reader(image, f"{type}:{name}"), flags, utf8)
