"""tcp:host:port, one line out and one line back (tcp_table(5)).

Bytes that are not printable, white space and "%" go as %XX. The whole key only; not for security-sensitive data.
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

#: seconds for a lookup, and bytes of a reply with its newline
LIMIT, REPLY = 100.0, 4096

_QUOTED = [bytes([c]) if 0x20 < c < 0x7F and c != 0x25 else b"%%%02X" % c for c in range(256)]
_HEX = frozenset(b"0123456789abcdefABCDEF")


def quote(key: bytes) -> bytes:
    """`key` as it goes on the wire."""
    return b"".join([_QUOTED[c] for c in key])


def unquote(text: bytes) -> bytes | None:
    """The bytes that `text` stands for; None where a "%" is not followed by two hexadecimal digits."""
    first, *others = text.split(b"%")
    out = [first]
    for part in others:
        if len(part) < 2 or part[0] not in _HEX or part[1] not in _HEX:
            return None
        out.append(bytes([int(part[:2], 16)]))
        out.append(part[2:])
    return b"".join(out)


class TcpTable(RemoteTable):
    """One server."""

    fixed = False

    def __init__(self, type: str, name: str, server: Endpoint, flags: int, utf8: bool) -> None:
        super().__init__(type, name, flags, utf8)
        self.server = server
        self.pool: Pool[Wire] = Pool(self._connect, Wire.close)

    async def _connect(self) -> Wire:
        try:
            return await Wire.open(self.server, REPLY)
        except OSError as error:
            raise self._trouble(f"connect to TCP map {self.name}: {error}", str(error)) from error

    def _trouble(self, text: str, reason: str = "") -> TableError:
        report.warning(text)
        return TableError(self.title, reason or text)

    async def ask(self, key: bytes) -> bytes | None:
        async def exchange(wire: Wire) -> bytes:
            await wire.send(b"get " + quote(key) + b"\n")
            return await wire.line()

        try:
            async with asyncio.timeout(LIMIT):
                reply = await self.pool.run(exchange)
        except TimeoutError as error:
            raise self._trouble(f"read TCP map reply from {self.name}: timed out") from error
        except Lost as error:
            raise self._trouble(f"read TCP map reply from {self.name}: {error}") from error
        except ValueError as error:
            raise self._trouble(f"read TCP map reply from {self.name}: text longer than {REPLY}") from error
        return self._answer(reply)

    def _answer(self, reply: bytes) -> bytes | None:
        shown = report.show(reply[:100])
        if len(reply) < 4 or not reply[:3].isdigit() or reply[3] not in b" \t":
            raise self._trouble(f"read TCP map reply from {self.name}: malformed reply: {shown}")
        text = unquote(reply[4:].lstrip(b" \t"))
        if text is None:
            raise self._trouble(f"read TCP map reply from {self.name}: malformed reply: {shown}")
        if reply[:1] == b"5":
            return None
        if reply[:1] == b"4":
            raise TableError(self.title, report.show(text))
        if reply[:1] != b"2":
            raise self._trouble(f"read TCP map reply from {self.name}: bad status code: {shown}")
        return text

    def close(self) -> None:
        self.pool.clear()


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError for a name without a port, and where the caller needs an answer that can be trusted."""
    title = f"{type}:{name}"
    if flags & F.NO_UNAUTH:
        raise TableConfigError(title, f"{title} map is not allowed for security sensitive data")
    return TcpTable(type, name, endpoint(name, title), flags, wants_utf8(config, flags))
