"""Which domains are ours: the address classes of ADDRESS_CLASS_README.

Law: the class of a domain is the first of local, virtual alias, virtual mailbox, relay, default
that claims it. An own address in brackets is local. A domain in two lists is said once to the administrator.

Source: postconf(5) mydestination, inet_interfaces, proxy_interfaces, virtual_alias_domains,
virtual_mailbox_domains, relay_domains.
"""

import ipaddress
from collections.abc import Callable
from typing import Any

from pyfix.errors import ConfigError
from pyfix.resolve import names
from pyfix.resolve.matchlist import MatchList

ROUTED, ERROR, FAIL = 2, 4, 8
LOCAL, ALIAS, VIRTUAL, RELAY, DEFAULT = 256, 512, 1024, 2048, 4096
CLASSES = LOCAL | ALIAS | VIRTUAL | RELAY | DEFAULT


class Domains:
    """The class lists of one configuration; `warn` gets the administrator's warnings."""

    def __init__(self, config: Any, warn: Callable[[str], None]) -> None:
        self._warn, self._told = warn, set[bytes]()
        self._helpful = config.helpful_warnings
        self.mydestination = MatchList(config, "mydestination")
        self.alias = MatchList(config, "virtual_alias_domains")
        self.mailbox = MatchList(config, "virtual_mailbox_domains")
        self.relay = MatchList(config, "relay_domains", "domain")
        self.lists = (self.mydestination, self.alias, self.mailbox, self.relay)
        self.local = all(entry.local for entry in self.lists)
        self.own_addresses = own_addresses(config)
        self.myorigin = config["myorigin"].lower().encode()

    async def is_local(self, domain: bytes) -> bool:
        """Is it in mydestination, or an own address in brackets? Raises TableError."""
        if domain.endswith(b"."):
            domain = domain[:-1]
        if not domain or domain.endswith(b"."):
            return False
        mine = self.mydestination
        if mine.match(domain) if mine.local else await mine.lookup(domain):
            return True
        return domain.startswith(b"[") and self.is_own_literal(domain)

    def is_own_literal(self, literal: bytes) -> bool:
        """Is it one of this host's addresses, in brackets?"""
        inner = names.literal_address(literal.decode("ascii", "replace"))
        try:
            return inner is not None and ipaddress.ip_address(inner) in self.own_addresses
        except ValueError:
            return False

    async def has_bare_users(self, domain: bytes) -> bool:
        """Are tables also searched for the user alone: is it $myorigin or a local domain?"""
        return domain.lower() == self.myorigin or await self.is_local(domain)

    async def classify(self, domain: bytes) -> int:
        """ALIAS, VIRTUAL, RELAY or DEFAULT for a domain that is not local. Raises TableError."""
        if self.alias and await self.alias.lookup(domain):
            await self._tell(domain, self.alias, (self.mailbox, self.relay))
            return ALIAS
        if self.mailbox and await self.mailbox.lookup(domain):
            await self._tell(domain, self.mailbox, (self.relay,))
            return VIRTUAL
        return RELAY if self.relay and await self.relay.lookup(domain) else DEFAULT

    async def tell_local(self, domain: bytes) -> None:
        """Warns if a local domain is in a list of virtual domains too."""
        await self._tell(domain, self.mydestination, (self.alias, self.mailbox))

    async def _tell(self, domain: bytes, first: MatchList, others: tuple[MatchList, ...]) -> None:
        if not self._helpful or domain in self._told:
            return
        for other in others:
            if other and await other.lookup(domain):
                self._told.add(domain)
                self._warn(f"do not list domain {domain.decode('utf-8', 'replace')} in BOTH {first.name} and {other.name}")


def own_addresses(config: Any) -> frozenset[Any]:
    """The addresses of inet_interfaces and proxy_interfaces as ipaddress objects."""
    found = {entry.address for entry in config.own_interfaces()}
    for word in config.words("proxy_interfaces"):
        try:
            found.add(ipaddress.ip_address(word.strip("[]")))
        except ValueError as error:
            raise ConfigError(f"proxy_interfaces: {word}: {error}",
                              remedy="give IP addresses") from error
    return frozenset(found)
