"""cleanup joined to its process: a Writer of its own, and a link to qmgr that outlives qmgr's restarts.

Law: docs/architecture.md "The queue". A commit is durable whether or not qmgr hears of it: what it was not
told while it was away it is told when the link comes back, and it takes a message that it knows already only once.
"""

import os
from typing import Any

from pyfix.cleanup.stage import Cleanup
from pyfix.errors import SystemTrouble
from pyfix.ipc.connection import Link
from pyfix.ipc.messages import COMMITTED, HELLO
from pyfix.queue.layout import log_directory
from pyfix.queue.writer import Writer
from pyfix.resolve import Resolver

LOOK = 0.5          # seconds between looks at the writer
KEPT = 50_000       # notices kept while qmgr is away; beyond that it has to read our segments


class Notices:
    """Tells qmgr about committed messages, in order, across its restarts."""

    def __init__(self, service: Any) -> None:
        self.service = service
        self.kept: list[bytes] = []      # packed items
        self.overflow = False
        self.link = Link(f"{service.queue_directory}/private/qmgr", self.heard, self.opened)

    def opened(self, connection: Any) -> None:
        """The link is up: who we are, then what was kept."""
        connection.send([HELLO, "writer", self.service.key, os.getpid(), self.service.config.generation])
        if self.overflow:
            # qmgr reads what a writer left in its segments when the writer goes away
            self.overflow = False
            connection.close()
            return
        kept, self.kept = self.kept, []
        if kept:
            connection.send_packed(frame(kept))

    def heard(self, connection: Any, message: list[Any]) -> None:
        """qmgr has nothing to say to a writer."""
        self.service.log.warning(f"unexpected message {message[0]} from qmgr")

    def __call__(self, notices: list[bytes]) -> None:
        """One group's notices, packed."""
        connection = self.link.connection
        if connection is not None and not connection.closed:
            connection.send_packed(frame(notices))
            return
        if len(self.kept) < KEPT:
            self.kept.extend(notices)
        else:
            self.kept, self.overflow = [], True


def frame(items: list[bytes]) -> bytes:
    """[COMMITTED, items], packed."""
    return b"\x92" + bytes((COMMITTED,)) + b"\xdd" + len(items).to_bytes(4, "big") + b"".join(items)


def attach(service: Any, resolver: Resolver | None = None) -> Cleanup:
    """A Cleanup for this process; needs the running loop. Raises QueueError where the spool can't be used."""
    return join(unjoined(service, resolver or Resolver(service.config, service.log.warning)))


def unjoined(service: Any, resolver: Resolver) -> Cleanup:
    """A Cleanup with its tables open, that has no writer and does not know qmgr yet: `join` does the rest."""
    return Cleanup(service, resolver, Notices(service))


def join(cleanup: Cleanup) -> Cleanup:
    """Open the queue and call qmgr; needs the running loop. Raises QueueError where the spool can't be used."""
    service = cleanup.service
    cleanup.writer = Writer(log_directory(service.queue_directory), service.key, service.loop, cleanup.on_group,
                            long_ids=service.config.enable_long_queue_ids)
    cleanup.notify.link.start()
    service.loop.call_later(LOOK, watch, service, cleanup.writer)
    return cleanup


def watch(service: Any, writer: Writer) -> None:
    """After a failed write or sync the writer takes nothing more: this process starts again, from what is on disk.

    Whoever waited has been answered with 451 by then, or finds the connection closed.
    """
    if writer.broken:
        service.die(SystemTrouble("the queue log can't be written: starting again from disk"))
    service.loop.call_later(LOOK, watch, service, writer)
