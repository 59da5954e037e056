"""postkick: wake a service up. Manual page: postkick(1).

Law: `class/service` below queue_directory is a socket (or a FIFO); it gets the request's bytes and a NUL. The queue manager
speaks frames here (ipc.messages), so that its requests of qmgr(8) are asked in that form: D and F mean that deferred mail
is tried now; A, I and W have nothing to do, since qmgr is told of each message by who wrote it.
"""

import getopt
import os
import socket
import stat
import sys

from pyfix.commands.common import Failure, complaint, fatal
from pyfix.commands.queued import Asked, Down, load
from pyfix.config import Config
from pyfix.errors import PyfixError

USAGE = "usage: postkick [-c config_dir] [-v] class service request"
QMGR = "public/qmgr"
PATIENCE = 100.0            # seconds, application_event_drain_time's default


class Unreachable(Failure):
    """Nobody is there; the text says what was found, and may be empty."""


def connected(path: str, name: str) -> None:
    """Raises Unreachable where `path` is nothing that can be written to."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise Unreachable(f"unable to look up {name}: {error.strerror}") from None
    if not stat.S_ISSOCK(mode) and not stat.S_ISFIFO(mode):
        raise Unreachable(f"{name} is not a socket or a fifo")


def send(path: str, request: bytes) -> None:
    """Write the request. Raises Unreachable, OSError."""
    try:
        if stat.S_ISFIFO(os.stat(path).st_mode):
            with open(os.open(path, os.O_WRONLY | os.O_NONBLOCK), "wb") as fifo:
                fifo.write(request)
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(PATIENCE)
            sock.connect(path)
            sock.sendall(request + b"\0")
    except BrokenPipeError:
        return                  # it was woken, and does not read: that is all it needs
    except OSError:
        raise Unreachable("") from None


def ask_qmgr(config: Config, request: str) -> None:
    """The queue manager's requests. Raises Failure."""
    try:
        if "D" in request or "F" in request:
            Asked(config, QMGR, "flush").finish()
    except Down:
        raise Unreachable("") from None


def kick(config: Config, group: str, service: str, request: str) -> None:
    """Send a service of a class a request. Raises Failure."""
    name = f"{group}/{service}"
    path = os.path.join(config.queue_directory, name)
    connected(path, name)
    if os.path.normpath(name) == QMGR:
        ask_qmgr(config, request)
    else:
        send(path, os.fsencode(request))


def run(argv: list[str]) -> int:
    """The command. Raises Failure, PyfixError."""
    try:
        options, words = getopt.getopt(argv, "c:v")
    except getopt.GetoptError as error:
        print(complaint("postkick", error), file=sys.stderr)
        raise Failure(USAGE) from None
    if len(words) != 3:
        raise Failure(USAGE)
    try:
        kick(load(dict(options).get("-c", "")), *words)
    except Unreachable as error:
        for text in (str(error), f"Cannot contact class {words[0]} service {words[1]} - perhaps the mail system is down"):
            if text:
                print(f"postkick: warning: {text}", file=sys.stderr)
        return 1
    return 0


def main() -> int:
    """Entry point."""
    try:
        return run(sys.argv[1:])
    except (Failure, PyfixError, OSError) as error:
        return fatal("postkick", str(error))


if __name__ == "__main__":
    sys.exit(main())
