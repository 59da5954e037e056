"""redis:/file, keys of a Redis (or Valkey) server; a table type of pyfix (docs/tables.md).

RESP2 frames every value by its length, so no key can be taken for a command. Parameters: server (default
inet:localhost:6379), user, password, db, hash (look keys up as fields of this hash), key_format, domain, result_format,
expansion_limit, ttl (for updates; 0: for ever), timeout (2 s), data_size_limit.
"""

from __future__ import annotations

import asyncio
from typing import Any

from ..errors import TableConfigError, TableError
from . import flags as F
from . import report
from .cfgfile import Settings, read_settings
from .keyed import KeyFormat
from .registry import wants_utf8
from .remote import Lost, Pool, RemoteTable, Wire, endpoint, waited
from .sqlcommon import Common
from .table import Table

#: nested arrays, and elements of one, that a reply may have
DEEPEST, MOST = 2, 10000


class Refused(Exception):
    """The server's error reply; the connection stays good."""


class Garbled(Exception):
    """A reply that breaks the protocol."""


def frame(*words: bytes) -> bytes:
    """A command as RESP."""
    return b"*%d\r\n" % len(words) + b"".join([b"$%d\r\n%s\r\n" % (len(word), word) for word in words])


def _size(text: bytes, most: int) -> int:
    digits = text.removeprefix(b"-")
    if not digits.isdigit() or len(digits) > 10 or int(text) > most:
        raise Garbled(f"unexpected length: {report.show(text[:30])}")
    return int(text)


async def read_reply(wire: Wire, most: int, depth: int = 0) -> Any:
    """One reply: bytes, int, None or a list of them; Refused comes back as a value. Garbled, Lost."""
    line = await wire.line()
    kind, rest = line[:1], line[1:]
    if kind == b"+":
        return rest
    if kind == b"-":
        return Refused(report.show(rest[:200]))
    if kind == b":":
        return _size(rest, 1 << 62)
    if kind == b"$":
        size = _size(rest, most)
        return (await wire.exactly(size + 2))[:-2] if size >= 0 else None
    if kind == b"*" and depth < DEEPEST:
        return [await read_reply(wire, most, depth + 1) for _ in range(_size(rest, MOST))]
    raise Garbled(f"unexpected reply: {report.show(line[:30])}")


class RedisTable(RemoteTable):
    """One server and the parameters of one file."""

    def __init__(self, type: str, name: str, settings: Settings, config: Any, flags: int) -> None:
        super().__init__(type, name, flags, wants_utf8(config, flags))
        self.server = endpoint(settings.text("server") or "inet:localhost:6379", settings.title, "6379")
        self.keys = KeyFormat(settings, config, spaces=True)
        self.common = Common(settings, config, None)
        self.hash = settings.text("hash").encode("utf-8", "surrogateescape")
        self.ttl, self.limit = settings.number("ttl", 0), settings.number("timeout", 2, 1)
        self.data_limit = settings.number("data_size_limit", 102400, 1)
        self.hello = self._greeting(settings)
        self.pool: Pool[Wire] = Pool(self._connect, Wire.close)

    @staticmethod
    def _greeting(settings: Settings) -> list[bytes]:
        """The commands that open a connection."""
        user, password = (settings.text(name).encode("utf-8", "surrogateescape") for name in ("user", "password"))
        login = [frame(b"AUTH", *([user] if user else []), password)] if password else []
        number = settings.number("db", 0)
        return login + ([frame(b"SELECT", b"%d" % number)] if number else [])

    async def _connect(self) -> Wire:
        try:
            wire = await Wire.open(self.server, 4096)
        except OSError as error:
            report.warning(f"connect to {self.server}: {error}")
            raise TableError(self.title, str(error)) from error
        for command in self.hello:
            await wire.send(command)
            reply = await read_reply(wire, 4096)
            if isinstance(reply, Refused):
                wire.close()
                raise self._trouble(f"{self.server}: {reply}")
        return wire

    def _trouble(self, text: str) -> TableError:
        report.warning(f"database {self.title}: {text}")
        return TableError(self.title, text)

    async def _command(self, *words: bytes) -> Any:
        async def exchange(wire: Wire) -> Any:
            await wire.send(frame(*words))
            return await read_reply(wire, self.data_limit)

        try:
            async with asyncio.timeout(self.limit):
                reply = await self.pool.run(exchange)
        except TimeoutError as error:
            raise self._trouble(f"{self.server}: timeout") from error
        except (Lost, Garbled, ValueError) as error:
            raise self._trouble(f"{self.server}: {error}") from error
        if isinstance(reply, Refused):
            raise self._trouble(f"{self.server}: {reply}")
        return reply

    async def ask(self, key: bytes) -> bytes | None:
        made = await self.keys.make(key, "lookup")
        if made is None:
            return None
        reply = await (self._command(b"HGET", self.hash, made) if self.hash else self._command(b"GET", made))
        if reply is not None and not isinstance(reply, bytes):
            raise self._trouble(f"{self.server}: unexpected reply")
        return self.common.results(key, [reply])

    async def store(self, key: bytes, value: bytes) -> None:
        """put() for callers on the loop."""
        prepared = self.prepare(key)
        made = await self.keys.make(prepared, "update") if prepared is not None else None
        if made is None or not self.storable(key, value):
            return
        expiry = [b"EX", b"%d" % self.ttl] if self.ttl else []
        await (self._command(b"HSET", self.hash, made, value) if self.hash
               else self._command(b"SET", made, value, *expiry))

    async def remove(self, key: bytes) -> bool:
        """delete() for callers on the loop."""
        prepared = self.prepare(key)
        made = await self.keys.make(prepared, "delete") if prepared is not None else None
        if made is None:
            return False
        return bool(await (self._command(b"HDEL", self.hash, made) if self.hash else self._command(b"DEL", made)))

    def put(self, key: bytes, value: bytes) -> None:
        waited(self.store(key, value))

    def delete(self, key: bytes) -> bool:
        return waited(self.remove(key))

    def close(self) -> None:
        self.pool.clear()


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError where the file can't be used; the server is asked for by the first lookup."""
    title = f"{type}:{name}"
    if flags & F.NO_UNAUTH:
        raise TableConfigError(title, f"{title} map is not allowed for security-sensitive data")
    if mode not in ("r", "w"):
        raise TableConfigError(title, f"{title} map requires O_RDONLY or O_RDWR access mode")
    return RedisTable(type, name, read_settings(type, name, config), config, flags)
