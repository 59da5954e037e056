"""qmgr's sockets: writers bring messages, agents take deliveries, commands ask. Law: ipc.messages.

One turn of the loop takes whatever frames have come, then `turn` hands out all that may go: one
DELIVER frame an agent, one timer for what is due next.
"""

import asyncio
import contextlib
import os
import socket
from typing import Any, Callable

from pyfix.errors import PeerError, QueueError
from pyfix.ipc.connection import Connection, serve
from pyfix.ipc.messages import ASK, COMMITTED, HELLO, NOTICE, OUTCOME, READY
from pyfix.qmgr import hot
from pyfix.qmgr.callers import Callers
from pyfix.qmgr.manager import Manager
from pyfix.qmgr.scheduler import Agent
from pyfix.telemetry.maillog import Maillog

LONGEST_SLEEP = 60_000_000      # microseconds; the wheel's next time is asked again at least this often


def listen(path: str, mode: int) -> socket.socket:
    """A listening UNIX socket in place of whatever a dead process left at `path`. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old = os.umask(0o777 & ~mode)
    try:
        sock.bind(path)
    finally:
        os.umask(old)
    sock.listen(128)
    return sock


class Server:
    """The Manager on its sockets. `answer(connection, arguments)` serves the ASK frames of commands."""

    def __init__(self, manager: Manager, loop: asyncio.AbstractEventLoop,
                 answer: Callable[[Connection, list[Any]], None], directory: str, callers: Callers) -> None:
        self.callers = callers
        self.manager, self.loop, self.answer, self.directory = manager, loop, answer, directory
        manager.summon, manager.soon = self.summon, self.soon
        if isinstance(manager.log, Maillog):
            manager.log.wake = self.soon        # a turn flushes it, before anything that follows from what it says
        self.writers: dict[Connection, str] = {}
        self.agents: dict[Connection, Agent] = {}
        self._servers: list[asyncio.AbstractServer] = []
        self._turn = False
        self._timer: asyncio.TimerHandle | None = None
        self._alarm = 0                         # when the timer rings
        self._planned = 0                       # when something waits for its time; 0: look at everything
        self._kinds = {HELLO: self._hello, COMMITTED: self._committed, OUTCOME: self._outcome, READY: self._ready,
                       ASK: self._ask, NOTICE: self._notice}

    async def listen(self, sock: socket.socket) -> None:
        """Serve one more listening socket."""
        self._servers.append(await serve(sock, self.on_message, self.on_close, self.callers.came))

    def close(self) -> None:
        """Stop listening and sleeping; connections end with the process."""
        for server in self._servers:
            server.close()
        if self._timer is not None:
            self._timer.cancel()

    # -- frames ---------------------------------------------------------------------------

    def on_message(self, connection: Connection, message: list[Any]) -> None:
        """Any frame. Raises PeerError for one that has no place here."""
        kind = self._kinds.get(message[0])
        if kind is None:
            raise PeerError(f"message of kind {message[0]} makes no sense to qmgr")
        try:
            kind(connection, message)
        except (ValueError, TypeError, LookupError, OverflowError, AttributeError, QueueError) as error:
            if self.manager.store.broken:
                raise                   # nobody's frame is to blame: the process starts anew, from what is on disk
            self.manager.start()        # what was admitted before the bad item still has its next step
            self.manager.log.error(f"a process sent a malformed message of kind {message[0]}: {error}")
            raise PeerError(f"malformed message of kind {message[0]}") from None
        self.soon()

    def _hello(self, connection: Connection, message: list[Any]) -> None:
        role, name = message[1], message[2]
        if not self.callers.trusted(connection):        # the public sockets are everybody's
            raise PeerError(f"a process of another user says that it is {str(role)[:20]!r}")
        if role == "writer":
            self.writers[connection] = name
            self.manager.incoming.extend(self.manager.store.writer_here(name))
        elif role == "agent":
            self.agents[connection] = agent = Agent(name, connection)
            self.manager.scheduler.join(agent)
        else:
            raise PeerError(f"unknown role {role!r}")

    def _committed(self, connection: Connection, message: list[Any]) -> None:
        if connection not in self.writers:
            raise PeerError("no HELLO came before this")
        self.manager.committed(message[1])

    def _ready(self, connection: Connection, message: list[Any]) -> None:
        self.manager.scheduler.ready(self._agent(connection), message[2])

    def _outcome(self, connection: Connection, message: list[Any]) -> None:
        self.manager.outcomes(self._agent(connection), message[1])

    def _notice(self, connection: Connection, message: list[Any]) -> None:
        self._agent(connection)
        self.manager.rounds.reports.notice(message[1], message[2])

    def _ask(self, connection: Connection, message: list[Any]) -> None:
        self.answer(connection, message[1:])

    def _agent(self, connection: Connection) -> Agent:
        agent = self.agents.get(connection)
        if agent is None:
            raise PeerError("no HELLO came before this")
        return agent

    def on_close(self, connection: Connection, error: Exception | None) -> None:
        """A process went away: what it wrote is read, what it had is given out again."""
        self.callers.left(connection)
        writer = self.writers.pop(connection, None)
        agent = self.agents.pop(connection, None)
        if writer is not None:
            self.manager.incoming.extend(self.manager.store.writer_gone(writer))
        if agent is not None:
            self.manager.agent_left(agent)
        if writer is not None or agent is not None:
            self.soon()

    def summon(self, transport: str) -> str:
        """Have master start an agent for a transport, by a connection to its socket; "", or why that is not possible."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            sock.connect(f"{self.directory}/private/{transport}")
        except BlockingIOError:
            return ""
        except OSError as error:
            return error.strerror or str(error)
        finally:
            self.loop.call_later(1.0, sock.close)
        return ""

    # -- turns ----------------------------------------------------------------------------

    def soon(self) -> None:
        """Have one turn after all frames that are here have been taken."""
        if not self._turn:
            self._turn = True
            self.loop.call_soon(self.turn)

    def turn(self) -> None:
        """Wake what is due, hand out what may go, and sleep until the next thing."""
        self._turn = False
        manager = self.manager
        now = manager.clock.now()
        if now >= self._planned or hot.unsettled(manager):
            manager.wake()
        while hot.hand_out(manager.dispatch(), manager.log) and manager.scheduler.more:
            continue
        self._sleep(now, manager.next_time())

    def _sleep(self, now: int, when: int | None) -> None:
        """Have a turn at `when`. A timer that rings earlier is left as it is: setting one costs more than a turn for nothing."""
        latest = now + LONGEST_SLEEP
        self._planned = when = latest if when is None else min(when, latest)
        if when <= now:
            self.soon()
        elif self._timer is None or when < self._alarm:
            if self._timer is not None:
                self._timer.cancel()
            self._alarm, self._timer = when, self.loop.call_later((when - now) / 1e6, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self.soon()
