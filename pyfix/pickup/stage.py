"""The pickup process: local mail from public/submit and from maildrop.

Law: pickup(8), postconf(5) authorized_submit_users. public/pickup is where `postdrop` knocks; besides,
maildrop is looked at when we start and every `wakeup` seconds of our master.cf line.
"""

import asyncio
from typing import Any

from pyfix.access.users import Admission
from pyfix.cleanup.attach import attach
from pyfix.pickup.maildrop import Maildrop
from pyfix.pickup.socket import SubmitServer

DEFAULT_WAKEUP = 60
STOP_PATIENCE = 2.0         # seconds that a message which is being taken in gets


class Pickup:
    """Everything that a running pickup has."""

    def __init__(self, service: Any) -> None:
        self.service = service
        config = service.config
        self.cleanup = attach(service)
        self.admission = Admission(config)
        self.submit = SubmitServer(self.cleanup, service.log, self.admit, config.message_size_limit)
        self.maildrop = Maildrop(service, self.cleanup, self.admit)
        self.trigger: asyncio.AbstractServer | None = None

    async def admit(self, user: str) -> bool:
        """Whether a user may submit mail, by the present configuration."""
        return await self.admission(user)

    async def start(self) -> None:
        """Look into maildrop, and listen."""
        self.service.spawn(self.maildrop.run())
        sock = self.service.listener("public/pickup")
        if sock is not None:
            self.trigger = await asyncio.start_unix_server(self.knocked, sock=sock)
        sock = self.service.listener("public/submit")
        if sock is not None:
            await self.submit.listen(sock)
        self.look()

    async def knocked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Somebody put something into maildrop."""
        writer.close()
        self.maildrop.scan()

    def look(self) -> None:
        """Look into maildrop, now and again."""
        self.maildrop.scan()
        self.service.loop.call_later(self.service.wakeup or DEFAULT_WAKEUP, self.look)

    def configure(self, config: Any) -> None:
        """Take a new configuration for what comes from now on."""
        self.cleanup.configure(config)
        self.admission, self.submit.limit = Admission(config), config.message_size_limit

    async def stop(self) -> None:
        """Accept no more; what is under way gets a moment."""
        self.submit.close()
        deadline = self.service.loop.time() + STOP_PATIENCE
        while self.submit.users and self.service.loop.time() < deadline:
            await asyncio.sleep(0.01)
        self.cleanup.writer.close()


async def start(service: Any) -> None:
    """Begin to serve."""
    service.stage_state = Pickup(service)
    await service.stage_state.start()


def reload(service: Any, config: Any) -> None:
    """Take a new configuration."""
    service.stage_state.configure(config)


async def stop(service: Any) -> None:
    """End in good order."""
    await service.stage_state.stop()
