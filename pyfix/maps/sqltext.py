"""Query templates of mysql:, pgsql: and sqlite: with every value escaped for the place where it stands.

Postfix escapes a value as if it stood in a string, wherever it stands. Here the template is read once: a value in a
string or a quoted name is escaped for those quotes, and one that has no quotes gets them. A value in a comment or in
a dollar-quoted string is refused, since nothing can be escaped there.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..errors import TableConfigError
from .cfgfile import Settings
from .sqlcommon import Format, _part

#: one token of a template, by the text that opens it; what is in none of these is outside of quotes
_OPENERS = {
    "mysql": re.compile(rb"--(?=[\s\0])|#|/\*|'|\"|`"),
    "pgsql": re.compile(rb"--|/\*|[eE]'|[uU]&'|'|[uU]&\"|\"|\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$"),
    "sqlite": re.compile(rb"--|/\*|'|\"|`|\["),
}
_VALUE = re.compile(rb"%(.)", re.DOTALL)


class Place(NamedTuple):
    """Where a value stands: its quote (b"" outside of any), and whether a backslash escapes there in any case."""

    quote: bytes
    backslash: bool


def _end(text: bytes, opener: bytes, start: int, dialect: str) -> int:
    """Where the token that begins with `opener` before `start` ends: just after its closing text."""
    quote = opener[-1:]
    if opener == b"/*" or opener in (b"#", b"--"):
        at = text.find(b"*/" if opener == b"/*" else b"\n", start)
        return len(text) if at < 0 else at + (2 if opener == b"/*" else 1)
    if quote == b"$":
        at = text.find(opener, start)
        return len(text) if at < 0 else at + len(opener)
    closing = b"]" if quote == b"[" else quote
    escapes = len(opener) == 2 and opener[:1] in b"eE" or dialect == "mysql" and quote != b"`"
    at = start
    while at < len(text):
        byte = text[at:at + 1]
        if byte == b"\\" and escapes:
            at += 2
        elif byte == closing:
            if text[at + 1:at + 2] != closing or closing == b"]":
                return at + 1
            at += 2
        else:
            at += 1
    return at


def places(text: bytes, dialect: str) -> list[Place | None]:
    """For each %-part of the template, in order: where it stands; None where no value may stand."""
    out: list[Place | None] = []
    at = 0
    while at < len(text):
        match = _OPENERS[dialect].search(text, at)
        start = match.start() if match else len(text)
        out += [Place(b"", False)] * len(_VALUE.findall(text[at:start]))
        if match is None:
            break
        opener = match.group()
        at = _end(text, opener, match.end(), dialect)
        quoted = opener[-1:] in (b"'", b'"', b"`") and not opener.endswith(b"&\"")
        place = Place(opener[-1:], len(opener) == 2 and opener[:1] in b"eE") if quoted else None
        if opener[:1] in (b"u", b"U"):
            place = None
        out += [place] * len(_VALUE.findall(text[match.end():at]))
    return out


class SqlFormat(Format):
    """A query template of one dialect: mysql, pgsql or sqlite."""

    def __init__(self, text: str, settings: Settings, dialect: str) -> None:
        super().__init__(text, settings, "query")
        self.places = places(text.encode("utf-8", "surrogateescape"), dialect)
        for (_, letter), place in zip(self.pieces, self.places, strict=True):
            if place is None and letter != "%":
                raise TableConfigError(settings.title, f"db_common_parse: {settings.where}: Invalid query template: {text}: "
                                                       f"%{letter} in a comment or a string that can't be escaped")

    def statement(self, key: bytes, backslash: bool) -> bytes | None:
        """The query for `key`; None where it has no such parts. `backslash`: one escapes in this connection's strings."""
        out = []
        for (before, letter), place in zip(self.pieces, self.places, strict=True):
            out.append(before)
            if letter == "%":
                out.append(b"%")
                continue
            part = _part(letter, key, key)
            if not part or place is None:
                return None
            out.append(escape(part, place, backslash))
        out.append(self.rest)
        return b"".join(out)


def escape(part: bytes, place: Place, backslash: bool) -> bytes:
    """`part` so that it is nothing but text at `place`."""
    quote = place.quote or b"'"
    if (backslash and quote != b"`") or place.backslash:
        part = part.replace(b"\\", b"\\\\")
    part = part.replace(quote, quote + quote)
    return part if place.quote else b"'" + part + b"'"
