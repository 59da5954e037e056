"""A scripted SMTP or LMTP server: it says what it is told to, and keeps what it hears.

A script is a list of steps, one for each time the server speaks:
    b"220 x\r\n"        say this (the first step: the greeting)
    Close()             close the connection without a word
    Silence()           say nothing any more
    Part(b"250 ", 0.05) say a part, and go on with the next step after a while
Lines of the client are consumed one for each step; after a step that starts with b"354" the
content up to its final dot is consumed as one.
"""

import asyncio
import contextlib
from typing import NamedTuple


class Close(NamedTuple):
    """End the connection."""


class Silence(NamedTuple):
    """Never say anything again."""


class Part(NamedTuple):
    """Say `data`, wait, and take the next step without reading."""

    data: bytes
    pause: float = 0.02


class Server:
    """Listens on a free port of `host`; each connection runs the next script, the last one again and again."""

    def __init__(self, *scripts: list[object]) -> None:
        self.scripts = list(scripts)
        self.heard: list[bytes] = []        # all lines of all connections
        self.contents: list[bytes] = []     # raw, with the final dot
        self.connections = 0
        self.port = 0
        self.tasks: set[asyncio.Task[None]] = set()

    async def start(self, host: str = "127.0.0.1", path: str = "", port: int = 0) -> "Server":
        if path:
            self.server = await asyncio.start_unix_server(self.serve, path)
        else:
            self.server = await asyncio.start_server(self.serve, host, port, backlog=1000)
            self.port = self.server.sockets[0].getsockname()[1]
        return self

    @property
    def nexthop(self) -> str:
        return f"[127.0.0.1]:{self.port}"

    async def stop(self) -> None:
        self.server.close()
        for task in list(self.tasks):
            task.cancel()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        script = self.scripts[min(self.connections, len(self.scripts) - 1)]
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self.play(script, reader, writer)
        with contextlib.suppress(ConnectionError):
            writer.close()

    async def play(self, script: list[object], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        content, speak = False, True
        for step in script:
            if not speak:
                await self.listen(reader, content)
            content, speak = False, False
            if isinstance(step, Close) or writer.transport.is_closing():
                return
            if isinstance(step, Silence):
                await asyncio.sleep(60)
            elif isinstance(step, Part):
                writer.write(step.data)
                await asyncio.sleep(step.pause)
                speak = True
            elif isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
                content = step.startswith(b"354")
        while await reader.read(65536):
            pass

    async def listen(self, reader: asyncio.StreamReader, content: bool) -> None:
        if not content:
            self.heard.append(await reader.readuntil(b"\r\n"))
            return
        data = b""
        while not (data == b".\r\n" or data.endswith(b"\r\n.\r\n")):
            data += await reader.readuntil(b"\n")
        self.contents.append(data)
