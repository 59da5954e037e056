"""A connection of pyfix.ipc without a socket: bytes in, messages out."""

import asyncio
from typing import Any

from pyfix.ipc.stream import Connection


class Transport:
    """Only remembers that it was ended."""

    def __init__(self) -> None:
        self.ended = False

    def get_extra_info(self, name: str) -> None:
        return None

    def is_closing(self) -> bool:
        return self.ended

    def abort(self) -> None:
        self.ended = True

    def get_write_buffer_size(self) -> int:
        return 0


LOOP = asyncio.new_event_loop()


def received(data: bytes, cuts: list[int]) -> tuple[list[list[Any]], bool]:
    """(messages, whether the connection ended) of bytes that come in these pieces."""
    found: list[list[Any]] = []
    transport = Transport()
    connection = Connection(lambda _, message: found.append(message))

    async def play() -> None:
        connection.connection_made(transport)               # type: ignore[arg-type]
        for start, end in zip([0, *cuts], [*cuts, len(data)]):
            if not transport.ended:
                connection.data_received(data[start:end])
    LOOP.run_until_complete(play())
    return found, transport.ended
