"""Messages between pyfix's processes: length-prefixed msgpack over UNIX sockets.

Law: `ipc.messages`. A frame is a 4-byte big-endian length and one msgpack array.
What is sent in one turn of the loop leaves in one write. A frame that is longer than
FRAME_LIMIT, or is no array with a number first, ends the connection: the other
side is one of our own processes and must not be believed more than that.
"""

import asyncio
import random
import socket
import struct
from collections.abc import Callable
from typing import Any

import msgpack

from pyfix.errors import PeerError

FRAME_LIMIT = 16 << 20          # bytes of one message
BACKLOG_LIMIT = 256 << 20       # bytes that may wait for a peer which doesn't read
FIRST_DELAY, LAST_DELAY = 0.02, 1.0

_length = struct.Struct(">I")
_pack = msgpack.Packer(use_bin_type=True, autoreset=True).pack

OnMessage = Callable[["Connection", list[Any]], None]
OnClose = Callable[["Connection", Exception | None], None]
OnOpen = Callable[["Connection"], None]


def encode(message: list[Any]) -> bytes:
    """One frame. Raises PeerError where the message is over FRAME_LIMIT."""
    body = _pack(message)
    if len(body) > FRAME_LIMIT:
        raise PeerError(f"message of {len(body)} bytes is over the limit of {FRAME_LIMIT}")
    return _length.pack(len(body)) + body


def decode(body: bytes | memoryview) -> list[Any]:
    """The message in a frame's body. Raises PeerError for anything but an array with a number first."""
    try:
        message = msgpack.unpackb(body, raw=False, use_list=True, strict_map_key=False)
    except (ValueError, TypeError, msgpack.UnpackException, RecursionError) as error:
        raise PeerError(f"bad frame: {error}") from None
    if type(message) is not list or not message or type(message[0]) is not int:
        raise PeerError("bad frame: not an array that starts with a number")
    return message


class Connection(asyncio.Protocol):
    """One end of a connection.

    on_message(connection, message)  for each message that comes in
    on_close(connection, error)      once; error is None after an orderly end
    on_open(connection)              once, when it is usable

    An exception of on_message ends the connection and goes on to the loop's handler:
    it is a mistake of ours, and a service dies of it.
    """

    def __init__(self, on_message: OnMessage, on_close: OnClose | None = None, on_open: OnOpen | None = None) -> None:
        self.on_message, self.on_close, self.on_open = on_message, on_close, on_open
        self.transport: asyncio.Transport | None = None
        self.peer: Any = None           # for the owner: whatever it wants to remember here
        self.paused = False             # True while the other side reads slower than we write
        self._loop: asyncio.AbstractEventLoop | None = None
        self._out: list[bytes] = []
        self._in = bytearray()          # the start of a frame
        self._need = 4                  # bytes that it takes to go on with it
        self._error: Exception | None = None

    @property
    def closed(self) -> bool:
        """True before the connection is up and after it has ended."""
        return self.transport is None or self.transport.is_closing()

    @property
    def backlog(self) -> int:
        """Bytes that have not been handed to the kernel yet."""
        waiting = sum(map(len, self._out))
        return waiting + (self.transport.get_write_buffer_size() if self.transport else 0)

    def send(self, message: list[Any]) -> None:
        """Send a message at the end of this turn of the loop. A closed connection swallows it:
        on_close tells the owner, who knows what was not answered. Raises PeerError for too big a message."""
        if self.closed:
            return
        if not self._out:
            self._loop.call_soon(self.flush)
        self._out.append(encode(message))

    def send_packed(self, body: bytes) -> None:
        """send() of a message that is msgpack already."""
        if self.closed:
            return
        if len(body) > FRAME_LIMIT:
            raise PeerError(f"message of {len(body)} bytes is over the limit of {FRAME_LIMIT}")
        if not self._out:
            self._loop.call_soon(self.flush)
        self._out.append(_length.pack(len(body)) + body)

    def flush(self) -> None:
        """Hand what was sent to the kernel now."""
        if not self._out or self.closed:
            return
        data, self._out = b"".join(self._out), []
        self.transport.write(data)
        if self.paused and self.transport.get_write_buffer_size() > BACKLOG_LIMIT:
            self._fail(PeerError(f"the other side has left {BACKLOG_LIMIT} bytes unread"))

    def close(self) -> None:
        """Send what is waiting, then end the connection."""
        self.flush()
        if self.transport is not None:
            self.transport.close()

    def peer_credentials(self) -> tuple[int, int, int]:
        """(pid, uid, gid) of the process on the other side, from the kernel (SO_PEERCRED)."""
        sock = self.transport.get_extra_info("socket")
        return struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))

    def _fail(self, error: Exception) -> None:
        self._error = error
        self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._loop = asyncio.get_running_loop()
        if self.on_open is not None:
            self.on_open(self)

    def data_received(self, data: bytes) -> None:
        if self._in:
            self._in += data
            if len(self._in) < self._need:
                return
            data = bytes(self._in)
            self._in.clear()
        at = self._frames(data)
        if at < len(data) and not self.closed:
            self._in += data[at:] if at else data

    def _frames(self, data: bytes) -> int:
        """Hand on the whole frames of `data`; the number of bytes they took."""
        at, size = 0, len(data)
        self._need = 4
        while size - at >= 4 and not self.transport.is_closing():
            length = _length.unpack_from(data, at)[0]
            if length > FRAME_LIMIT:
                self._fail(PeerError(f"frame of {length} bytes is over the limit of {FRAME_LIMIT}"))
                return size
            if size - at - 4 < length:
                self._need = 4 + length
                break
            at += 4 + length
            if not self._one(data[at - length:at]):
                return size
        return at

    def _one(self, body: bytes) -> bool:
        try:
            message = decode(body)
        except PeerError as error:
            self._fail(error)
            return False
        try:
            self.on_message(self, message)
        except PeerError as error:
            self._fail(error)
            return False
        except BaseException:
            self.transport.abort()
            raise
        return True

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False

    def connection_lost(self, error: Exception | None) -> None:
        self._in.clear()
        self._out.clear()
        if self.on_close is not None:
            self.on_close(self, self._error or error)


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
        """Send over the present connection; False where there is none (the message is not kept)."""
        if self.connection is None or self.connection.closed:
            return False
        self.connection.send(message)
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
            self._task = connection._loop.create_task(self._connect(FIRST_DELAY))


async def serve(listener: socket.socket, on_message: OnMessage, on_close: OnClose | None = None,
                on_open: OnOpen | None = None) -> asyncio.AbstractServer:
    """Accept connections on a bound and listening UNIX socket; each is a `Connection`."""
    loop = asyncio.get_running_loop()
    return await loop.create_unix_server(lambda: Connection(on_message, on_close, on_open), sock=listener)
