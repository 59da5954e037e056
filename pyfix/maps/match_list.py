"""Lists of hosts, domains and networks: mydestination, mynetworks, relay_domains ... (match_list(3), postconf(5)).

A list has names, addresses, network blocks, `type:table`, and `/file` whose words take the file's place; `!` in front of
one turns it round. The first entry that holds decides. Names and blocks are kept in indexes, so that a long list costs
one look-up; an entry that can't be used, and a table that fails, raise TableError when the search gets that far.
"""

from __future__ import annotations

import os
from typing import Any

from .. import jail
from ..errors import TableConfigError, TableError
from . import flags as F
from . import registry, report
from .braces import tokens
from .fold import casefold
from .lines import logical_lines
from .maplist import Unopened
from .netblock import BlockError, BlockIndex, parse_address, parse_block
from .table import Table

_V4 = frozenset(b"0123456789.")
_V6 = frozenset(b"0123456789abcdefABCDEF:.[]/")


class Entry:
    """An entry that is no plain name or block: a table, or something that can't be used (`error`)."""

    def __init__(self, place: int, table: Table | None, error: str = "", v6: bool = False) -> None:
        self.place, self.table, self.error, self.v6 = place, table, error, v6


class MatchList:
    """`MatchList(text, config, "mydestination", parent=True)`.

    `hosts`, `addresses`: what entries are compared with. `parent`: "example.com" holds "a.example.com" too
    (parent_domain_matches_subdomains); otherwise ".example.com" does. `exact`: plain strings, no domains.
    False in a condition where the list is empty.

    local     a match never waits: match() may be used
    tables    the tables in it
    plain     its words, where it has nothing but plain strings; else None
    """

    def __init__(self, text: str, config: Any = None, name: str = "", *, hosts: bool = True, addresses: bool = False,
                 parent: bool = False, exact: bool = False) -> None:
        self.name, self.config = name, config
        self.hosts, self.addresses, self.parent, self.exact = hosts, addresses, parent, exact
        self.answers: list[bool] = []
        self.names: dict[bytes, int] = {}
        self.suffixes: dict[bytes, int] = {}
        self.blocks = BlockIndex()
        self.entries: list[Entry] = []
        self._parse(text, True)
        self.tables = [entry.table for entry in self.entries if entry.table is not None]
        self.local = all(table.local for table in self.tables)
        simple = exact and not addresses and not self.entries and all(self.answers)
        self.plain = frozenset(self.names) if simple else None

    def __bool__(self) -> bool:
        return bool(self.answers)

    # -- reading

    def _parse(self, text: str, answer: bool) -> None:
        for word in tokens(text):
            holds = answer
            while word.startswith("!"):
                holds, word = not holds, word[1:]
            if not word:
                self._bad(holds, "no pattern after '!'")
            elif word.startswith("/"):
                self._file(word, holds)
            else:
                self._add(word, holds)

    def _file(self, path: str, answer: bool) -> None:
        jail.note(path)
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError as error:
            text = f"open file {path}: {error.strerror}"
            report.warning(text)
            self._entry(answer, Unopened(f"non-existent:{path}", text))
            return
        for line in logical_lines(data, path):
            self._parse(report.show(line.text), answer)

    def _entry(self, answer: bool, table: Table | None, error: str = "", v6: bool = False) -> None:
        self.entries.append(Entry(len(self.answers), table, error, v6))
        self.answers.append(answer)

    def _bad(self, answer: bool, error: str) -> None:
        self._entry(answer, None, error)

    def _add(self, word: str, answer: bool) -> None:
        kind, colon, name = word.partition(":")
        if colon and name and not word.startswith("[") and kind.replace("_", "").isalnum() and not _is_address(word):
            self._entry(answer, self._open(word))
            return
        place = len(self.answers)
        raw = casefold(word.encode("utf-8", "surrogateescape"))
        self.names.setdefault(raw, place)
        if self.hosts and not self.exact:
            self.suffixes.setdefault(b"." + raw if self.parent else raw, place)
        if self.addresses and self._block(raw, word, answer):
            return
        self.answers.append(answer)

    def _open(self, spec: str) -> Table:
        try:
            return registry.open_spec(spec, self.config, F.LOOKUP)
        except TableError as error:
            return Unopened(spec, error.text)

    def _block(self, raw: bytes, word: str, answer: bool) -> bool:
        """Take an address or a block into the index; True where it became an entry that can't be used."""
        if raw.startswith(b"[") and raw.endswith(b"]"):
            self.names.setdefault(raw[1:-1], len(self.answers))
        address = parse_address(raw)
        if address is not None:
            self.blocks.add(parse_block(raw), len(self.answers))
            return False
        if not any(char in b":/" for char in raw) or set(raw) <= _V4 or not set(raw) <= _V6:
            return False
        try:
            self.blocks.add(parse_block(word.encode("utf-8", "surrogateescape")), len(self.answers))
            return False
        except BlockError as error:
            self._entry(answer, None, str(error), b":" in raw)
            return True

    # -- asking

    def match(self, host: bytes = b"", address: bytes = b"") -> bool:
        """Does the list hold this name, or this address? Only where `local`. Raises TableError."""
        if self.plain is not None:
            return casefold(host) in self.plain
        best = self._indexed(host, address)
        for entry in self.entries:
            if 0 <= best < entry.place:
                break
            if self._usable(entry, address):
                for key in self._keys(entry, host, address):
                    if self._found(entry, key):
                        return self.answers[entry.place]
        return best >= 0 and self.answers[best]

    async def lookup(self, host: bytes = b"", address: bytes = b"") -> bool:
        """As match(), with tables of every kind."""
        if self.local:
            return self.match(host, address)
        best = self._indexed(host, address)
        for entry in self.entries:
            if 0 <= best < entry.place:
                break
            if self._usable(entry, address):
                for key in self._keys(entry, host, address):
                    if await self._found_later(entry, key):
                        return self.answers[entry.place]
        return best >= 0 and self.answers[best]

    def _indexed(self, host: bytes, address: bytes) -> int:
        """The first place among names and blocks, or -1."""
        places = []
        if self.hosts and host:
            host = casefold(host)
            places.append(self.names.get(host, -1))
            at = host.find(b".", 1) if self.parent else host.find(b".")
            while at >= 0 and not self.exact:
                if at > 0:
                    places.append(self.suffixes.get(host[at:], -1))
                at = host.find(b".", at + 1)
        if self.addresses and address:
            places.append(self.names.get(casefold(address), -1))
            number = parse_address(address)
            if number is not None:
                places.append(self.blocks.find(*number))
        return min((place for place in places if place >= 0), default=-1)

    def _usable(self, entry: Entry, address: bytes) -> bool:
        """Is it a table? One that can't be used ends the search, if it is of the address's family."""
        if entry.table is not None:
            return True
        if not entry.v6 and b":" in address or entry.v6 and b":" not in address:
            return False
        raise TableConfigError(self.name, entry.error)

    def _keys(self, entry: Entry, host: bytes, address: bytes) -> list[bytes]:
        """What a table is asked for: the name, its parents where keys are fixed, then the address."""
        keys = []
        if self.hosts and host:
            host = casefold(host)
            keys.append(host)
            if not self.exact and entry.table is not None and entry.table.fixed:
                at = host.find(b".", 1)
                while at >= 0:
                    keys.append(host[at + self.parent:])
                    at = host.find(b".", at + 1)
        if self.addresses and address:
            keys.append(address)
        return keys

    def _found(self, entry: Entry, key: bytes) -> bool:
        assert entry.table is not None
        try:
            return entry.table.get(key) is not None
        except TableError as error:
            self._problem(entry.table, error)

    async def _found_later(self, entry: Entry, key: bytes) -> bool:
        assert entry.table is not None
        try:
            return await entry.table.lookup(key) is not None
        except TableError as error:
            self._problem(entry.table, error)

    def _problem(self, table: Table, error: TableError) -> Any:
        raise TableError(self.name, f"{table.title}: table lookup problem") from error


def _is_address(word: str) -> bool:
    """Is a word with a colon an IPv6 address or block rather than type:table?"""
    return parse_address(os.fsencode(word.partition("/")[0])) is not None


def domain_list(text: str, config: Any = None, name: str = "", parent: bool = False) -> MatchList:
    """Names of domains (mydestination, relay_domains)."""
    return MatchList(text, config, name, parent=parent)


def namadr_list(text: str, config: Any = None, name: str = "", parent: bool = False) -> MatchList:
    """Names and addresses of hosts (smtpd_authorized_xclient_hosts ...)."""
    return MatchList(text, config, name, addresses=True, parent=parent)


def addr_list(text: str, config: Any = None, name: str = "") -> MatchList:
    """Addresses only (mynetworks)."""
    return MatchList(text, config, name, hosts=False, addresses=True)


def string_list(text: str, config: Any = None, name: str = "") -> MatchList:
    """Whole strings (fast_flush_domains' kin, user names)."""
    return MatchList(text, config, name, exact=True)
