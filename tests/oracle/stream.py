"""Plain-Python twin of pyfix.ipc.stream: the messages in what a connection has received so far."""

import msgpack

LIMIT = 16 << 20


def messages(data: bytes) -> tuple[list[list], bool]:
    """(messages in order, whether the connection must end behind them)."""
    found, at = [], 0
    while len(data) - at >= 4:
        length = int.from_bytes(data[at:at + 4], "big")
        if length > LIMIT:
            return found, True
        if len(data) - at - 4 < length:
            break
        try:
            message = msgpack.unpackb(data[at + 4:at + 4 + length], raw=False, strict_map_key=False)
        except (ValueError, TypeError, RecursionError):
            return found, True
        if type(message) is not list or not message or type(message[0]) is not int:
            return found, True
        found.append(message)
        at += 4 + length
    return found, False
