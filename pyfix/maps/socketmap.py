"""socketmap:inet:host:port:name and socketmap:unix:path:name, sendmail's protocol (socketmap_table(5)).

A request is the netstring "name key", a reply one that starts with OK, NOTFOUND, TEMP, TIMEOUT or PERM. The whole key
only; not for security-sensitive data.
"""

from __future__ import annotations

import asyncio
from typing import Any

from ..errors import TableConfigError, TableError
from . import flags as F
from . import report
from .registry import wants_utf8
from .remote import Endpoint, Lost, Pool, RemoteTable, Wire, endpoint
from .table import Table

#: seconds for a lookup; bytes of a reply; seconds that an unused connection is kept
LIMIT, REPLY, IDLE = 100.0, 100000, 10.0


async def read_netstring(wire: Wire, most: int) -> bytes:
    """The next netstring. ValueError where it is none or longer than `most`; Lost."""
    size = 0
    digits = 0
    while (byte := await wire.exactly(1)) != b":":
        digits += 1
        size = size * 10 + byte[0] - 0x30
        if not byte.isdigit() or size > most or digits > 9:
            raise ValueError("unexpected netstring: bad length")
    if not digits:
        raise ValueError("unexpected netstring: no length")
    data = await wire.exactly(size + 1)
    if data[-1:] != b",":
        raise ValueError("unexpected netstring: no terminator")
    return data[:-1]


class SocketmapTable(RemoteTable):
    """One map of one server."""

    fixed = False

    def __init__(self, type: str, name: str, server: Endpoint, map: str, flags: int, utf8: bool) -> None:
        super().__init__(type, name, flags, utf8)
        self.server, self.map = server, map.encode("utf-8", "surrogateescape")
        self.pool: Pool[Wire] = Pool(self._connect, Wire.close, IDLE)

    async def _connect(self) -> Wire:
        try:
            return await Wire.open(self.server, REPLY)
        except OSError as error:
            report.warning(f"connect to {self.server}: {error}")
            raise self._trouble(f"table {self.title} lookup error: {error}", str(error)) from error

    def _trouble(self, text: str, reason: str = "") -> TableError:
        report.warning(text)
        return TableError(self.title, reason or text)

    async def ask(self, key: bytes) -> bytes | None:
        request = self.map + b" " + key

        async def exchange(wire: Wire) -> bytes:
            await wire.send(b"%d:%s," % (len(request), request))
            return await read_netstring(wire, REPLY)

        try:
            async with asyncio.timeout(LIMIT):
                reply = await self.pool.run(exchange)
        except TimeoutError as error:
            raise self._trouble(f"table {self.title} lookup error: timeout") from error
        except (Lost, ValueError) as error:
            raise self._trouble(f"table {self.title} lookup error: {error}") from error
        return self._answer(reply)

    def _answer(self, reply: bytes) -> bytes | None:
        status, _, text = reply.partition(b" ")
        if status == b"OK":
            return text
        if status == b"NOTFOUND":
            return None
        kind = {b"TEMP": "temporary", b"TIMEOUT": "timeout", b"PERM": "permanent"}.get(status)
        if kind is None:
            raise self._trouble(f"{self.title} socketmap server {self.server}: malformed reply: "
                                f"{report.show(reply[:100])}")
        colon = ": " if text else ""
        raise self._trouble(f"{self.title} socketmap server {kind} error{colon}{report.show(text[:200])}")

    def close(self) -> None:
        self.pool.clear()


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError for a name of another shape, and where the caller needs an answer that can be trusted."""
    title = f"{type}:{name}"
    if flags & F.NO_UNAUTH:
        raise TableConfigError(title, f"{title} map is not allowed for security-sensitive data")
    server, colon, map = name.rpartition(":")
    if not colon or not server or not map:
        raise TableConfigError(title, f"{type} requires server:socketmap argument")
    return SocketmapTable(type, name, endpoint(server, title), map, flags, wants_utf8(config, flags))
