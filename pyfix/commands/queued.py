"""How the queue commands talk to qmgr, and how they see the queue while it is down. Law: ipc.messages.

`ask` streams the answers of one request. `Down` means that nobody listens: listings and changes are
then made on the store itself, which only its owner and root can open.
"""

import os
import pwd
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyfix.queue.layout import log_directory
from pyfix.commands.common import Failure
from pyfix.config import Config
from pyfix.errors import ConfigError, PeerError
from pyfix.ipc.messages import ANSWER, ASK, END
from pyfix.ipc.plain import receive, send


PATIENCE = 30.0             # seconds without a word after which qmgr is taken to be stuck


class Down(Failure):
    """qmgr does not listen; the text is the system's reason."""


class Refused(Failure):
    """qmgr does not do this for us; `status` is the exit status."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class Usage(Failure):
    """Wrong arguments."""


def load(directory: str, absolute: bool = False) -> Config:
    """The configuration that `-c` or MAIL_CONFIG names. Raises Failure."""
    if absolute and directory and not directory.startswith("/"):
        raise Failure("-c requires absolute pathname")
    try:
        return Config.load(directory)
    except ConfigError as error:
        raise Failure(str(error)) from None


class Asked:
    """The answers to one request: iterate the items; then `count` and `text` of END are set."""

    def __init__(self, config: Config, path: str, *request: Any) -> None:
        self.count, self.text = 0, ""
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        try:
            self.socket.connect(os.path.join(config.queue_directory, path))
        except (TimeoutError, BlockingIOError):     # the backlog is full
            self.socket.close()
            raise self.stuck() from None
        except OSError as error:
            self.socket.close()
            raise Down(error.strerror or str(error)) from None
        try:
            send(self.socket, [ASK, *request])
        except OSError:
            raise self.stuck() from None

    def stuck(self) -> Failure:
        """Somebody holds the socket, master perhaps, but nobody answers."""
        return Failure(f"{self.path}: no answer from the queue manager: it is starting, stopped or throttled; "
                       "see the mail log and try again")

    def __iter__(self) -> Iterator[Any]:
        with self.socket, self.socket.makefile("rb") as stream:
            while True:
                try:
                    message = receive(stream)
                except (PeerError, OSError):
                    raise self.stuck() from None
                if message[0] == END:
                    self.count, self.text = message[1], message[2]
                    if self.text and self.count:
                        raise Refused(self.text, self.count)
                    return
                if message[0] != ANSWER:
                    raise Failure("malformed answer from qmgr")
                yield from message[1:]

    def finish(self) -> int:
        """Skip to the end; the count. Raises Failure with END's text."""
        for _ in self:
            pass
        if self.text:
            raise Failure(self.text)
        return self.count


@contextmanager
def own_store(config: Config) -> Iterator[tuple[Any, Any]]:
    """(Store, Reader) of a queue whose qmgr is down, closed again afterwards. Raises QueueError, OSError."""
    from pyfix.queue.reader import Reader
    from pyfix.queue.store import Store
    become_owner(config)
    store = Store(log_directory(config.queue_directory))
    try:
        store.recover()
        yield store, Reader(log_directory(config.queue_directory))
    finally:
        store.close()


def become_owner(config: Config) -> None:
    """Root goes on as mail_owner, so that whatever the store writes can be read by qmgr later. Raises Failure."""
    if os.geteuid() != 0:
        return
    try:
        entry = pwd.getpwnam(config.mail_owner)
    except KeyError:
        raise Failure(f"mail_owner: unknown user {config.mail_owner}") from None
    os.setegid(entry.pw_gid)
    os.seteuid(entry.pw_uid)
