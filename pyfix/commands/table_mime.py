"""What `postmap -h`, `-b` and `-m` take for headers and body lines of a message on standard input (postmap(1)).

Headers are whole, with their continuation lines; the line that ends them counts as an empty body line. With MIME on,
headers of the parts of a multipart and of attached messages count as headers (RFC 2046).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

HEADER = re.compile(rb"([!-9;-~]+)[ \t]*:")
TYPE = re.compile(rb"[Cc][Oo][Nn][Tt][Ee][Nn][Tt]-[Tt][Yy][Pp][Ee]:[ \t\n]*([^;\s]*)(.*)", re.DOTALL)
BOUNDARY = re.compile(rb';\s*boundary\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s]*)', re.IGNORECASE | re.DOTALL)


def _header(lines: list[bytes]) -> bytes:
    """One header; blanks between its name and the colon are dropped."""
    text = b"\n".join(lines)
    match = HEADER.match(text)
    return text if match is None else match.group(1) + b":" + text[match.end():]


class Splitter:
    """Feeds on lines without their ends; gives (is header, text)."""

    def __init__(self, mime: bool) -> None:
        self.mime = mime
        self.headers = True
        self.pending: list[bytes] = []
        self.boundaries: list[bytes] = []
        self.attached = False

    def _flush(self) -> Iterator[tuple[bool, bytes]]:
        if self.pending:
            text = _header(self.pending)
            self.pending = []
            if self.mime and (match := TYPE.match(text)):
                self._content_type(match.group(1).lower(), match.group(2))
            yield True, text

    def _content_type(self, kind: bytes, rest: bytes) -> None:
        self.attached = kind == b"message/rfc822"
        if kind.startswith(b"multipart/") and (match := BOUNDARY.search(rest)):
            name = match.group(1)
            self.boundaries.append(b"--" + re.sub(rb"\\(.)", rb"\1", name[1:-1]) if name[:1] == b'"' else b"--" + name)

    def _delimiter(self, line: bytes) -> bool:
        """Does `line` start or end a part?"""
        for at in range(len(self.boundaries) - 1, -1, -1):
            boundary = self.boundaries[at]
            if line.startswith(boundary):
                last = line[len(boundary):].startswith(b"--")
                del self.boundaries[at + (not last):]
                self.headers, self.attached = not last, False
                return True
        return False

    def line(self, line: bytes) -> Iterator[tuple[bool, bytes]]:
        """Take one line."""
        if not self.headers:
            if line.startswith(b"--") and self._delimiter(line):
                yield from self._flush()
            yield False, line
        elif self.pending and line[:1] in (b" ", b"\t"):
            self.pending.append(line)
        else:
            yield from self._flush()
            if HEADER.match(line):
                self.pending = [line]
            else:
                yield from self._end_of_headers(line)

    def _end_of_headers(self, line: bytes) -> Iterator[tuple[bool, bytes]]:
        self.headers = self.attached
        self.attached = False
        yield False, b""
        if line:
            yield from self.line(line)

    def end(self) -> Iterator[tuple[bool, bytes]]:
        """No more lines."""
        yield from self._flush()


def split_message(lines: Iterator[bytes], mime: bool) -> Iterator[tuple[bool, bytes]]:
    """(is header, text) of each header and body line."""
    splitter = Splitter(mime)
    for line in lines:
        yield from splitter.line(line)
    yield from splitter.end()
