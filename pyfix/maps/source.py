"""The text that postmap and postalias read (postmap(1), aliases(5)): logical lines, keys, values, warnings.

Here it is read line by line for texthash: and small inputs; the builder of hash: does the same in one pass in C.
"""

from __future__ import annotations

from collections.abc import Iterator

from . import flags as F
from . import report
from .fold import casefold, utf8_trouble

WHITE = b" \t\n\r\v\f"


def logical_lines(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(first line, last line, text) of each logical line: a line that starts with white space continues the one
    before; empty lines, and lines whose first non-white character is "#", are passed over wherever they stand."""
    first = last = 0
    parts: list[bytes] = []
    for number, line in enumerate(data.split(b"\n"), 1):
        start = line.lstrip(WHITE)
        if not start or start.startswith(b"#"):
            continue
        if line[:1] in (b" ", b"\t", b"\r", b"\v", b"\f"):
            if parts:
                parts.append(line)
                last = number
            continue
        if parts:
            yield first, last, b"".join(parts)
        parts, first, last = [line], number, number
    if parts:
        yield first, last, b"".join(parts)


def split_pair(line: bytes) -> tuple[bytes, bytes, bool]:
    """(key, value, balanced) of "key white value"; a quoted key ends at white space outside quotes and loses its
    quotes; a backslash inside quotes takes the next character as it is."""
    if not line.startswith(b'"'):
        key, _, value = _cut(line)
        return key, value.strip(WHITE), True
    key, at, quoted = bytearray(), 0, False
    while at < len(line):
        char = line[at]
        if char == 0x22:
            quoted = not quoted
        elif quoted and char == 0x5C and at + 1 < len(line):
            at += 1
            key.append(line[at])
        elif not quoted and char in WHITE:
            break
        else:
            key.append(char)
        at += 1
    return bytes(key), line[at:].strip(WHITE), not quoted


def _cut(line: bytes) -> tuple[bytes, bytes, bytes]:
    for at, char in enumerate(line):
        if char in WHITE:
            return line[:at], b" ", line[at:]
    return line, b"", b""


def load_text(path: str, data: bytes, flags: int, utf8: bool) -> dict[bytes, bytes]:
    """The entries of a postmap source; says on the way what is wrong with it."""
    entries: dict[bytes, bytes] = {}
    for _, last, line in logical_lines(data):
        where = f"{path}, line {last}"
        if utf8 and utf8_trouble(line):
            report.warning(f"{where}: non-UTF-8 input \"{report.show(line)}\" -- ignoring this line")
            continue
        key, value, balanced = split_pair(line)
        if not balanced:
            report.warning(f"{where}: unbalanced '\"' in '{report.show(line)}' -- ignoring this line")
            continue
        if not key or not value:
            report.warning(f"{where}: expected format: key whitespace value -- ignoring this line")
            continue
        if key.endswith(b":"):
            report.warning(f'{where}: record is in "key: value" format; is this an alias file?')
        key = casefold(key) if flags & F.FOLD_FIX else key
        if key not in entries or flags & F.DUP_REPLACE:
            entries[key] = value
        elif not flags & F.DUP_IGNORE:
            report.warning(f'{where}: duplicate entry: "{report.show(key)}"')
    return entries
