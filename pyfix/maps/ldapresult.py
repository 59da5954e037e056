"""From directory entries to the values of an ldap: table: result, special, terminal and leaf attributes (ldap_table(5)).

A special attribute holds names or URLs of other entries, which are read in turn; a terminal attribute hides all others
of its entry; a leaf attribute counts only in entries without special ones.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from ..errors import TableError
from . import report
from .cfgfile import Settings

_URL_SCOPES = {"base": 0, "one": 1, "sub": 2, "": 0}


class Collector:
    """The attributes that a table wants, in lower case, and how deep it may go."""

    def __init__(self, result: list[str], special: list[str], terminal: list[str], leaf: list[str],
                 depth: int, limit: int) -> None:
        self.names = result + terminal + leaf + special
        self.result, self.special, self.terminal, self.leaf = (
            {name.lower() for name in names} for names in (result, special, terminal, leaf))
        self.depth, self.limit = depth, limit

    @classmethod
    def from_settings(cls, settings: Settings, split: Callable[[str], list[str]]) -> Collector:
        """The parameters of one file. An empty result_attribute stays empty; one that is not there is maildrop."""
        groups = [split(settings.text(f"{kind}result_attribute")) for kind in ("special_", "terminal_", "leaf_")]
        result = split(settings.values.get("result_attribute", "maildrop"))
        return cls(result, *groups, settings.number("recursion_limit", 1000, 1), settings.number("expansion_limit", 0))

    def collect(self, directory: Any, title: str, base: str, scope: int, filter: str,
                cancelled: threading.Event) -> list[bytes | None]:
        """The values for one search and what it leads to. ldapconn.Gone, TableError."""
        out: list[bytes | None] = []
        self._walk(directory, title, directory.search(base, scope, filter, self.names), 1, out, cancelled)
        return out

    def _walk(self, directory: Any, title: str, entries: Any, level: int, out: list[bytes | None],
              cancelled: threading.Event) -> None:
        for _, attributes in entries:
            held = {name.lower(): values for name, values in attributes.items()}
            terminal = any(name in held for name in self.terminal)
            leaf = not any(name in held for name in self.special)
            for name, values in held.items():
                if terminal:
                    if name in self.terminal:
                        out.extend(values)
                elif name in self.result or (leaf and name in self.leaf):
                    out.extend(values)
                elif name in self.special:
                    self._follow(directory, title, name, values, level, out, cancelled)
                if 0 < self.limit < len(out):
                    return  # results() will say that it is too much

    def _follow(self, directory: Any, title: str, name: str, values: list[bytes], level: int,
                out: list[bytes | None], cancelled: threading.Event) -> None:
        for value in values:
            text = value.decode("utf-8", "replace")
            if level >= self.depth:
                report.warning(f"dict_ldap_get_values[{level}]: {title}: Recursion limit exceeded for special "
                               f"attribute {name}={text}")
                raise TableError(title, "recursion limit exceeded")
            if cancelled.is_set():
                raise TableError(title, "given up")
            found = self._url(directory, text) if text.lower().startswith(("ldap://", "ldaps://", "ldapi://")) \
                else directory.search(text, 0, "(objectclass=*)", self.names)
            self._walk(directory, title, found, level + 1, out, cancelled)

    def _url(self, directory: Any, url: str) -> Any:
        """The entries a URL stands for (RFC 4516), on the same server; none where it asks for nothing of ours."""
        path = url.partition("://")[2].partition("/")[2]
        base, asked, scope, filter, *_ = [unquote(part) for part in path.split("?")] + [""] * 4
        names = [name for name in self.names
                 if not asked or name.lower() in [one.strip().lower() for one in asked.split(",")]]
        if not names or scope not in _URL_SCOPES:
            report.warning(f"dict_ldap_get_values: skipping URL {url}: no pertinent attributes")
            return []
        return directory.search(base, _URL_SCOPES[scope], filter or "(objectclass=*)", names)
