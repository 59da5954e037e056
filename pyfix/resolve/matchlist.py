"""Lists of names: mydestination, virtual_alias_domains, relay_domains and their kind.

Law: patterns are tried in order, the first that matches decides, "!" turns it round;
a table that fails is an error, never "no match". Names are compared without case.
`/file/name` stands for the patterns in that file.

Source: postconf(5) mydestination, relay_domains, parent_domain_matches_subdomains; match_list(3).
"""

from pathlib import Path
from typing import Any

from pyfix import maps
from pyfix.config.lines import split_words
from pyfix.errors import ConfigError


class MatchList:
    """`MatchList(config, "mydestination")`; `subdomains`: a domain also stands for what is below it.

    local     a match never waits: match() may be used
    tables    the tables in it
    """

    def __init__(self, config: Any, name: str, kind: str = "string", text: str | None = None) -> None:
        self.name, self.kind = name, kind
        parents = config.words("parent_domain_matches_subdomains") if kind == "domain" else ()
        self.subdomains = name in parents
        self.patterns: list[tuple[bool, bytes | maps.Table]] = []
        self._names: frozenset[bytes] | None = None
        self._load(config, config[name] if text is None else text, True, 0)
        self.tables = [p for _, p in self.patterns if isinstance(p, maps.Table)]
        self.local = all(t.local for t in self.tables)
        if kind == "string" and not self.tables and all(yes for yes, _ in self.patterns):
            self._names = frozenset(p for _, p in self.patterns if isinstance(p, bytes))

    def _load(self, config: Any, text: str, yes: bool, depth: int) -> None:
        for word in split_words(text):
            bare = word.lstrip("!")
            sign = yes if (len(word) - len(bare)) % 2 == 0 else not yes
            if bare.startswith("/"):
                self._load_file(config, bare, sign, depth)
            elif ":" in bare and not bare.startswith("["):
                self.patterns.append((sign, maps.open(bare, config)))
            else:
                self.patterns.append((sign, bare.lower().encode("utf-8", "surrogateescape")))

    def _load_file(self, config: Any, path: str, yes: bool, depth: int) -> None:
        if depth > 10:
            raise ConfigError(f"{self.name}: too many levels of files", path, remedy="a file names itself?")
        try:
            text = Path(path).read_text("utf-8", "surrogateescape")
        except OSError as error:
            raise ConfigError(f"{self.name}: cannot read {path}: {error.strerror}") from error
        lines = (line for line in text.split("\n") if not line.lstrip().startswith("#"))
        self._load(config, "\n".join(lines), yes, depth + 1)

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def match(self, name: bytes) -> bool:
        """Is `name` in the list? Only where `local`. Raises TableError."""
        if self._names is not None:
            return name.lower() in self._names
        name = name.lower()
        for yes, pattern in self.patterns:
            if isinstance(pattern, bytes):
                found = self._same(name, pattern)
            else:
                found = any(pattern.get(key) is not None for key in self._keys(name, pattern))
            if found:
                return yes
        return False

    async def lookup(self, name: bytes) -> bool:
        """As match(), for lists of every kind."""
        if self.local:
            return self.match(name)
        name = name.lower()
        for yes, pattern in self.patterns:
            if isinstance(pattern, bytes):
                if self._same(name, pattern):
                    return yes
                continue
            for key in self._keys(name, pattern):
                if (pattern.get(key) if pattern.local else await pattern.lookup(key)) is not None:
                    return yes
        return False

    def _same(self, name: bytes, pattern: bytes) -> bool:
        if name == pattern:
            return True
        if self.kind == "string":
            return False
        if self.subdomains:
            return name.endswith(b"." + pattern)
        return pattern.startswith(b".") and name.endswith(pattern) and len(name) > len(pattern)

    def _keys(self, name: bytes, table: maps.Table) -> list[bytes]:
        if self.kind == "string" or not table.fixed:
            return [name] if name else []
        keys, at = [name] if name else [], name.find(b".", 1)
        while at >= 0:
            keys.append(name[at + 1:] if self.subdomains else name[at:])
            at = name.find(b".", at + 1)
        return [key for key in keys if key]
