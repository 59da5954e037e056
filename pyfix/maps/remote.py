"""Tables that ask another process: what tcp:, socketmap:, memcache:, redis: and the database tables share.

A lookup waits on the event loop, never in it. Connections are pooled: at most SIZE for a table in one process, given
up when idle. One that broke while it was idle is replaced once, without a word; every other trouble is a TableError.
Commands have no loop: get(), put() and delete() run one of their own.
"""

from __future__ import annotations

import asyncio
import atexit
import importlib
import os
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, NamedTuple, TypeVar

from ..errors import TableConfigError, TableError
from .table import Table

C = TypeVar("C")
T = TypeVar("T")

#: connections of one table in one process
SIZE = 10

_runner: asyncio.Runner | None = None


def waited(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, for callers without an event loop (commands). RuntimeError on a running loop."""
    global _runner
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        if _runner is None:
            _runner = asyncio.Runner()
            atexit.register(_runner.close)
        return _runner.run(work)
    work.close()
    raise RuntimeError("this table waits: use lookup() on the event loop")


class Lost(Exception):
    """The connection is gone; the text says how."""


class RemoteTable(Table):
    """A table whose lookups wait. Subclasses give `ask` (and `store`, `remove` where their kind can be changed)."""

    local = False
    cacheable = False

    def get(self, key: bytes) -> bytes | None:
        return waited(self.lookup(key))

    async def lookup(self, key: bytes) -> bytes | None:
        prepared = self.prepare(key)
        return None if prepared is None else self.accept(key, await self.ask(prepared))

    async def ask(self, key: bytes) -> bytes | None:
        """The value of a key that is already folded and checked."""
        raise NotImplementedError


class Endpoint(NamedTuple):
    """Where a server listens; `path` for a UNIX-domain socket, else host and port (a number or a service name)."""

    path: str
    host: str
    port: str

    def __str__(self) -> str:
        return self.path or f"{self.host}:{self.port}"


def endpoint(text: str, title: str, port: str = "") -> Endpoint:
    """An Endpoint from "unix:path", "inet:host:port", "host:port" or "[address]:port". TableConfigError otherwise."""
    if text.startswith("unix:"):
        where = Endpoint(text[5:], "", "")
    else:
        rest = text.removeprefix("inet:")
        host, colon, after = rest.rpartition(":")
        if not colon or rest.endswith("]"):
            host, after = rest, port
        where = Endpoint("", host.removeprefix("[").removesuffix("]"), after)
    if not where.path and not (where.host and where.port):
        raise TableConfigError(title, f"bad server name: {text}: need unix:pathname or inet:host:port")
    return where


class Wire:
    """One connection to a server that speaks a protocol of bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, where: Endpoint, limit: int) -> Wire:
        """Connect; `limit` is the longest line that will be read. OSError whose text is the reason alone."""
        try:
            if where.path:
                return cls(*await asyncio.open_unix_connection(where.path, limit=limit))
            return cls(*await asyncio.open_connection(where.host, where.port, limit=limit))
        except OSError as error:
            known = error.errno is not None and error.errno > 0
            raise OSError(os.strerror(error.errno or 0) if known else error.strerror or str(error)) from error

    async def send(self, data: bytes) -> None:
        """Lost if the other side has gone."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except OSError as error:
            raise Lost(str(error)) from error

    async def line(self) -> bytes:
        """The next line without its end (LF or CRLF). Lost at the end of the stream; ValueError if it is too long."""
        try:
            line = await self.reader.readuntil(b"\n")
        except asyncio.LimitOverrunError as error:
            raise ValueError("line too long") from error
        except (OSError, asyncio.IncompleteReadError) as error:
            raise Lost("unexpected EOF") from error
        return line[:-2] if line.endswith(b"\r\n") else line[:-1]

    async def exactly(self, count: int) -> bytes:
        """`count` bytes. Lost at the end of the stream."""
        try:
            return await self.reader.readexactly(count)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise Lost("unexpected EOF") from error

    def close(self) -> None:
        self.writer.close()


class Pool(Generic[C]):
    """Connections for one lookup at a time each: `run(work)` lends one.

    connect()    a new connection; may raise anything that the caller of run() understands
    close(c)     gives one up; never waits
    idle         seconds after which an unused one is given up
    """

    def __init__(self, connect: Callable[[], Awaitable[C]], close: Callable[[C], None], idle: float = 60.0,
                 size: int = SIZE) -> None:
        self._connect, self._close, self._limit, self._size = connect, close, idle, size
        self._idle: list[tuple[float, C]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def _settle(self) -> None:
        """Connections belong to one loop; a new loop starts with none."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._idle.clear()
            self._loop, self._slots, self._timer = loop, asyncio.Semaphore(self._size), None

    async def run(self, work: Callable[[C], Awaitable[T]]) -> T:
        """What `work` makes of a connection. One that was kept and is Lost is replaced by a new one, once."""
        self._settle()
        async with self._slots:
            if self._idle:
                try:
                    return await self._use(self._idle.pop()[1], work)
                except Lost:
                    self.clear()
            return await self._use(await self._connect(), work)

    async def _use(self, connection: C, work: Callable[[C], Awaitable[T]]) -> T:
        try:
            result = await work(connection)
        except BaseException as error:
            if isinstance(error, TableError):
                self._keep(connection)
            else:
                self._close(connection)
            raise
        self._keep(connection)
        return result

    def _keep(self, connection: C) -> None:
        assert self._loop is not None
        self._idle.append((time.monotonic(), connection))
        if self._timer is None:
            self._timer = self._loop.call_later(self._limit, self._reap)

    def _reap(self) -> None:
        """Give up those that have been idle too long; they stand oldest first."""
        oldest = time.monotonic() - self._limit
        while self._idle and self._idle[0][0] <= oldest:
            self._close(self._idle.pop(0)[1])
        assert self._loop is not None
        self._timer = self._loop.call_later(self._limit, self._reap) if self._idle else None

    def clear(self) -> None:
        """Give up all that are idle."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._idle:
            self._close(self._idle.pop()[1])


def driver(module: str, extra: str, title: str) -> Any:
    """The Python package a table type needs. TableConfigError with the command to run where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        kind = title.partition(":")[0]
        raise TableConfigError(title, f"unsupported dictionary type: {kind}: the Python package {module} is missing: "
                                      f"run \"pip install 'pyfix[{extra}]'\"") from error
