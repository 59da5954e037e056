"""The smtpd stage: how the process begins, reloads and ends (smtpd(8)).

Everything that a session may need is imported here, while the process may still read it: later it has no rights.
"""

import asyncio
import encodings.idna  # noqa: F401 - getaddrinfo() asks for it
import time
from typing import Any

import pyfix.access.restrictions
import pyfix.config.idna  # noqa: F401
import pyfix.config.interfaces
from pyfix.cleanup.attach import join, unjoined
from pyfix.cleanup.origin import Origin
from pyfix.errors import QueueError
from pyfix.model import HAS_8BIT, NOTIFY_NEVER, Recipient, Reply
from pyfix.resolve import Resolver
from pyfix.smtpd.notify import Notices
from pyfix.smtpd.server import Server
from pyfix.smtpd.session import Doorman
from pyfix.smtpd.settings import Settings

DRAIN_LOOK = 0.25      # seconds between looks whether the last session has gone
LAST_WORDS = 10.0       # seconds that sessions get to finish what they are at


class Stage:
    """The stage's state in one process."""

    def __init__(self, service: Any) -> None:
        self.service = service
        resolver = Resolver(service.config, service.log.warning)
        self.cleanup = unjoined(service, resolver)
        settings = Settings(service.config, resolver, service.log)
        self.server = Server(settings, service.log, time.monotonic, self.cleanup.intake, service.name, service.queue_directory,
                             service.capacity)
        self.server.notices = Notices(service.config, self.post, time.monotonic)

    def post(self, sender: bytes, recipient: bytes, content: bytes) -> None:
        """A message of our own, past header and body checks. If the queue can't take it, that is logged and it is gone."""
        by = f"by {self.cleanup.config['myhostname']} ({self.cleanup.config['mail_name']})\r\n\tid ".encode()
        try:
            intake = self.cleanup.intake(Origin(by, {}, "local", True))
            intake.sender, intake.recipients = sender, [Recipient(recipient, notify=NOTIFY_NEVER)]
            checks, self.cleanup.checks = self.cleanup.checks, None
            try:
                intake.start()
            finally:
                self.cleanup.checks = checks
            intake.put(content)
            intake.finish(0 if content.isascii() else HAS_8BIT, self.posted)
        except QueueError as error:
            self.service.log.warning(f"postmaster notify: {error}")

    def posted(self, reply: Reply) -> None:
        """What became of it."""
        if reply.code >= 400:
            self.service.log.warning(f"postmaster notify: {reply.code} {reply.dsn} {reply.text}")


stage: Stage | None = None


def prepare(service: Any) -> None:
    """Opens tables and reads files: what a process in a jail can't do later."""
    global stage
    stage = Stage(service)


async def start(service: Any) -> None:
    """Listens on every socket that master gave us."""
    join(stage.cleanup)
    for listener in service.listeners:
        listener.socket.setblocking(False)
        stage.server.doors.append(Doorman(stage.server, service.engine, listener.socket.fileno()))


def reload(service: Any, config: Any) -> None:
    """New sessions follow the new configuration; those under way keep theirs."""
    resolver = Resolver(config, service.log.warning)
    settings = Settings(config, resolver, service.log)
    stage.cleanup.resolver = resolver
    stage.cleanup.configure(config)
    stage.server.configure(settings)
    stage.server.notices = Notices(config, stage.post, time.monotonic)


def close_doors(server: Server) -> None:
    """No more connections."""
    server.closed = True
    for door in server.doors:
        door.pause()


async def drain(service: Any) -> None:
    """Another process has taken over: sessions go on, with the tables that they know, for as long as they like."""
    close_doors(stage.server)
    while stage.server.sessions:
        await asyncio.sleep(DRAIN_LOOK)
    if stage.server.counts is not None:
        stage.server.counts.close()


async def stop(service: Any) -> None:
    """No more connections; who is in the middle of something may finish it."""
    server = stage.server
    close_doors(server)
    deadline = time.monotonic() + LAST_WORDS
    line = b"421 4.3.2 %b Service shutting down" % server.settings.hostname
    for session in list(server.sessions):
        if session.intake is None and session.core.where() != "END-OF-MESSAGE":
            session.dismiss(line)
    while server.sessions and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    for session in list(server.sessions):
        session.dismiss(line)
    if server.counts is not None:
        server.counts.close()
