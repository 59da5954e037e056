"""One whole message without sockets: server core -> cleanup -> the queue's log, committed before its 250.

The policy between core and cleanup is the least there is: every sender and recipient is welcome, every address is routed
to smtp by its domain. The date in the Received field stands still, so that each message costs the same.
"""

from __future__ import annotations

import select
import tempfile
import types
from pathlib import Path
from typing import Any

from pyfix._core.limits import Limits
from pyfix._core.server import ServerCore
from pyfix.cleanup.intake import Intake
from pyfix.cleanup.origin import Origin
from pyfix.cleanup.stage import Cleanup
from pyfix.config import Config
from pyfix.model import Recipient
from pyfix.queue.writer import Writer
from pyfix.resolve import Resolution, Resolver
from pyfix.telemetry.maillog import Maillog

RECIPIENT = b"r@dest.example"
ENVELOPE = b"MAIL FROM:<s@x.example>\r\nRCPT TO:<%b>\r\nDATA\r\n" % RECIPIENT


class Everywhere(Resolver):
    """Everything goes to smtp:domain."""

    def cached(self, address: bytes, sender: bytes = b"") -> Resolution:
        """As Resolver.cached."""
        return Resolution("smtp", address.rpartition(b"@")[2].decode(), address, 0)

    async def resolve(self, address: bytes, sender: bytes = b"") -> Resolution:
        """As Resolver.resolve."""
        return self.cached(address, sender)


class Acceptor:
    """A session that accepts the same message again and again: one()."""

    def __init__(self, loop: Any, content: bytes) -> None:
        shm = Path("/dev/shm")
        self.folder = tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None)
        (Path(self.folder.name) / "main.cf").write_text(
            "myhostname = host.example\ncompatibility_level = 3.6\nmaillog_file = /dev/null\n")
        config = Config.load(self.folder.name)
        service = types.SimpleNamespace(config=config, loop=loop, maillog=lambda name: Maillog(config, name, loop),
                                        arguments=types.SimpleNamespace(log=None))
        resolver = Everywhere(config)
        resolver._cache[RECIPIENT] = resolver.cached(RECIPIENT)     # as if resolved before: the plain way looks there itself
        self.stage = Cleanup(service, resolver, lambda notices: None)
        self.stage.writer = Writer(self.folder.name, "smtpd.0", None, self.stage.on_group)
        self.stage.date = lambda: b"Fri, 15 Jan 2027 08:00:00 +0000 (UTC)"
        self.origin = Origin(b"from me (name [192.0.2.1])\r\n\tby host.example (Postfix) with ESMTP id ",
                             {"client_name": "name"}, "name[192.0.2.1]")
        self.core = ServerCore(Limits(hostname=b"host.example"))
        self.content = content + b".\r\n"
        self.core.feed(b"EHLO client.example\r\n")
        self.core.reply_lines(250, b"250 host.example\r\n")

    def one(self) -> bytes:
        """The message from MAIL to its 250: all replies."""
        return self.feed(ENVELOPE) + self.feed(self.content)

    def feed(self, rest: bytes) -> bytes:
        """What a client sends in one go, up to its replies. RuntimeError: the session ended."""
        core = self.core
        while True:
            event, used = core.feed(rest)
            rest = rest[used:]
            if event == "more":
                return core.out.take()
            if event == "close":
                raise RuntimeError(f"the session ended: {core.out.take()!r}")
            self.act(event)

    def act(self, event: str) -> None:
        """Answers one event of the core."""
        core = self.core
        if event == "mail":
            self.sender = core.address
            core.reply(250, b"2.1.0 Ok")
        elif event == "rcpt":
            self.intake = Intake(self.stage, self.origin)
            self.intake.queue_id, self.intake.sender = b"4F2A13C05D", self.sender
            self.intake.arrival = 1_800_000_000_000_000
            self.intake.recipients.append(Recipient(core.address))
            core.reply(250, b"2.1.5 Ok")
        elif event == "data":
            self.intake.start()
            core.accept(self.intake)
        elif event == "end":
            self.answered = False
            self.intake.finish(0, self.answer)
            while not self.answered:        # one message under way: one look at the log, and always the same work
                select.select([self.stage.writer], [], [])
                self.stage.writer.ready()

    def answer(self, reply: Any) -> None:
        """What the queue says."""
        if reply.code != 250:
            raise RuntimeError(f"the message was refused: {reply}")
        self.answered = True
        self.core.reply(reply.code, f"{reply.dsn} {reply.text}".encode())
