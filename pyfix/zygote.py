"""The zygote: one process that has imported everything, and of which master has every service forked.

    python -m pyfix.zygote CONTROL_FD MODULE... FILLER

Law: master(8), fork(2), prctl(2) PR_SET_CHILD_SUBREAPER. Importing the code takes most of a service's start and much of
its memory; here it is done once, and what was imported is shared. The zygote reads nothing but master's requests: it is
root where master is, holds no socket of a service once that is forked, and ends when master does.

A request is one packet (SOCK_SEQPACKET): msgpack [argv of pyfix.service, environment, title] with the descriptors that become
2, 3, 4, ... of the new process (standard error, status, log, listeners). The process is forked twice: its parent ends
at once, so that master, a subreaper, becomes its parent, sees it die, and keeps it when the zygote dies. Its first
word on the status socket is b"p" and its process id.

MODULE: what to import; where mail_owner can't read the code, everything that a stage could ever need (pyfix.preload). FILLER: room for the titles of the services, see pyfix.title.
"""

import fcntl
import gc
import importlib
import os
import signal
import socket
import sys
import time
from typing import NoReturn

import msgpack

from pyfix import service, title
from pyfix.config.table import parameters
from pyfix.preload import needed, preload

REQUEST_SIZE = 1 << 18
DESCRIPTORS = 250           # the kernel passes at most 253 in a packet
FIRST = 2                   # standard error, then what a request brings


def load(names: list[str]) -> None:
    """Import the stages and what they need, and put the result where no collector touches (and so copies) it."""
    for name in names:
        importlib.import_module(name)
    if needed():
        preload([sys.modules[name.rpartition(".")[0]] for name in names])
    parameters()
    gc.collect()
    gc.freeze()
    gc.disable()


def serve(control: socket.socket) -> None:
    """Fork what master asks for, until master is gone."""
    while True:
        data, fds, _, _ = socket.recv_fds(control, REQUEST_SIZE, DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
        if not data:
            return
        middle = os.fork()
        if not middle:
            fork_again(control, data, fds)
        for fd in fds:
            os.close(fd)
        os.waitpid(middle, 0)


def fork_again(control: socket.socket, data: bytes, fds: list[int]) -> NoReturn:
    """The process in the middle: it only makes the service an orphan, which master adopts."""
    try:
        if os.fork():
            os._exit(0)
    except OSError as error:
        print(f"fork: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(1)
    control.close()
    argv, environment, words = msgpack.unpackb(data)
    settle(fds)
    os.write(FIRST + 1, b"p%d" % os.getpid())
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    title.set_name(argv[0].encode("utf-8", "surrogateescape"))
    title.set_command_line([word.encode("utf-8", "surrogateescape") for word in words])
    gc.enable()
    service.main(argv, imported=True)


def settle(fds: list[int]) -> None:
    """Put the descriptors in their places, from FIRST on, and let go of the others."""
    above = FIRST + len(fds)
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, above) for fd in fds]
    for place, fd in enumerate(high, FIRST):
        os.dup2(fd, place, inheritable=place == FIRST)
    for fd in {*fds, *high}:
        if fd >= above:
            os.close(fd)


def main(argv: list[str]) -> int:
    """The life of the zygote."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    number, *names = argv[:-1]
    control = socket.socket(fileno=int(number))
    os.set_inheritable(control.fileno(), False)
    load(names)
    title.set_command_line([b"pyfix.zygote"])
    serve(control)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
