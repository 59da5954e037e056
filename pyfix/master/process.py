"""One place for a process of a service: have it forked, speak to it, see it end.

Law: master(8). The command line and the status socket are described in pyfix/service.py, how it is forked in pyfix/zygote.py.
"""

import contextlib
import os
import re
import socket
import time
from typing import Any

import msgpack

from pyfix.master.nursery import KEPT_ENVIRONMENT, Nursery
from pyfix.master.plan import Planned

DEFAULT_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
STATUS, LOG = 3, 4          # descriptors in the new process; listeners follow
NOTICE_SIZE = 1 << 18       # bytes of the longest notice


def environment(config: Any) -> dict[str, str]:
    """What a process finds in its environment: import_environment, and little else. Root hands on no preload."""
    names = [word.partition("=") for word in config.words("import_environment")]
    found = {name: value if equal else os.environ[name] for name, equal, value in names if equal or name in os.environ}
    found |= {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
    if os.geteuid() == 0:
        found.pop("LD_PRELOAD", None)
        found["PATH"] = DEFAULT_PATH
    return found


class Slot:
    """The `index`-th process of a service, running or not.

    key        unique among all processes that may live at the same time; names its files in the queue
    status     the socket to it while it runs, or is being forked; pid  0 until it has said its process id
    ready      it has said so since it was started
    files      what it read on the way into its jail: path -> pyfix.jail.Stamp
    not_before monotonic time until which it is not started again (throttled)
    """

    def __init__(self, plan: Planned, index: int, generation: int) -> None:
        self.plan, self.index = plan, index
        name = re.sub(r"[^A-Za-z0-9.-]", "_", plan.name)
        self.key = f"{plan.program}-{name}-{index}" + (f"-{generation}" if generation else "")
        self.status: socket.socket | None = None
        self.errors = -1
        self.pid = 0
        self.ready = self.stopping = self.silent = False
        self.files: dict[str, list[int]] = {}
        self.started = self.not_before = 0.0
        self.quick_deaths = 0

    def start(self, directory: str, sockets: dict[str, socket.socket], log: int, config: Any, nursery: Nursery) -> None:
        """Have the process forked. Raises OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        reading, writing = os.pipe()
        listen = [sockets[wanted.name].fileno() for wanted in self.plan.listen]
        request = msgpack.packb([self._argv(directory, log >= 0), environment(config), self._title()])
        try:
            nursery.ask(request, [writing, theirs.fileno(), *([log] if log >= 0 else []), *listen])
        except OSError:
            ours.close()
            os.close(reading)
            raise
        finally:
            theirs.close()
            os.close(writing)
        ours.setblocking(False)
        os.set_blocking(reading, False)
        self.status, self.errors, self.pid, self.started = ours, reading, 0, time.monotonic()
        self.ready = self.stopping = self.silent = False
        self.files = {}

    def _argv(self, directory: str, log: bool) -> list[str]:
        plan = self.plan
        argv = [plan.program, "-n", plan.name, "-t", plan.type, "-c", directory, "-m", plan.module, "-k", self.key,
                "-i", str(self.index), "-s", str(STATUS), *(("-g", str(LOG)) if log else ())]
        if plan.keep_root:
            argv.append("-r")
        if plan.jail:
            argv.append("-j")
        if plan.maxproc:
            argv += ["-z", str(-(-plan.maxproc // plan.count))]
        for fd, wanted in enumerate(plan.listen, LOG + log):
            argv += ["-l", f"{wanted.name}={fd}"]
        for name, value in plan.overrides:
            argv += ["-o", f"{name}={value}"]
        return [*argv, "-w", str(plan.wakeup)]

    def _title(self) -> list[str]:
        """What ps(1) shows."""
        return ["pyfix.service", self.plan.program, "-n", self.plan.name, "-t", self.plan.type, "-i", str(self.index)]

    def tell(self, notice: bytes, fds: tuple[int, ...] = ()) -> None:
        """Send a notice. A process that does not read them any more is found dead or killed by other means."""
        if self.status is not None:
            with contextlib.suppress(OSError):
                socket.send_fds(self.status, [notice], fds)

    def tell_reload(self, plan: Planned) -> None:
        """Have the process take a new configuration."""
        self.plan = plan
        self.tell(b"R" + msgpack.packb([list(pair) for pair in plan.overrides]))

    def listen(self) -> None:
        """Take in what the process has said on its status socket; `silent` when there will be no more."""
        while self.status is not None and not self.silent:
            try:
                data = self.status.recv(NOTICE_SIZE)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if data[:1] == b"p" and not self.pid:       # said by root, before the process is anybody else's
                self.pid = int(data[1:])
            elif data[:1] == b"t" and not self.ready:   # said by root too: nothing of this kind is heard from a process that serves
                self.files |= msgpack.unpackb(data[1:], unicode_errors="surrogateescape")
            elif data[:1] == b"r":
                self.ready = True
            self.silent = not data

    def said(self) -> list[bytes]:
        """Lines that the process has written to standard error: what it could not log. [] where there is nothing."""
        try:
            data = os.read(self.errors, 65536) if self.status is not None else b""
        except BlockingIOError:
            return []
        return [line for line in data.split(b"\n") if line.strip()]

    def signal(self, number: int) -> None:
        """Send a signal to a process that still runs; one that is not forked yet finds that nobody wants it."""
        with contextlib.suppress(OSError):
            if self.pid:
                os.kill(self.pid, number)
            elif self.status is not None:
                self.status.shutdown(socket.SHUT_RDWR)

    def ended(self) -> None:
        """The process is dead and collected, or was never forked."""
        self.status.close()
        os.close(self.errors)
        self.status, self.errors, self.pid = None, -1, 0
