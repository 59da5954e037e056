"""public/submit: local users hand their mail in and get a real answer.

Law: pyfix/ipc/submission.py. Any user may connect, so any user may send rubbish: that ends this
connection and nothing else. The kernel says who it is; connections and bytes are bounded for
each user. Who is turned away here uses maildrop instead.
"""

import asyncio
import socket as sockets
import struct
import time
from collections import Counter
from typing import Any

from pyfix.access.users import user_name
from pyfix.errors import PeerError, TableError
from pyfix.ipc.submission import HEAD_SIZE, head
from pyfix.model import Reply
from pyfix.pickup.intake import Receiver

CONNECTIONS = 1000          # in all
USER_CONNECTIONS = 16       # of one user
USER_RATE = 64 << 20        # bytes a second of one user
IDLE = 60.0                 # seconds that a connection may be silent

BUSY = Reply(451, "4.3.2", "Too many submissions at a time; use the maildrop")
DENIED = "User %s(%d) is not allowed to submit mail"


def credentials(sock: Any) -> int:
    """The user id of the process on the other side, from the kernel."""
    return struct.unpack("3i", sock.getsockopt(sockets.SOL_SOCKET, sockets.SO_PEERCRED, 12))[1]


class SubmitServer:
    """Serves public/submit. `admit(user)` says whether a user may submit mail."""

    def __init__(self, stage: Any, log: Any, admit: Any, limit: int) -> None:
        self.stage, self.log, self.admit, self.limit = stage, log, admit, limit
        self.users: Counter[int] = Counter()
        self.spent: dict[int, tuple[float, float]] = {}     # uid -> (time, bytes taken, leaking away)
        self.server: asyncio.AbstractServer | None = None

    async def listen(self, sock: sockets.socket) -> None:
        """Begin to accept."""
        self.server = await asyncio.start_unix_server(self.connection, sock=sock)

    def close(self) -> None:
        """Accept no more."""
        if self.server is not None:
            self.server.close()

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, one or more messages."""
        uid = credentials(writer.get_extra_info("socket"))
        self.users[uid] += 1
        try:
            if self.users[uid] > USER_CONNECTIONS or self.users.total() > CONNECTIONS:
                return await self.answer(writer, BUSY)
            if not await self.admit(user_name(uid)):
                self.log.warning(DENIED % (user_name(uid), uid))
                return await self.answer(writer, Reply(550, "5.7.1", DENIED % (user_name(uid), uid)))
            while await self.message(reader, writer, uid):
                pass
        except TableError as trouble:
            self.log.warning(str(trouble))
            await self.answer(writer, Reply(451, "4.3.0", "Temporary lookup failure"))
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            pass                    # the client left: it has no 250, so nothing is owed
        finally:
            self.users[uid] -= 1
            if not self.users[uid]:
                del self.users[uid]
            writer.close()

    async def message(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, uid: int) -> bool:
        """Take one message and answer it; False when the client has no more or broke the rules."""
        receiver = Receiver(self.stage, self.log, uid, self.limit)
        try:
            if not await self.records(reader, receiver, uid):
                return False
            await self.answer(writer, await receiver.reply)
            return True
        except PeerError as error:
            self.log.warning(f"submission from uid={uid}: {error}")
            await self.answer(writer, Reply(554, "5.5.2", str(error)))
            return False
        finally:
            receiver.abort()

    async def records(self, reader: asyncio.StreamReader, receiver: Receiver, uid: int) -> bool:
        """Read records up to the end of the message; False for an orderly end before one."""
        first = True
        while not receiver.decoder.ended:
            try:
                raw = await asyncio.wait_for(reader.readexactly(HEAD_SIZE), IDLE)
            except asyncio.IncompleteReadError as error:
                if first and not error.partial:
                    return False
                raise
            kind, size = head(raw)
            data = await asyncio.wait_for(reader.readexactly(size), IDLE) if size else b""
            receiver.take(kind, data)
            await self.slow_down(uid, size)
            first = False
        return True

    async def slow_down(self, uid: int, size: int) -> None:
        """Hold a user to USER_RATE."""
        now = time.monotonic()
        since, level = self.spent.get(uid, (now, 0.0))
        level = max(0.0, level - (now - since) * USER_RATE) + size
        self.spent[uid] = (now, level)
        if len(self.spent) > CONNECTIONS:
            self.spent = {who: (t, n) for who, (t, n) in self.spent.items() if n > (now - t) * USER_RATE}
        if level > USER_RATE:
            await asyncio.sleep((level - USER_RATE) / USER_RATE)

    async def answer(self, writer: asyncio.StreamWriter, reply: Reply) -> None:
        """One line."""
        writer.write(f"{reply.code} {reply.dsn} {reply.text}\n".encode("utf-8", "replace"))
        await asyncio.wait_for(writer.drain(), IDLE)
