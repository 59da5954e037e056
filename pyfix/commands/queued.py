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
from pyfix.commands.records import Record
from pyfix.config import Config
from pyfix.errors import ConfigError, PeerError
from pyfix.ipc.messages import ANSWER, ASK, END
from pyfix.ipc.plain import receive, send
from pyfix.model import Envelope, Place


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


def locate(config: Config, queue_id: str) -> tuple[Place, list[int]]:
    """The place of a message and its pending recipients. Raises Failure."""
    name = queue_id.encode("utf-8", "surrogateescape")
    if not name.isalnum():
        raise Failure(f"bad mail queue ID: {queue_id}")
    asked = Asked(config, "public/qmgr", "find", name)
    found = list(asked)
    if asked.text:
        raise Failure(asked.text)
    if not found:
        raise Failure(f"open queue file {queue_id}: No such file or directory")
    _, segment, offset, length, pending = found[0]
    return Place(segment, offset, length), pending


def stored_records(config: Config, queue_id: str) -> Iterator[Record]:
    """A queued message as the records that Postfix would have for it. Raises Failure, QueueError."""
    from pyfix.queue.reader import Reader
    try:
        place, pending = locate(config, queue_id)
        envelope, content = Reader(log_directory(config.queue_directory)).open(place)
    except Down:
        with own_store(config) as (store, reader):
            slot = store.find(queue_id.encode())
            if not slot:
                raise Failure(f"open queue file {queue_id}: No such file or directory") from None
            pending = store.pending(slot)
            envelope, content = reader.open(store.place(slot))
            yield from as_records(envelope, bytes(content), set(pending))
            return
    yield from as_records(envelope, bytes(content), set(pending))


def as_records(envelope: Envelope, content: bytes, pending: set[int]) -> Iterator[Record]:
    """Records in Postfix's order, with running offsets."""
    offset = 0
    for kind, data in _records(envelope, content, pending):
        yield Record(offset, kind, data, offset + len(data) + 2)
        offset += len(data) + 2


def _records(envelope: Envelope, content: bytes, pending: set[int]) -> Iterator[tuple[str, bytes]]:
    count = len(envelope.recipients)
    yield "C", b"%15d %15d %15d %15d %15d" % (len(content), 0, count, 0, len(content))
    yield "T", b"%d %d" % divmod(envelope.arrival, 1_000_000)
    yield "A", b"log_ident=" + envelope.queue_id
    for name, value in envelope.attributes.items():
        yield "A", f"{name}={value}".encode("utf-8", "surrogateescape")
    if envelope.ret:
        yield "<", b"%d" % envelope.ret
    if envelope.envid:
        yield "i", envelope.envid
    yield "S", envelope.sender
    for index, one in enumerate(envelope.recipients):
        if one.orcpt:
            yield "A", b"dsn_orig_rcpt=" + one.orcpt
        if one.notify:
            yield "A", b"notify_flags=%d" % one.notify
        yield "O", one.original or one.address
        yield "R" if index in pending else "D", one.address
    yield "M", b""
    lines = content.split(b"\r\n")
    for line in lines[:-1] if lines[-1] == b"" else lines:
        yield "N", line
    yield "X", b""
    yield "E", b""
