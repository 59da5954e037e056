"""The qmgr process: queue, scheduler, reports and sockets put together. Manual pages: qmgr(8), bounce(8), showq(8).

Sockets: private/qmgr (writers and agents), public/qmgr and public/showq (commands).
"""

import time
from typing import Any

from pyfix.qmgr.admin import Admin
from pyfix.qmgr.manager import Manager
from pyfix.qmgr.parameters import parameters
from pyfix.qmgr.server import Server, listen
from pyfix.queue.reader import Reader
from pyfix.queue.store import Store
from pyfix.queue.writer import Writer
from pyfix.telemetry.maillog import Maillog

SOCKETS = {"private/qmgr": 0o600, "public/qmgr": 0o622, "public/showq": 0o666}
UPKEEP = 0.1        # seconds between two steps of the store's upkeep


class Clock:
    """The real time, in microseconds since the epoch."""

    @staticmethod
    def now() -> int:
        return time.time_ns() // 1000


class Process:
    """Everything that a running qmgr has."""

    def __init__(self, service: Any) -> None:
        from pyfix.bounce.reports import Reports
        self.service, self.clock = service, Clock()
        directory, loop = service.queue_directory, service.loop
        self.store, self.reader = Store(directory), Reader(directory)
        self.writer = Writer(directory, service.key, loop, self.committed)
        self.error_log = Maillog(service.config, "error", loop, fd=service.arguments.log)
        self.bounce_log = Maillog(service.config, "bounce", loop, fd=service.arguments.log)
        self.reports = Reports(service.config, self.reader, self.writer, self.bounce_log, self.clock)
        self.manager = Manager(parameters(service.config), self.store, self.reader, service.log, self.error_log,
                               self.reports, self.clock)
        self.admin = Admin(self.manager)
        self.server = Server(self.manager, loop, self.admin.answer, self.directory)

    @property
    def directory(self) -> str:
        """The spool."""
        return self.service.queue_directory

    async def start(self) -> None:
        """Recover the queue, then listen."""
        found = self.store.recover()
        for warning in found.warnings:
            self.service.log.warning(warning)
        self.manager.start()
        for name, mode in SOCKETS.items():
            await self.server.listen(self.service.listener(name) or listen(f"{self.directory}/{name}", mode))
        self.service.loop.call_later(UPKEEP, self.upkeep)
        self.server.soon()

    def upkeep(self) -> None:
        """One bounded step of checkpoint, recycling and compaction, and the next one later."""
        self.store.maintain()
        self.service.loop.call_later(UPKEEP, self.upkeep)

    def committed(self, group: list[tuple[Any, Any, Any]]) -> None:
        """A group of notifications of our own is on disk, or could not be put there."""
        self.manager.committed(self.reports.committed(group))
        self.server.soon()

    def reload(self, config: Any) -> None:
        """New parameters; nothing in the queue is touched."""
        self.manager.reload(parameters(config))
        self.reports.configure(config)
        for log in (self.error_log, self.bounce_log):
            log.configure(config)
        self.server.soon()

    def stop(self) -> None:
        """Leave in good order: what is known goes to disk."""
        self.server.close()
        self.writer.close()
        self.store.close()


async def start(service: Any) -> None:
    """Begin to serve."""
    service.stage_state = Process(service)
    await service.stage_state.start()


def reload(service: Any, config: Any) -> None:
    """Take a new configuration."""
    service.stage_state.reload(config)


async def stop(service: Any) -> None:
    """End in good order."""
    service.stage_state.stop()
