"""8-bit content for a server without 8BITMIME: the parts that say "8bit" become quoted-printable.

Law: RFC 6152 3, RFC 2045 6.7, RFC 2046 5.1; smtp(8), disable_mime_output_conversion. Lines come and go one
by one; what is held is one header block. A part that does not declare 8bit is left alone, as Postfix does.
"""

import re
from collections.abc import Iterator
from typing import Any

HEADER_LIMIT = 102_400      # bytes of a header block; a longer one is passed on as it is
NESTING = 100
QP_LINE = 72                # bytes of a line after which the next one breaks it, as in Postfix; RFC 2045 has 76
_BOUNDARY = re.compile(rb"""[;\s]boundary\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"()<>@,]+))""", re.I)
_PLAIN = [33 <= c <= 126 and c != 61 or c in (9, 32) for c in range(256)]


def quoted(line: bytes) -> bytes:
    """One line in quoted-printable, with its CRLF; soft breaks keep it within 76 bytes."""
    out, size, last = [], 0, len(line) - 1
    for i, c in enumerate(line):
        plain = _PLAIN[c] and not (i == last and c in (9, 32))
        token = b"%c" % c if plain else b"=%02X" % c
        if size > QP_LINE:
            out.append(b"=\r\n")
            size = 0
        out.append(token)
        size += len(token)
    return b"".join(out) + b"\r\n"


class Downgrade:
    """feed() stored content in pieces, then finish(); both return what is to be sent instead."""

    def __init__(self) -> None:
        self.rest = b""
        self.boundaries: list[bytes] = []
        self.header: list[bytes] | None = []      # lines of the header block being read; None: in a body
        self.held = 0
        self.quoting = False

    def feed(self, piece: bytes) -> bytes:
        """The next piece of content."""
        lines = (self.rest + piece).split(b"\r\n")
        self.rest = lines.pop()
        return b"".join([self.line(line) for line in lines])

    def finish(self) -> bytes:
        """What is left at the end."""
        out = self.line(self.rest) if self.rest else b""
        if self.header:
            out += self.end_of_header(b"")
        return out

    def line(self, line: bytes) -> bytes:
        """One line without its line end."""
        if line.startswith(b"--") and self.boundaries:
            found = self.boundary(line)
            if found:
                return (self.end_of_header(b"", False) if self.header else b"") + self.open_part(line, found)
        if self.header is None:
            return quoted(line) if self.quoting else line + b"\r\n"
        if not line:
            return self.end_of_header(b"\r\n")
        self.held += len(line)
        if self.held > HEADER_LIMIT:
            return self.end_of_header(line + b"\r\n")
        if line[:1] in b" \t" and self.header:
            self.header[-1] += b"\r\n" + line
        else:
            self.header.append(line)
        return b""

    def boundary(self, line: bytes) -> bytes:
        """The open boundary that `line` starts with, b"" if none."""
        text = line[2:].rstrip(b" \t")
        for name in reversed(self.boundaries):
            if text == name or text == name + b"--":
                return name
        return b""

    def open_part(self, line: bytes, name: bytes) -> bytes:
        """A boundary line: the parts inside it are closed, and a new one begins, or the whole ends."""
        while self.boundaries[-1] != name:
            self.boundaries.pop()
        last = line[2:].rstrip(b" \t") == name + b"--"
        if last:
            self.boundaries.pop()
        self.quoting = False
        self.header, self.held = (None if last else []), 0
        return line + b"\r\n"

    def end_of_header(self, ending: bytes, begin_body: bool = True) -> bytes:
        """The header block is complete: hand it on, changed if need be, and see what follows."""
        header, self.header, self.held = self.header or [], None, 0
        kind, boundary, eight = b"text/plain", b"", False
        for field in header:
            name, _, value = field.partition(b":")
            name = name.strip().lower()
            if name == b"content-type":
                kind = re.split(rb"[;\s(]", value.strip() + b";", maxsplit=1)[0].lower()
                match = _BOUNDARY.search(value)
                boundary = re.sub(rb"\\(.)", rb"\1", match[1]) if match and match[1] is not None else match[2] if match else b""
            elif name == b"content-transfer-encoding":
                eight = value.split(b";")[0].strip().lower() in (b"8bit", b"binary")
        composite = kind.startswith(b"multipart/") or kind.startswith(b"message/")
        self.quoting = begin_body and eight and not composite
        if kind.startswith(b"multipart/") and boundary and len(self.boundaries) < NESTING:
            self.boundaries.append(boundary)
        elif kind in (b"message/rfc822", b"message/global") and begin_body and len(self.boundaries) < NESTING:
            self.header = []
        if eight:
            coding = b"7bit" if composite else b"quoted-printable"
            header = [field for field in header if not field.lower().startswith(b"content-transfer-encoding")]
            header.append(b"Content-Transfer-Encoding: " + coding)
        return b"".join([field + b"\r\n" for field in header]) + ending


class DowngradedContent:
    """Content (queue.reader.Content) as a server without 8BITMIME gets it, made piece by piece."""

    data = None

    def __init__(self, content: Any) -> None:
        self.content, self.size = content, content.size

    def pieces(self) -> Iterator[bytes]:
        """The converted content."""
        state = Downgrade()
        for piece in self.content.pieces():
            for at in range(0, len(piece), 65536):
                out = state.feed(bytes(piece[at:at + 65536]))
                if out:
                    yield out
        yield state.finish()
