"""memcache:/file, a cache that other hosts share, with an optional table behind it (memcache_table(5)).

A lookup asks the cache, then `backup`, whose answer it stores in the cache. A change goes to both. Keys with white
space or control characters are in no cache: the text protocol could be tricked with them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from ..errors import TableConfigError, TableError
from . import flags as F
from . import registry, report
from .cfgfile import Settings, read_settings
from .keyed import KeyFormat
from .registry import wants_utf8
from .remote import Endpoint, Lost, Pool, RemoteTable, Wire, endpoint, waited
from .table import Table


class Garbled(Exception):
    """A reply that breaks the protocol: the connection is given up."""


class MemcacheTable(RemoteTable):
    """One server and the parameters of one file."""

    def __init__(self, type: str, name: str, settings: Settings, config: Any, flags: int, mode: str) -> None:
        super().__init__(type, name, flags, wants_utf8(config, flags))
        number = settings.number
        self.server = self._where(settings.text("memcache") or "inet:localhost:11211", settings.title)
        self.keys = KeyFormat(settings, config, spaces=False)
        self.store_flags, self.ttl = number("flags", 0), number("ttl", 3600)
        self.data_limit, self.line_limit = number("data_size_limit", 10240, 1), number("line_size_limit", 1024, 1)
        self.tries, self.pause = number("max_try", 2, 1), number("retry_pause", 1, 1)
        self.limit = number("timeout", 2, 1)
        backup = settings.text("backup")
        self.backup = registry.open_spec(backup, config, flags, mode) if backup else None
        self.pool: Pool[Wire] = Pool(self._connect, Wire.close)

    @staticmethod
    def _where(text: str, title: str) -> Endpoint:
        if not text.startswith(("inet:", "unix:")):
            raise TableConfigError(title, f"invalid transport name: {text.partition(':')[0]} in service: {text}")
        return endpoint(text, title, "11211")

    async def _connect(self) -> Wire:
        try:
            return await Wire.open(self.server, self.line_limit)
        except OSError as error:
            report.warning(f"connect to {self.server}: {error}")
            raise TableError(self.title, str(error)) from error

    def _trouble(self, text: str) -> TableError:
        report.warning(f"database {self.title}: {text}")
        return TableError(self.title, text)

    async def _command(self, work: Any) -> Any:
        """`work` on a connection, up to max_try times. TableError."""
        for left in reversed(range(self.tries)):
            try:
                async with asyncio.timeout(self.limit):
                    return await self.pool.run(work)
            except (TimeoutError, Lost, Garbled, ValueError) as error:
                if not left:
                    text = "I/O error: timeout" if isinstance(error, TimeoutError) else f"I/O error: {error}"
                    raise self._trouble(text) from error
            await asyncio.sleep(self.pause)

    async def _fetch(self, wire: Wire, key: bytes) -> bytes | None:
        await wire.send(b"get " + key + b"\r\n")
        words = (await wire.line()).split(b" ")
        if words == [b"END"]:
            return None
        if len(words) < 4 or words[0] != b"VALUE" or words[1] != key or not words[3].isdigit():
            raise Garbled(f"unexpected memcache server reply: {report.show(b' '.join(words)[:30])}")
        size = int(words[3][:10])
        if size > self.data_limit:
            raise Garbled(f"data for key {report.show(key)} is too long (data_size_limit={self.data_limit})")
        data = await wire.exactly(size + 2)
        if data[-2:] != b"\r\n" or await wire.line() != b"END":
            raise Garbled("unexpected memcache server reply")
        return data[:-2]

    async def ask(self, key: bytes) -> bytes | None:
        made = await self.keys.make(key, "lookup")
        if made is None:
            return None
        try:
            value = await self._command(lambda wire: self._fetch(wire, made))
        except TableError:
            if self.backup is None:
                raise
            return await self.backup.lookup(key)
        if value is None and self.backup is not None:
            value = await self.backup.lookup(key)
            if value is not None:
                await self._cache(made, value)
        return value

    async def _cache(self, made: bytes, value: bytes) -> None:
        """Store a value; a cache that can't is reported, no more."""
        try:
            await self._set(made, value)
        except TableError:
            return  # _trouble() has told it; the answer is the backup's

    async def _set(self, made: bytes, value: bytes) -> None:
        if len(value) > self.data_limit:
            report.warning(f"database {self.title}: data for key {report.show(made)} is too long "
                           f"(data_size_limit={self.data_limit}) -- not stored")
            raise TableError(self.title, "data is too long")

        async def exchange(wire: Wire) -> bytes:
            head = b"set %s %d %d %d\r\n" % (made, self.store_flags, self.ttl, len(value))
            await wire.send(head + value + b"\r\n")
            return await wire.line()

        if (reply := await self._command(exchange)) != b"STORED":
            raise self._trouble(f"update failed: {report.show(reply[:30])}")

    async def store(self, key: bytes, value: bytes) -> None:
        """put() for callers on the loop."""
        prepared = self.prepare(key)
        if prepared is None or not self.storable(key, value):
            return
        made = await self.keys.make(prepared, "update")
        if made is None:
            return
        if self.backup is None:
            await self._set(made, value)
        else:
            self.backup.put(prepared, value)
            await self._cache(made, value)

    async def remove(self, key: bytes) -> bool:
        """delete() for callers on the loop."""
        prepared = self.prepare(key)
        made = await self.keys.make(prepared, "delete") if prepared is not None else None
        if made is None or prepared is None:
            return False

        async def exchange(wire: Wire) -> bytes:
            await wire.send(b"delete " + made + b"\r\n")
            return await wire.line()

        there = self.backup.delete(prepared) if self.backup is not None else False
        reply = await self._command(exchange)
        if reply not in (b"DELETED", b"NOT_FOUND"):
            raise self._trouble(f"delete failed: {report.show(reply[:30])}")
        return there if self.backup is not None else reply == b"DELETED"

    def put(self, key: bytes, value: bytes) -> None:
        waited(self.store(key, value))

    def delete(self, key: bytes) -> bool:
        return waited(self.remove(key))

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        if self.backup is None:
            raise TableError(self.title, f"database {self.title}: first/next support requires backup database")
        return self.backup.items()

    def close(self) -> None:
        self.pool.clear()
        if self.backup is not None:
            self.backup.close()


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError where the file can't be used; the server is asked for by the first lookup."""
    title = f"{type}:{name}"
    if flags & F.NO_UNAUTH:
        raise TableConfigError(title, f"{title} map is not allowed for security-sensitive data")
    if mode not in ("r", "w"):
        raise TableConfigError(title, f"{title} map requires O_RDONLY or O_RDWR access mode")
    return MemcacheTable(type, name, read_settings(type, name, config), config, flags, mode)
