"""The plain-Python twin of `_core.mime`: the whole message at hand, line by line (RFC 2045, RFC 2046 section 5; cleanup(8))."""

import re
from collections.abc import Iterator

NESTING, HEADER_LENGTH, HEADER_8BIT, BODY_8BIT, DOMAIN = 1, 2, 4, 8, 16
KINDS = {"main": 0, "part": 1, "nested": 2}
COMPOSITE = ("multipart", "digest", "message", "rfc822")
FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
EIGHT = re.compile(rb"[\x80-\xff]")
WORD = re.compile(rb'[^\x00-\x20\x7f()<>@,;:\\"/\[\]?=]+')
QUOTED = re.compile(rb'"((?:\\.|[^"\\]|\\\Z)*)"?', re.S)


def tokens_of(value: bytes) -> list[tuple[bool, bytes]]:
    """(is it a word or a quoted string, text) of each token; comments left out."""
    found, at = [], 0
    while at < len(value):
        if value[at] <= 32 or value[at] == 127:
            at += 1
        elif value[at] == 40:
            at += len(comment(value[at:]))
        elif match := QUOTED.match(value, at):
            found.append((True, re.sub(rb"\\?\n[ \t]*|\\(.)", lambda one: one[1] or b"", match[1], flags=re.S)))
            at = match.end()
        elif match := WORD.match(value, at):
            found.append((True, match[0]))
            at = match.end()
        else:
            found.append((False, value[at:at + 1]))
            at += 1
    return found


def comment(text: bytes) -> bytes:
    """The comment at the head of the text, with those inside it."""
    depth = 0
    for match in re.finditer(rb"\\.?|[()]|[^\\()]+", text, re.S):
        depth += {b"(": 1, b")": -1}.get(match[0], 0)
        if depth == 0:
            return text[:match.end()]
    return text


def lines(content: bytes, limit: int) -> Iterator[tuple[bytes, bool, bool]]:
    """(text, it goes on, it goes on from the one before) of each line, cut where it is longer than the limit."""
    parts = content.split(b"\n")
    for number, line in enumerate(parts):
        last, continued = number == len(parts) - 1, False
        if last and not line:
            return
        while len(line) > limit + 1:
            yield line[:limit], True, continued
            line, continued = line[limit:], True
        yield line if last else line.removesuffix(b"\r"), False, continued


def upto_nul(text: bytes) -> bytes:
    """Header text up to its first NUL."""
    return text.partition(b"\0")[0]


class Scanner:
    """One message. `found`: [("header", kind, text, offset) | ("end",) | ("body", text, more, offset)], `errors` the trouble."""

    def __init__(self, header: int, nesting: int, boundary: int, line: int, parse: bool) -> None:
        self.header_limit, self.nesting, self.boundary_limit, self.line_limit = header, nesting, boundary, max(line, 16)
        self.parse, self.found, self.errors, self.declared = parse, [], 0, False
        self.open: list[tuple[bytes, str]] = []         # boundaries, and what their parts are by default
        self.nest = False
        self.block("main", "text")

    def block(self, where: str, kind: str) -> None:
        """A header block begins, or ("body") only text."""
        self.where, self.kind, self.fields, self.text, self.offset = where, kind, 0, None, 0
        self.encoding = b"7bit"

    def scan(self, content: bytes) -> "Scanner":
        for text, more, continued in lines(content, self.line_limit):
            if self.where == "body" or not self.in_header(text, continued):
                self.in_body(text, more, continued)
        if self.where != "body":
            self.end_block()
        return self

    def in_header(self, text: bytes, continued: bool) -> bool:
        """Whether the line belongs to the header."""
        if self.text is not None and (continued or text[:1] in (b" ", b"\t")):
            self.longer(upto_nul(text) if continued else b"\n" + upto_nul(text))
        elif FIELD.match(text):
            if self.text is not None:
                self.end_field()
                self.offset += len(text) + 1
            name, _, value = text.partition(b":")
            self.text = upto_nul(name.rstrip(b" \t") + b":" + value)
        else:
            first = self.where
            kind = self.end_block()
            if text and first == "main":
                self.out(b"", False)
            elif not text and kind == "rfc822" and self.parse:
                self.nest = True
            return False
        return True

    def longer(self, text: bytes) -> None:
        if len(self.text) < self.header_limit:
            self.text += text
        else:
            self.errors |= HEADER_LENGTH

    def room(self) -> bool:
        """Whether one level more is allowed."""
        if len(self.open) < self.nesting + 2:
            return True
        self.errors |= NESTING
        return False

    def end_field(self) -> None:
        text, self.text = self.text, None
        name, _, value = text.partition(b":")
        if self.parse:
            self.meaning(name.lower(), tokens_of(value))
        if EIGHT.search(text):
            self.errors |= HEADER_8BIT
        self.found.append(("header", KINDS[self.where], text, self.offset))

    def meaning(self, name: bytes, found: list[tuple[bool, bytes]]) -> None:
        if name == b"content-transfer-encoding" and found and found[0][0]:
            self.encoding = found[0][1].lower()
            self.declared |= self.encoding in (b"8bit", b"binary")
        if name != b"content-type":
            return
        self.kind = "other"
        if len(found) < 3 or found[1] != (False, b"/"):
            return
        major, minor = found[0][1].lower(), found[2][1].lower()
        if major == b"message":
            self.kind = "rfc822" if minor in (b"rfc822", b"global") else "message"
        elif major == b"multipart":
            self.kind = "digest" if minor == b"digest" else "multipart"
            for mark, name, equals, (is_word, value) in zip(found[3:], found[4:], found[5:], found[6:]):
                if (mark, name[1].lower(), equals, is_word) == ((False, b";"), b"boundary", (False, b"="), True) and self.room():
                    self.open.append((value[:self.boundary_limit], "rfc822" if self.kind == "digest" else "text"))
        elif major == b"text":
            self.kind = "text"

    def end_block(self) -> str:
        """The header block is over: what it said the part is."""
        if self.text is not None:
            self.end_field()
        if self.where == "main":
            self.found.append(("end",))
        if self.parse and self.kind in COMPOSITE and self.encoding not in (b"7bit", b"8bit", b"binary"):
            self.errors |= DOMAIN
        self.where, self.offset = "body", 0
        return self.kind

    def in_body(self, text: bytes, more: bool, continued: bool) -> None:
        if not continued and len(text) > 2 and text.startswith(b"--"):
            for level in reversed(range(len(self.open))):
                mark, kind = self.open[level]
                if text[2:].startswith(mark):
                    return self.at_boundary(level, kind, text, more, text[2 + len(mark):].startswith(b"--"))
        if self.parse and self.encoding not in (b"8bit", b"binary") and EIGHT.search(text):
            self.errors |= BODY_8BIT
        self.out(text, more)
        if self.nest:
            self.nest = False
            self.block("nested", "text")

    def at_boundary(self, level: int, kind: str, text: bytes, more: bool, last: bool) -> None:
        """Inner parts end; a part begins, or (`last`) what follows belongs to none."""
        del self.open[level + (not last):]
        if last:
            self.block("body", "text")
        self.out(text, more)
        if not last:
            self.block("part", kind)

    def out(self, text: bytes, more: bool) -> None:
        self.found.append(("body", text, more, self.offset))
        self.offset += len(text) + (not more)
