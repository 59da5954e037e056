"""Where services come from: master's side of the zygote.

Law: pyfix/zygote.py. It is started before anything else, so that it imports the code while master reads its
configuration; this module therefore imports little. If the zygote dies, the services live on and a new one is started.
"""

import contextlib
import os
import signal
import socket
import sys
import time

from pyfix.master.registry import PROGRAMS

KEPT_ENVIRONMENT = ("TZ", "LANG", "LC_ALL", "PATH", "LD_PRELOAD", "ASAN_OPTIONS", "UBSAN_OPTIONS", "PYTHONMALLOC")
FILLER = "-" * 240          # room for the titles of services
PATIENCE = 30.0             # seconds after which a zygote that does not fork is killed
DESCRIPTORS = 250           # that fit in one request
NOTHING = -1


def own_environment() -> dict[str, str]:
    """What the zygote finds in its environment. Root hands on no preload."""
    found = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
    if os.geteuid() == 0:
        found.pop("LD_PRELOAD", None)
    return found


class Nursery:
    """The zygote, running or not.

    pid     its process id, 0 while there is none       errors  where its standard error is read, or NOTHING
    started monotonic time of its start
    """

    def __init__(self) -> None:
        self.pid, self.errors, self.started = 0, NOTHING, 0.0
        self.control: socket.socket | None = None

    def start(self) -> None:
        """Start it where it does not run. Raises OSError."""
        if self.pid:
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        reading, writing = os.pipe()
        modules = sorted({program.module for program in PROGRAMS.values() if program.module})
        argv = [sys.executable, "-I", "-m", "pyfix.zygote", "3", *modules, FILLER]
        pid = os.fork()
        if not pid:
            become(argv, theirs.fileno(), writing)
        theirs.close()
        os.close(writing)
        ours.setblocking(False)
        os.set_blocking(reading, False)
        self.pid, self.control, self.errors, self.started = pid, ours, reading, time.monotonic()

    def ask(self, request: bytes, fds: list[int]) -> None:
        """Have a service forked. Raises OSError, also where the zygote does not take the request now."""
        self.start()
        if len(fds) > DESCRIPTORS:
            raise OSError(0, f"{len(fds)} sockets are too many for one service")
        socket.send_fds(self.control, [request], fds)

    def said(self) -> list[bytes]:
        """Lines that it has written to standard error; [] where there is nothing."""
        if self.errors == NOTHING:
            return []
        try:
            data = os.read(self.errors, 65536)
        except BlockingIOError:
            return []
        return [line for line in data.split(b"\n") if line.strip()]

    def kill(self) -> None:
        """End one that does not answer."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def ended(self) -> None:
        """It is dead and collected; the next `start` makes another."""
        if self.control is not None:
            self.control.close()
            os.close(self.errors)
        self.pid, self.control, self.errors = 0, None, NOTHING


def become(argv: list[str], control: int, errors: int) -> None:
    """In the child: put the descriptors right and become the zygote. Returns never."""
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(errors, 2)
        os.dup2(control, 3)
        os.set_inheritable(3, True)
        os.closerange(4, 1 << 20)
        os.execve(argv[0], argv, own_environment())
    finally:
        os._exit(127)
