"""One end of a connection between our processes (ext/pyfix/ipc/stream.pyx). Law: ipc.messages."""

import asyncio
from collections.abc import Callable
from typing import Any

FRAME_LIMIT: int
BACKLOG_LIMIT: int

def encode(message: list[Any]) -> bytes:
    """One frame. Raises PeerError where the message is over FRAME_LIMIT."""

def decode(body: bytes | bytearray | memoryview) -> list[Any]:
    """The message in a frame's body. Raises PeerError for anything but an array with a number first."""

class Connection(asyncio.Protocol):
    """One end of a connection.

    on_message(connection, message)  for each message that comes in
    on_close(connection, error)      once; error is None after an orderly end
    on_open(connection)              once, when it is usable

    An exception of on_message ends the connection and goes on to the loop's handler:
    it is a mistake of ours, and a service dies of it.
    """

    on_message: Callable[[Connection, list[Any]], None]
    on_close: Callable[[Connection, Exception | None], None] | None
    on_open: Callable[[Connection], None] | None
    transport: asyncio.Transport | None
    peer: Any
    paused: bool
    def __init__(self, on_message: Callable[[Connection, list[Any]], None],
                 on_close: Callable[[Connection, Exception | None], None] | None = None,
                 on_open: Callable[[Connection], None] | None = None) -> None: ...
    @property
    def closed(self) -> bool:
        """True before the connection is up and after it has ended."""
    @property
    def backlog(self) -> int:
        """Bytes that have not been handed to the kernel yet."""
    def send(self, message: list[Any]) -> None:
        """Send a message at the end of this turn of the loop. A closed connection swallows it:
        on_close tells the owner, who knows what was not answered. Raises PeerError for too big a message."""
    def send_packed(self, body: bytes) -> None:
        """send() of a message that is msgpack already."""
    def send_now(self, message: list[Any]) -> None:
        """send() and flush(): for who sends once a turn."""
    def flush(self) -> None:
        """Hand what was sent to the kernel now."""
    def close(self) -> None:
        """Send what is waiting, then end the connection."""
    def peer_credentials(self) -> tuple[int, int, int]:
        """(pid, uid, gid) of the process on the other side, from the kernel (SO_PEERCRED)."""
