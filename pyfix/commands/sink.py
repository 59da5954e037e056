"""A little SMTP server that takes everything: the receiving end of the demonstration and of flow tests.

It speaks enough of RFC 5321 for a client of ours, PIPELINING and SIZE included, and hands each message on.
"""

import asyncio
from collections.abc import Callable

OnMessage = Callable[[bytes, list[bytes], bytes], None]
END = b"\r\n.\r\n"


class Session(asyncio.Protocol):
    """One connection."""

    def __init__(self, sink: "Sink") -> None:
        self.sink = sink
        self.buffer = b""
        self.in_data = False
        self.sender = b""
        self.recipients: list[bytes] = []
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.sink.sessions.add(self)
        transport.write(b"220 sink.example.org ESMTP\r\n")

    def connection_lost(self, error: Exception | None) -> None:
        self.sink.sessions.discard(self)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        replies: list[bytes] = []
        while self._step(replies):
            pass
        if replies:
            self.transport.write(b"".join(replies))
        if replies and replies[-1].startswith(b"221"):
            self.transport.close()

    def _step(self, replies: list[bytes]) -> bool:
        """Take one command or one message; False when there is not enough."""
        if self.in_data:
            content, end, rest = (b"\r\n" + self.buffer).partition(END)
            if not end:
                return False
            self.buffer, self.in_data = rest, False
            self.sink.take(self.sender, self.recipients, (content[2:] + b"\r\n").replace(b"\r\n..", b"\r\n."))
            replies.append(b"250 2.0.0 Ok: received as %d\r\n" % self.sink.messages)
            return True
        line, end, rest = self.buffer.partition(b"\r\n")
        if not end:
            return False
        self.buffer = rest
        replies.append(self._command(line))
        return True

    def _command(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"EHLO":
            return b"250-sink.example.org\r\n250-PIPELINING\r\n250-SIZE\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n"
        if verb == b"MAIL":
            self.sender, self.recipients = address(line), []
        elif verb == b"RCPT":
            self.recipients.append(address(line))
        elif verb == b"DATA":
            self.in_data = True
            return b"354 Go ahead\r\n"
        elif verb == b"QUIT":
            return b"221 2.0.0 Bye\r\n"
        return b"250 2.0.0 Ok\r\n"


def address(line: bytes) -> bytes:
    """What stands between < and > of a MAIL or RCPT command."""
    return line.partition(b"<")[2].rpartition(b">")[0]


class Sink:
    """The server; `messages` counts what it has taken, `on_message(sender, recipients, content)` hears of each."""

    def __init__(self, on_message: OnMessage) -> None:
        self.on_message = on_message
        self.messages = 0
        self.sessions: set[Session] = set()
        self.server: asyncio.AbstractServer | None = None

    async def start(self, port: int = 0) -> int:
        """Listen on 127.0.0.1; the port."""
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: Session(self), "127.0.0.1", port, backlog=1000)
        return self.server.sockets[0].getsockname()[1]

    def take(self, sender: bytes, recipients: list[bytes], content: bytes) -> None:
        """A message has come."""
        self.messages += 1
        self.on_message(sender, recipients, content)

    async def stop(self) -> None:
        """Stop listening and end all sessions."""
        if self.server is not None:
            self.server.close()
            for session in list(self.sessions):
                session.transport.abort()
            await self.server.wait_closed()
