"""Lists of networks and host names: mynetworks and its kin (namadr_list(3), match_list(3)).

The law: patterns in order, the first that matches decides, "!" turns it round. Addresses are
compared as numbers, so that no other spelling of one gets in or out; an IPv4 address
that came in IPv6's clothes (::ffff:1.2.3.4) is the IPv4 address. A table that fails, and a
pattern that makes no sense, is an error when its turn comes, never "no match".
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any

from pyfix import maps
from pyfix.config.lines import split_words
from pyfix.errors import ConfigError, TableError

MAX_FILES = 10


class Networks:
    """`Networks(config, "mynetworks")`, or any text in the place of the parameter's."""

    def __init__(self, config: Any, name: str, text: str | None = None) -> None:
        self.name = name
        self.parents = name in config.words("parent_domain_matches_subdomains")
        self.patterns: list[tuple[bool, Any]] = []
        self._load(config, config[name] if text is None else text, True, 0)
        self.tables = [p for _, p in self.patterns if isinstance(p, maps.Table)]

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def _load(self, config: Any, text: str, yes: bool, depth: int) -> None:
        for word in split_words(text):
            bare = word.lstrip("!")
            sign = yes if (len(word) - len(bare)) % 2 == 0 else not yes
            if bare.startswith("/"):
                self._load_file(config, bare, sign, depth)
            elif ":" in bare and not bare.startswith("["):
                self.patterns.append((sign, maps.open(bare, config)))
            else:
                self.patterns.append((sign, self._pattern(bare)))

    def _load_file(self, config: Any, path: str, yes: bool, depth: int) -> None:
        try:
            text = Path(path).read_text("utf-8", "surrogateescape") if depth < MAX_FILES else None
        except OSError as error:
            raise ConfigError(f"{self.name}: cannot read {path}: {error.strerror}", remedy="make the file readable") from error
        if text is None:
            raise ConfigError(f"{self.name}: too many levels of files", path, remedy="a file names itself")
        self._load(config, "\n".join(x for x in text.split("\n") if not x.lstrip().startswith("#")), yes, depth + 1)

    def _pattern(self, word: str) -> Any:
        """A network, a host name as bytes, or the TableError that this pattern is."""
        bare = word.replace("[", "").replace("]", "")
        try:
            return ip_network(bare)
        except ValueError:
            pass
        try:
            meant = ip_network(bare, strict=False)
            return TableError(self.name, f'non-null host address bits in "{word}", perhaps you should use "{meant}" instead')
        except ValueError:
            if "/" in bare or bare.replace(".", "").isdigit():
                return TableError(self.name, f'bad net/mask pattern: "{word}"')
        return bare.lower().encode()

    def match(self, name: bytes, address: bytes) -> bool:
        """Is the client with this name and address in the list? Raises TableError."""
        host = plain_address(address)
        for yes, pattern in self.patterns:
            if isinstance(pattern, bytes):
                found = self._same(name.lower(), pattern)
            elif isinstance(pattern, maps.Table):
                found = self._in_table(pattern, name.lower(), address)
            elif isinstance(pattern, TableError):
                raise pattern
            else:
                found = host is not None and host in pattern
            if found:
                return yes
        return False

    def _same(self, name: bytes, pattern: bytes) -> bool:
        if name == pattern:
            return True
        if self.parents:
            return name.endswith(b"." + pattern)
        return pattern.startswith(b".") and name.endswith(pattern)

    def _in_table(self, table: maps.Table, name: bytes, address: bytes) -> bool:
        keys = [(name, True), (address, True)]
        at = name.find(b".", 1)
        while at >= 0:
            keys.insert(-1, (name[at + 1:] if self.parents else name[at:], False))
            at = name.find(b".", at + 1)
        try:
            return any(table.get(key) is not None for key, whole in keys if key and (whole or table.fixed))
        except TableError:
            raise TableError(self.name, f"{table.title}: table lookup problem") from None


def plain_address(text: bytes) -> IPv4Address | IPv6Address | None:
    """An address as a value; IPv4 in IPv6's clothes becomes IPv4. None for what is no address."""
    try:
        address = ip_address(text.decode("ascii", "replace"))
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


