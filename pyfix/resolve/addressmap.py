"""One table list that maps addresses: canonical, virtual alias, generic, bcc.

Law: a one-to-one map is applied until nothing changes, ten times at most; a one-to-many map is
applied to each result until it gives nothing new, and an address may expand to itself once. Limits
and table errors end in MappingTrouble, which is temporary. Results are kept until a table changes.

Source: canonical(5), virtual(5), generic(5); postconf(5) virtual_alias_recursion_limit,
virtual_alias_expansion_limit, virtual_alias_address_length_limit, propagate_unmatched_extensions.
"""

import time
from typing import Any

from pyfix.errors import PyfixError, TableError
from pyfix.maps import MapList
from pyfix.model import Reply
from pyfix.resolve import find
from pyfix.resolve.resolver import Resolver

NESTING_LIMIT = 10
CACHE_LIMIT = 10_000
EXPANSION = Reply(451, "4.6.0", "Alias expansion error")
WRITE = Reply(451, "4.3.0", "Error: queue file write error")


class MappingTrouble(PyfixError):
    """An address can't be mapped now: `reply` goes to the client, the text to the log."""

    def __init__(self, reply: Reply, text: str) -> None:
        self.reply = reply
        super().__init__(f"{text} -- message not accepted, try again later")


def _show(address: bytes) -> str:
    return address.decode("utf-8", "replace")


class AddressMap:
    """The tables of parameter `name`. False where it is empty.

    `propagate`: an extension that the key lacked moves to the result.
    """

    def __init__(self, config: Any, resolver: Resolver, name: str, propagate: bool) -> None:
        self.name, self.propagate = name, propagate
        self.tables = MapList(config[name], config, name)
        self._resolver, self._rewrite = resolver, resolver.local.rewrite
        self._ones: dict[bytes, bytes] = {}
        self._manys: dict[bytes, list[bytes]] = {}
        self._generation, self._checked = 0, 0.0

    def __bool__(self) -> bool:
        return bool(self.tables)

    def _refresh(self) -> None:
        """Forgets the results kept so far when a table has changed; looks once a second."""
        now = time.monotonic()
        if now - self._checked > 1:
            self._checked = now
            generation = self.tables.generation
            if generation != self._generation or len(self._ones) + len(self._manys) > CACHE_LIMIT:
                self._generation = generation
                self._ones.clear()
                self._manys.clear()

    async def value(self, address: bytes) -> tuple[bytes | None, bytes]:
        """(the table's value, the extension its key lacked) for an internal address. Raises TableError."""
        domain = address.rpartition(b"@")[2]
        local = await self._resolver.domains.has_bare_users(domain)
        return await find.lookup(self.tables, find.keys(address, self._resolver.style, local))

    async def step(self, address: bytes) -> list[bytes] | None:
        """What one look-up makes of `address`; None where it is not in the tables. Raises MappingTrouble."""
        try:
            value, extension = await self.value(address)
        except TableError as error:
            raise MappingTrouble(WRITE, f"{self.name} map lookup problem for {_show(address)}: {error}") from error
        if value is None:
            return None
        return find.expand(address, value, extension, self.propagate, self._rewrite)

    async def one(self, address: bytes) -> bytes:
        """The address that a one-to-one map gives; the address itself if it is not in the tables."""
        self._refresh()
        result = self._ones.get(address)
        if result is None:
            result = await self._one(address)
            if self.tables.cacheable:
                self._ones[address] = result
        return result

    async def _one(self, address: bytes) -> bytes:
        for _ in range(NESTING_LIMIT):
            found = await self.step(address)
            if not found:
                return address
            if len(found) > 1:
                raise MappingTrouble(WRITE, f"multi-valued {self.name} entry for {_show(address)}")
            address, before = found[0], address
            if address.lower() == before.lower():
                return address
        raise MappingTrouble(WRITE, f"unreasonable {self.name} map nesting for {_show(address)}")

    async def many(self, address: bytes) -> list[bytes]:
        """All addresses that a one-to-many map makes of `address`, in order."""
        self._refresh()
        result = self._manys.get(address)
        if result is None:
            result = await self._many(address)
            if self.tables.cacheable:
                self._manys[address] = result
        return result

    async def _many(self, address: bytes) -> list[bytes]:
        config = self._resolver.config
        result, settled, at = [address], set[bytes](), 0
        while at < len(result):
            if len(result) > config.virtual_alias_expansion_limit:
                raise MappingTrouble(EXPANSION, f"unreasonable {self.name} map expansion size for {_show(address)}")
            for depth in range(config.virtual_alias_recursion_limit + 1):
                if result[at].lower() in settled:
                    break
                if depth == config.virtual_alias_recursion_limit:
                    raise MappingTrouble(EXPANSION, f"unreasonable {self.name} map nesting for {_show(address)}")
                found = await self.step(result[at])
                if not found:
                    break
                self._check_lengths(found, config.virtual_alias_address_length_limit)
                if any(new.lower() == result[at].lower() for new in found):
                    settled.add(result[at].lower())
                result[at] = found[0]
                result += found[1:]
            at += 1
        return result

    def _check_lengths(self, found: list[bytes], limit: int) -> None:
        for new in found:
            if len(new) > limit:
                raise MappingTrouble(EXPANSION, f"unreasonable {self.name} result {_show(new[:300])}...")
