"""One place for a process of a service: start it, speak to it, see it end.

Law: master(8). The command line and the status socket are described in pyfix/service.py.
"""

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from typing import Any

import msgpack

from pyfix.master.plan import Planned

KEPT_ENVIRONMENT = ("TZ", "LANG", "LC_ALL", "PATH", "LD_PRELOAD", "ASAN_OPTIONS", "UBSAN_OPTIONS", "PYTHONMALLOC")
DEFAULT_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


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
    ready      it has said so since it was started
    not_before monotonic time until which it is not started again (throttled)
    """

    def __init__(self, plan: Planned, index: int, generation: int) -> None:
        self.plan, self.index = plan, index
        name = re.sub(r"[^A-Za-z0-9.-]", "_", plan.name)
        self.key = f"{plan.program}-{name}-{index}" + (f"-{generation}" if generation else "")
        self.process: subprocess.Popen[bytes] | None = None
        self.status: socket.socket | None = None
        self.ready = self.stopping = False
        self.started = self.not_before = 0.0
        self.quick_deaths = 0

    @property
    def pid(self) -> int:
        """Process id, 0 when it does not run."""
        return self.process.pid if self.process else 0

    def start(self, directory: str, sockets: dict[str, socket.socket], log: int, config: Any) -> None:
        """Start the process. Raises OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        fds = [theirs.fileno(), *([log] if log >= 0 else [])]
        argv = [sys.executable, "-I", "-m", "pyfix.service", self.plan.program, *self._options(directory, theirs, log)]
        for wanted in self.plan.listen:
            fd = sockets[wanted.name].fileno()
            argv += ["-l", f"{wanted.name}={fd}"]
            fds.append(fd)
        for name, value in self.plan.overrides:
            argv += ["-o", f"{name}={value}"]
        try:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, pass_fds=fds,
                                            env=environment(config))
            os.set_blocking(self.process.stderr.fileno(), False)
        finally:
            theirs.close()
        ours.setblocking(False)
        self.status, self.ready, self.stopping, self.started = ours, False, False, time.monotonic()

    def _options(self, directory: str, status: socket.socket, log: int) -> list[str]:
        plan = self.plan
        options = ["-n", plan.name, "-t", plan.type, "-c", directory, "-m", plan.module, "-k", self.key,
                   "-i", str(self.index), "-s", str(status.fileno())]
        if log >= 0:
            options += ["-g", str(log)]
        if plan.keep_root:
            options.append("-r")
        if plan.maxproc:
            options += ["-z", str(-(-plan.maxproc // plan.count))]
        return [*options, "-w", str(plan.wakeup)]

    def tell(self, notice: bytes, fds: tuple[int, ...] = ()) -> None:
        """Send a notice. A process that does not read them any more is found dead or killed by other means."""
        if self.status is not None:
            with contextlib.suppress(OSError):
                socket.send_fds(self.status, [notice], fds)

    def tell_reload(self, plan: Planned) -> None:
        """Have the process take a new configuration."""
        self.plan = plan
        self.tell(b"R" + msgpack.packb([list(pair) for pair in plan.overrides]))

    def said(self) -> list[bytes]:
        """Lines that the process has written to standard error: what it could not log. [] where there is nothing."""
        try:
            data = os.read(self.process.stderr.fileno(), 65536) if self.process else b""
        except BlockingIOError:
            return []
        return [line for line in data.split(b"\n") if line.strip()]

    def signal(self, number: int) -> None:
        """Send a signal to a process that still runs."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, number)

    def ended(self) -> int | None:
        """The exit status (negative: signal) of a process that has ended, which is then forgotten; else None."""
        if self.process is None or self.process.poll() is None:
            return None
        result = self.process.returncode
        self.process.stderr.close()
        self.process = None
        if self.status is not None:
            self.status.close()
            self.status = None
        return result
