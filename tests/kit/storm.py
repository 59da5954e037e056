"""Injector and receiver of a storm: the two ends of a relay that is being killed, both outside it and never dying.

The injector keeps sessions busy and writes down what became of each message; the receiver answers as the recipients'
names demand. Both write into a Ledger.
"""

import asyncio
import contextlib
import random

from tests.kit.ledger import ACK, NAK, NEVER, UNKNOWN, Ledger, Message

PATIENCE = 60.0


class Receiver(asyncio.Protocol):
    """One session at the receiving end."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.buffer, self.in_data = ledger, bytearray(), False
        self.sender, self.recipients = b"", []

    def connection_made(self, transport) -> None:
        self.transport = transport
        transport.write(b"220 receiver.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        replies = []
        while (reply := self.content() if self.in_data else self.command()) is not None:
            replies.append(reply)
        if replies:
            self.transport.write(b"".join(replies))
            if replies[-1].startswith(b"221"):
                self.transport.close()

    def content(self) -> bytes | None:
        at = 0 if self.buffer.startswith(b".\r\n") else self.buffer.find(b"\r\n.\r\n") + 2
        if at == 1:
            return None
        content = (b"\r\n" + bytes(self.buffer[:at])).replace(b"\r\n..", b"\r\n.")[2:]
        del self.buffer[:at + 3]
        self.in_data = False
        self.ledger.take(self.sender, self.recipients, content)
        return b"250 2.0.0 Ok: taken\r\n"

    def command(self) -> bytes | None:
        line, end, _ = self.buffer.partition(b"\r\n")
        if not end:
            return None
        del self.buffer[:len(line) + 2]
        verb, address = bytes(line[:4]).upper(), bytes(line).partition(b"<")[2].rpartition(b">")[0]
        if verb == b"EHLO":
            return b"250-receiver.example\r\n250-PIPELINING\r\n250-SIZE\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n"
        if verb == b"MAIL":
            self.sender, self.recipients = address, []
        if verb == b"RCPT":
            reply = self.ledger.offer(address)
            if reply.startswith(b"250"):
                self.recipients.append(address)
            return reply
        if verb == b"DATA":
            self.in_data = bool(self.recipients)
            return b"354 Go ahead\r\n" if self.in_data else b"554 5.5.1 no valid recipients\r\n"
        return b"221 2.0.0 Bye\r\n" if verb == b"QUIT" else b"250 2.0.0 Ok\r\n"


async def receive(ledger: Ledger, port: int) -> asyncio.AbstractServer:
    """Listen as the receiving end."""
    return await asyncio.get_running_loop().create_server(lambda: Receiver(ledger), "127.0.0.1", port, backlog=1000)


class Injector:
    """`sessions` SMTP sessions that send, reconnect and write down, until `stop`."""

    def __init__(self, ledger: Ledger, port: int, seed: int, sessions: int = 8, tag: str = "m") -> None:
        self.ledger, self.port, self.rng, self.tag = ledger, port, random.Random(seed), tag
        self.number, self.stopping = 0, False
        self.tasks = [asyncio.create_task(self.keep_sending()) for _ in range(sessions)]

    async def stop(self) -> None:
        """Let each session end its message, and end."""
        self.stopping = True
        await asyncio.gather(*self.tasks)

    async def keep_sending(self) -> None:
        while not self.stopping:
            with contextlib.suppress(OSError, EOFError, TimeoutError):
                await self.session()
            await asyncio.sleep(0.01)

    async def session(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            await reply(reader)
            await ask(reader, writer, b"EHLO injector.example\r\n")
            for _ in range(self.rng.randrange(1, 20)):
                if self.stopping:
                    break
                self.number += 1
                await self.send(reader, writer, self.ledger.message(self.number, self.rng, self.tag))
        finally:
            writer.close()

    async def send(self, reader, writer, message: Message) -> None:
        """One message; its state in the ledger is right whatever happens."""
        state = self.ledger.state
        state[message.id] = NEVER
        for line in (b"MAIL FROM:<%b>\r\n" % message.sender, *(b"RCPT TO:<%b>\r\n" % one for one in message.recipients),
                     b"DATA\r\n"):
            answer = await ask(reader, writer, line)
            if not answer.startswith((b"250", b"354")):
                state[message.id] = NAK
                raise EOFError
        stuffed = (b"\r\n" + message.content).replace(b"\r\n.", b"\r\n..")[2:]
        half = self.rng.randrange(len(stuffed))
        writer.write(stuffed[:half])
        await writer.drain()
        if self.rng.random() < 0.03:
            raise EOFError                      # gone in the middle: must never appear
        state[message.id] = UNKNOWN
        writer.write(stuffed[half:] + b".\r\n")
        answer = await reply(reader)
        state[message.id] = ACK if answer.startswith(b"250") else NAK
        if state[message.id] == NAK:
            raise EOFError


async def ask(reader, writer, line: bytes) -> bytes:
    """Send a command; the last line of its reply."""
    writer.write(line)
    return await reply(reader)


async def reply(reader) -> bytes:
    """The last line of one reply. Raises EOFError."""
    while True:
        line = await asyncio.wait_for(reader.readline(), PATIENCE)
        if not line.endswith(b"\n"):
            raise EOFError
        if line[3:4] != b"-":
            return line
