"""Who a client is by name: reverse DNS that its forward DNS confirms (smtpd_peer(3)).

The law: a name counts only if it is a valid host name and one of its addresses is the client's; else the
client is "unknown". Lookups never block the loop, one is made for all who ask the same, and
answers are kept for a while: longer when they are good.
"""

import asyncio
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

from pyfix._core.chars import valid_hostname

KNOWN, TROUBLE, NONE = 2, 4, 5
KEEP_KNOWN, KEEP_OTHER, MOST = 300.0, 60.0, 20_000
UNKNOWN = b"unknown"


class Peer(NamedTuple):
    """A client's names: verified, before verification, and how sure each is (2 known, 4 trouble, 5 none)."""

    name: bytes = UNKNOWN
    reverse_name: bytes = UNKNOWN
    name_code: int = NONE
    reverse_code: int = NONE


class Names:
    """Names of clients by address, cached. `warning` gets Postfix's lines about names that don't resolve."""

    def __init__(self, warning: Callable[[bytes], Any], lookup: bool = True) -> None:
        self.warning, self.enabled = warning, lookup
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
        self._kept[address] = time.monotonic() + (KEEP_KNOWN if peer.name_code == KNOWN else KEEP_OTHER), peer
        self._kept.move_to_end(address)
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return peer

    async def _look_up(self, address: str) -> Peer:
        loop = asyncio.get_running_loop()
        try:
            name, _ = await loop.getnameinfo((address, 0), socket.NI_NAMEREQD)
        except (OSError, UnicodeError) as error:
            code = trouble(error)
            return Peer(UNKNOWN, UNKNOWN, code, code)
        raw = name.encode("utf-8", "surrogateescape")
        if not valid_hostname(raw):
            return Peer()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            found = await loop.getaddrinfo(name, None, family=family, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            self.warning(f"hostname {name} does not resolve to address {address}: {text_of(error)}".encode())
            return Peer(UNKNOWN, raw, trouble(error), KNOWN)
        if any(same(entry[4][0], address, family) for entry in found):
            return Peer(raw, raw, KNOWN, KNOWN)
        self.warning(f"hostname {name} does not resolve to address {address}".encode())
        return Peer(UNKNOWN, raw, NONE, KNOWN)


def trouble(error: Exception) -> int:
    """Is it that there is no such name, or that we can't know now?"""
    return TROUBLE if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN else NONE


def text_of(error: Exception) -> str:
    """The system's words."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def same(one: str, other: str, family: int) -> bool:
    """Do two texts say the same address?"""
    try:
        return socket.inet_pton(family, one.partition("%")[0]) == socket.inet_pton(family, other)
    except OSError:
        return False
