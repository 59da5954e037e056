"""What sqlite:, mysql:, pgsql: and ldap: have in common: domain, query, result_format, expansion_limit.

`%s` is the key (in result_format: the result), `%u` and `%d` its local part and domain, `%S %U %D` those of the key,
`%1`..`%9` the labels of the key's domain from the right, `%%` a percent sign (mysql_table(5)). A text that asks for a part
that is not there is not used: the key is not in the table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from ..errors import TableConfigError, TableError
from . import report
from .cfgfile import Settings
from .fold import utf8_trouble
from .match_list import MatchList, string_list

_PART = re.compile(rb"%(.?)", re.DOTALL)
_KNOWN = frozenset(b"sudSUD123456789%")

Quote = Callable[[bytes], bytes]


class Format:
    """A query or a result_format, cut up once; `name` is "query" or "result"."""

    def __init__(self, text: str, settings: Settings, name: str) -> None:
        self.pieces: list[tuple[bytes, str]] = []
        raw = text.encode("utf-8", "surrogateescape")
        at = 0
        for match in _PART.finditer(raw):
            letter = match.group(1)
            if not letter or letter[0] not in _KNOWN:
                raise TableConfigError(settings.title,
                                       f"db_common_parse: {settings.where}: Invalid {name} template: {text}")
            self.pieces.append((raw[at:match.start()], letter.decode()))
            at = match.end()
        self.rest = raw[at:]
        self.labels = max([int(letter) for _, letter in self.pieces if letter.isdigit()], default=0)
        self.plain = not self.pieces

    def expand(self, value: bytes, key: bytes, quote: Quote) -> bytes | None:
        """The text with its parts filled in, each through `quote`; None where a part is missing."""
        out = []
        for before, letter in self.pieces:
            out.append(before)
            if letter == "%":
                out.append(b"%")
                continue
            part = _part(letter, value, key)
            if not part:
                return None
            out.append(quote(part))
        out.append(self.rest)
        return b"".join(out)


def _part(letter: str, value: bytes, key: bytes) -> bytes:
    """One part; b"" where it is not there."""
    if letter.isdigit():
        labels = key[key.rfind(b"@") + 1:].split(b".") if b"@" in key else []
        return labels[-int(letter)] if len(labels) >= int(letter) else b""
    source = key if letter in "SUD" else value
    at = source.rfind(b"@")
    if letter in "sS":
        return source
    if letter in "uU":
        return source if at < 0 else source[:at]
    return b"" if at < 0 else source[at + 1:]


class Common:
    """The shared parameters of one table; `query` is what the kind makes of its query."""

    def __init__(self, settings: Settings, config: Any, query: Any) -> None:
        self.title, self.where = settings.title, settings.where
        self.query = query
        self.result = Format(settings.text("result_format") or "%s", settings, "result")
        self.limit = settings.number("expansion_limit", 0)
        domain = settings.text("domain")
        self.domains: MatchList | None = string_list(domain, config, f"{settings.where}:domain") if domain else None

    async def wanted(self, key: bytes) -> bool:
        """Is the key worth a query? Only UTF-8 without NUL is, and with `domain` set only addresses in those domains."""
        if not key or b"\0" in key or utf8_trouble(key):
            return False
        if self.domains is None:
            return True
        at = key.rfind(b"@")
        return at > 0 and at + 1 < len(key) and await self.domains.lookup(key[at + 1:])

    def results(self, key: bytes, values: Iterable[bytes | None]) -> bytes | None:
        """The fields of all rows, each through result_format, joined with commas. TableError over the limit."""
        out = []
        for value in values:
            if not value:
                continue
            text = self.result.expand(value, key, _as_is)
            if text is None:
                continue
            out.append(text)
            if 0 < self.limit < len(out):
                shown = report.show(key)
                report.warning(f"{self.where}: {self.title}: Expansion limit exceeded for key: '{shown}'")
                raise TableError(self.title, "expansion limit exceeded")
        return b",".join(out) if out else None


def _as_is(part: bytes) -> bytes:
    return part


def old_query(settings: Settings) -> str:
    """`query`, or one made of select_field, table, where_field and additional_conditions."""
    query = settings.text("query")
    if query:
        return query
    table = settings.need("table")
    return (f"SELECT {settings.need('select_field')} FROM {table} "
            f"WHERE {settings.need('where_field')} = '%s' {settings.text('additional_conditions')}")
