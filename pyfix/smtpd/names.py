"""Who a client is by name: reverse DNS that its forward DNS confirms (smtpd_peer(3)).

The law: a name counts only if it is a valid host name and one of its addresses is the client's; else the
client is "unknown". pyfix.dns.peername looks it up (/etc/hosts, then the DNS), with the resolver that policy
uses too; one lookup is made for all who ask the same, and
answers are kept for a while: longer when they are good, hardly when it was trouble.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

from pyfix.dns.peername import FORGED, OK, PERMANENT, TEMPORARY, PeerNames

KNOWN, TROUBLE, NONE = 2, 4, 5
CODES = {OK: KNOWN, TEMPORARY: TROUBLE, PERMANENT: NONE, FORGED: NONE}
WHY = {FORGED: b"", TEMPORARY: b": Temporary failure in name resolution", PERMANENT: b": Name or service not known"}
KEEP = {KNOWN: 300.0, NONE: 60.0, TROUBLE: 5.0}     # seconds
MOST = 20_000
UNKNOWN = b"unknown"


class Peer(NamedTuple):
    """A client's names: verified, before verification, and how sure each is (2 known, 4 trouble, 5 none)."""

    name: bytes = UNKNOWN
    reverse_name: bytes = UNKNOWN
    name_code: int = NONE
    reverse_code: int = NONE


class Names:
    """Names of clients by address, cached. `warning` gets Postfix's lines about names that don't resolve; `peers`
    looks them up; not `lookup` (smtpd_peername_lookup): all clients are "unknown"."""

    def __init__(self, warning: Callable[[bytes], Any], peers: PeerNames, lookup: bool = True) -> None:
        self.warning, self.peers, self.enabled = warning, peers, lookup
        self._kept: OrderedDict[bytes, tuple[float, Peer]] = OrderedDict()
        self._asked: dict[bytes, asyncio.Future[Peer]] = {}

    def cached(self, address: bytes) -> Peer | None:
        """The answer at hand, None if it has to be looked up."""
        if not self.enabled:
            return Peer()
        kept = self._kept.get(address)
        return kept[1] if kept is not None and kept[0] > time.monotonic() else None

    async def find(self, address: bytes) -> Peer:
        """The names of a client."""
        known = self.cached(address)
        if known is not None:
            return known
        asked = self._asked.get(address)
        if asked is None:
            asked = self._asked[address] = asyncio.ensure_future(self._ask(address))
        return await asyncio.shield(asked)

    async def _ask(self, address: bytes) -> Peer:
        try:
            peer = await self._look_up(address.decode("ascii"))
        finally:
            del self._asked[address]
        self._kept[address] = time.monotonic() + KEEP[peer.name_code], peer
        self._kept.move_to_end(address)
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return peer

    async def _look_up(self, address: str) -> Peer:
        found = await self.peers.peer_name(address)
        name, reverse = found.name.encode("utf-8", "replace"), found.reverse_name.encode("utf-8", "replace")
        if found.reverse_status == OK and found.status != OK:
            why = WHY[found.status]
            self.warning(b"hostname %b does not resolve to address %b%b" % (reverse, address.encode(), why))
        return Peer(name, reverse, CODES[found.status], CODES[found.reverse_status])
