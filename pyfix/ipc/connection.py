"""Connections between pyfix's processes: made, accepted, and kept up.

Law: `ipc.messages`. `stream` has the Connection itself; here is who calls whom, and the client's
connection that comes back by itself.
"""

import asyncio
import random
import socket
from collections.abc import Callable
from typing import Any

from pyfix.ipc.stream import BACKLOG_LIMIT, FRAME_LIMIT, Connection, decode, encode

__all__ = ["BACKLOG_LIMIT", "FRAME_LIMIT", "Connection", "Link", "connect", "decode", "encode", "serve"]

FIRST_DELAY, LAST_DELAY = 0.02, 1.0

OnMessage = Callable[["Connection", list[Any]], None]
OnClose = Callable[["Connection", Exception | None], None]
OnOpen = Callable[["Connection"], None]


async def connect(path: str, on_message: OnMessage, on_close: OnClose | None = None,
                  on_open: OnOpen | None = None) -> Connection:
    """Connect once to the UNIX socket `path`. Raises OSError."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_unix_connection(lambda: Connection(on_message, on_close, on_open), path)
    return connection


class Link:
    """A client's connection that comes back by itself: `connect` with retries.

    on_open(connection) is called for every new connection (send HELLO there);
    on_close(connection, error) when one ends. Between tries it waits 20 ms, doubling to 1 s,
    with jitter. `connection` is None while there is none.
    """

    def __init__(self, path: str, on_message: OnMessage, on_open: OnOpen | None = None,
                 on_close: OnClose | None = None) -> None:
        self.path, self.on_message, self.on_open, self.on_close = path, on_message, on_open, on_close
        self.connection: Connection | None = None
        self._delay = FIRST_DELAY
        self._stopped = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to connect; needs a running loop."""
        self._stopped = False
        self._task = asyncio.get_running_loop().create_task(self._connect())

    def send(self, message: list[Any]) -> bool:
        """Send over the present connection, now; False where there is none (the message is not kept)."""
        if self.connection is None or self.connection.closed:
            return False
        self.connection.send_now(message)
        return True

    def close(self) -> None:
        """End the connection and stop trying."""
        self._stopped = True
        if self._task is not None:
            self._task.cancel()
        if self.connection is not None:
            self.connection.close()

    async def _connect(self, pause: float = 0.0) -> None:
        await asyncio.sleep(pause)
        while not self._stopped:
            try:
                await connect(self.path, self.on_message, self._closed, self._opened)
                return
            except OSError:         # nobody listens yet
                await asyncio.sleep(self._delay * random.uniform(0.8, 1.2))
                self._delay = min(self._delay * 2, LAST_DELAY)

    def _opened(self, connection: Connection) -> None:
        self.connection, self._delay = connection, FIRST_DELAY
        if self.on_open is not None:
            self.on_open(connection)

    def _closed(self, connection: Connection, error: Exception | None) -> None:
        self.connection = None
        if self.on_close is not None:
            self.on_close(connection, error)
        if not self._stopped:
            self._task = asyncio.get_running_loop().create_task(self._connect(FIRST_DELAY))


async def serve(listener: socket.socket, on_message: OnMessage, on_close: OnClose | None = None,
                on_open: OnOpen | None = None) -> asyncio.AbstractServer:
    """Accept connections on a bound and listening UNIX socket; each is a `Connection`."""
    loop = asyncio.get_running_loop()
    return await loop.create_unix_server(lambda: Connection(on_message, on_close, on_open), sock=listener)
