"""The smtpd stage: how the process begins, reloads and ends (smtpd(8)).

Everything that a session may need is imported here, while the process may still read it: later it has no rights.
"""

import asyncio
import encodings.idna  # noqa: F401 - getaddrinfo() asks for it
import time
from typing import Any

import pyfix.access.restrictions
import pyfix.config.interfaces
import pyfix.resolve.idna  # noqa: F401
from pyfix.cleanup.attach import attach
from pyfix.cleanup.intake import Intake
from pyfix.resolve import Resolver
from pyfix.smtpd.server import Server
from pyfix.smtpd.session import Doorman
from pyfix.smtpd.settings import Settings

LAST_WORDS = 10.0       # seconds that sessions get to finish what they are at


class Stage:
    """The stage's state in one process."""

    def __init__(self, service: Any) -> None:
        self.service = service
        resolver = Resolver(service.config, service.log.warning)
        self.cleanup = attach(service, resolver)
        settings = Settings(service.config, resolver, service.log)
        self.server = Server(settings, service.log, time.monotonic, self.intake, service.name, service.queue_directory,
                             service.capacity)

    def intake(self, origin: Any) -> Intake:
        """A new message, with its queue id."""
        intake = Intake(self.cleanup, origin)
        intake.queue_id = self.cleanup.writer.new_id()
        intake.arrival = time.time_ns() // 1000
        return intake


stage: Stage | None = None


async def start(service: Any) -> None:
    """Listens on every socket that master gave us."""
    global stage
    stage = Stage(service)
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


async def stop(service: Any) -> None:
    """No more connections; who is in the middle of something may finish it."""
    server = stage.server
    server.closed = True
    for door in server.doors:
        door.pause()
    deadline = time.monotonic() + LAST_WORDS
    line = b"421 4.3.2 %b Service shutting down" % server.settings.hostname
    for session in list(server.sessions):
        if session.intake is None and session.core.where() != "END-OF-MESSAGE":
            session.end(line)
    while server.sessions and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    for session in list(server.sessions):
        session.end(line)
