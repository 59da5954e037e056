"""Frames of `ipc.messages` for a command, which asks and waits: no loop, and so none of what a loop imports.

Law: ipc.messages; `stream` does the same for processes that have a loop. A frame is a 4-byte big-endian length and one
msgpack array that starts with a number.
"""

import socket
import struct
from typing import Any

from pyfix._core.pack import pack
from pyfix._core.unpack import unpack
from pyfix.errors import PeerError

FRAME_LIMIT = 16 << 20
HEAD = struct.Struct(">I")


def send(sock: socket.socket, message: list[Any]) -> None:
    """Send one frame. Raises OSError."""
    body = pack(message)
    sock.sendall(HEAD.pack(len(body)) + body)


def receive(stream: Any) -> list[Any]:
    """The next message of a buffered binary stream. Raises PeerError for anything else and for the end, OSError."""
    head = stream.read(HEAD.size)
    length = HEAD.unpack(head)[0] if len(head) == HEAD.size else FRAME_LIMIT + 1
    body = stream.read(length) if length <= FRAME_LIMIT else b""
    if length > FRAME_LIMIT or len(body) < length:
        raise PeerError("the connection was lost")
    try:
        message = unpack(body)
    except ValueError as error:
        raise PeerError(f"bad frame: {error}") from None
    if not isinstance(message, list) or not message or type(message[0]) is not int:
        raise PeerError("bad frame: not an array that starts with a number")
    return message
