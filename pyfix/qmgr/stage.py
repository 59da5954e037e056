"""The qmgr process: queue, scheduler, reports and sockets put together. Manual pages: qmgr(8), bounce(8), showq(8).

Sockets: private/qmgr (writers and agents), public/qmgr and public/showq (commands).
"""

from collections.abc import Callable
from typing import Any

from pyfix.bounce.reports import Reports
from pyfix.bounce.submit import Submit
from pyfix.config import interfaces  # noqa: F401 - code is loaded while root can read it
from pyfix.errors import QueueError, SystemTrouble
from pyfix.qmgr.admin import Admin
from pyfix.qmgr.callers import Callers
from pyfix.qmgr.clog import Clog
from pyfix.qmgr.hot import Clock
from pyfix.qmgr.manager import Manager
from pyfix.qmgr.parameters import parameters
from pyfix.qmgr.routes import Routes
from pyfix.qmgr.server import Server, listen
from pyfix.queue.layout import log_directory
from pyfix.queue.reader import Reader
from pyfix.queue.store import Store
from pyfix.queue.writer import Writer

SOCKETS = {"private/qmgr": 0o600, "public/qmgr": 0o622, "public/showq": 0o666}
UPKEEP = 0.1        # seconds between two steps of the store's upkeep


class Process:
    """Everything that a running qmgr has."""

    def __init__(self, service: Any) -> None:
        self.service, self.clock = service, Clock()
        directory, loop = service.queue_directory, service.loop
        log = log_directory(directory)
        self.store, self.reader = Store(log, self.clock.now, warn=service.log.warning), Reader(log)
        self.store.recover()
        self.store.attach(loop)
        self.writer = Writer(log, service.key, loop, self.committed, reserve=True,
                             long_ids=service.config["enable_long_queue_ids"] == "yes")
        self.logs = {name: service.log.sibling(service.config, name) for name in ("error", "bounce", "cleanup")}
        self.submit = Submit(service.config, self.writer, self.logs["cleanup"], self.clock)
        self.reports = Reports(service.config, self.reader, self.submit, self.logs["bounce"], self.clock)
        self.manager = Manager(parameters(service.config), self.store, self.reader, service.log, self.logs["error"],
                               self.reports, self.clock)
        self.manager.routes = self.routes = Routes(service.config, service.log.warning)
        self.clog = Clog(self.manager)
        self.callers = Callers(service.config, service.log)
        self.server = Server(self.manager, loop, self.answer, directory, self.callers)
        self.admin = Admin(self.manager, self.server.soon, self.requeue, self.callers)

    def answer(self, connection: Any, arguments: list[Any]) -> None:
        """A command asks."""
        self.admin.answer(connection, arguments)

    @property
    def directory(self) -> str:
        """The spool."""
        return self.service.queue_directory

    async def start(self) -> None:
        """Begin with what recovery found, then listen."""
        self.manager.start()
        for name, mode in SOCKETS.items():
            await self.server.listen(self.service.listener(name) or listen(f"{self.directory}/{name}", mode))
        self.service.loop.call_later(UPKEEP, self.upkeep)
        self.server.soon()

    def upkeep(self) -> None:
        """One bounded step of checkpoint, recycling and compaction, and the next one later."""
        if self.store.broken:
            self.service.die(SystemTrouble("the state log can't be written: starting again from disk"))
        found = self.store.maintain()
        if found:
            self.manager.incoming.extend(found)
            self.server.soon()
        self.clog.look(self.clock.now())
        self.service.loop.call_later(UPKEEP, self.upkeep)

    def committed(self, group: list[tuple[Any, Any, Any]]) -> None:
        """A group of notifications of our own is on disk, or could not be put there."""
        self.manager.committed(self.submit.committed(group))
        self.server.soon()
        if self.writer.broken:
            self.service.die(SystemTrouble("the queue log can't be written: starting again from disk"))

    def requeue(self, slot: int, tell: Callable[[bool], None]) -> None:
        """postsuper -r: the message again, resolved anew under a new queue id; then the old one goes."""
        queue_id = self.store.queue_id(slot)

        def told(new: bytes | None) -> None:
            if new is not None and self.store.find(queue_id) == slot:
                self.admin.delete(slot)
            tell(new is not None)

        try:
            envelope, content = self.reader.open(self.store.place(slot))
        except QueueError as error:
            self.service.log.warning(f"{queue_id.decode()}: can't requeue: {error}")
            return tell(False)
        self.submit.again(envelope, bytes(content), self.store.pending(slot), told)

    def reload(self, config: Any) -> None:
        """New parameters; nothing in the queue is touched."""
        self.manager.reload(parameters(config))
        self.routes.configure(config)
        self.reports.configure(config)
        self.submit.configure(config)
        self.callers.configure(config)
        for log in self.logs.values():
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
