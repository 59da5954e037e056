"""How a notification enters the queue: headers completed, recipient resolved, committed. Manual page: cleanup(8).

A message of our own goes straight to the Writer of the process that makes it; it is announced
(to `tell`, the log and the scheduler) only after its commit.
"""

import time
from collections.abc import Callable
from typing import Any

from pyfix import model
from pyfix._core.address import quote
from pyfix.bounce.reports import date
from pyfix.cleanup.fields import rewritten
from pyfix.cleanup.mapping import Mapper
from pyfix.errors import PyfixError
from pyfix.ipc.eager import run
from pyfix.model import Envelope, Recipient
from pyfix.queue.envelope import pack
from pyfix.resolve.domains import FAIL
from pyfix.resolve.resolver import Resolver

Tell = Callable[[bytes | None], None]


class Submit:
    """Callable as Reports wants it. `log` writes as postfix/cleanup."""

    def __init__(self, config: Any, writer: Any, log: Any, clock: Any) -> None:
        self.writer, self.log, self.clock = writer, log, clock
        self.configure(config)

    def configure(self, config: Any) -> None:
        """Take a new configuration."""
        self.config, self.resolver = config, Resolver(config, self.log.warning)
        self.mapper = Mapper(config, self.resolver)

    def __call__(self, sender: bytes, to: bytes, content: bytes, tell: Tell, flags: int = 0) -> None:
        """Commit one message; tell(queue id) when it is on disk, tell(None) when that can't be.

        `flags`: model.SMTPUTF8 where the message that it is about asked for it (RFC 6531: its addresses are in the report).
        """
        run(self._new(sender, to, content, tell, flags), done)

    async def _new(self, sender: bytes, to: bytes, content: bytes, tell: Tell, flags: int) -> None:
        try:
            sender = await self.mapper.envelope_sender(sender)
            recipients = await self.recipients(to, sender)
            queue_id = self.writer.new_id()
            content, message_id = self.complete(queue_id, content)
            if self.mapper.maps_headers:
                content = await self.mapped(content)
            envelope = Envelope(queue_id, self.clock.now(), sender, content_flags(content) | model.BOUNCE | flags, len(content),
                                attributes={"message_id": message_id} | declared(content), recipients=recipients)
            self.writer.commit(pack(envelope), content, (envelope, tell))
        except (PyfixError, OSError) as error:
            self.log.warning(f"can't queue a notification: {error}")
            tell(None)

    async def recipients(self, to: bytes, sender: bytes) -> list[Recipient]:
        """Who gets a notification for `to`: our own mail goes through canonical, virtual and bcc maps like any other."""
        found = []
        for one in await self.mapper.recipients([Recipient(to)], sender):
            new = await self.resolve(one.address, sender)
            new.original = one.original or (one.address if new.address != one.address else b"")
            new.notify, new.orcpt = one.notify, self.original_recipient(to)
            found.append(new)
        return found

    def original_recipient(self, to: bytes) -> bytes:
        """What ORCPT shall say where that is not simply the address: its domain is ours, its type UTF-8 (RFC 6533)."""
        whole = to if b"@" in to else to + b"@" + self.config["myorigin"].encode()
        return b"" if whole == to and to.isascii() else (b"rfc822;" if to.isascii() else b"utf-8;") + whole

    async def mapped(self, content: bytes) -> bytes:
        """The content with the addresses in its header mapped."""
        at = content.index(b"\r\n\r\n") + 2
        return await rewritten(self.mapper, content[:at], True) + content[at:]

    def again(self, old: Envelope, content: bytes, pending: list[int], tell: Tell) -> None:
        """Commit a queued message anew for its pending recipients, each resolved again."""
        run(self._again(old, content, pending, tell), done)

    async def _again(self, old: Envelope, content: bytes, pending: list[int], tell: Tell) -> None:
        try:
            recipients = []
            for index in pending:
                one = old.recipients[index]
                new = await self.resolve(one.address, old.sender)
                new.original, new.orcpt, new.notify = one.original, one.orcpt, one.notify
                recipients.append(new)
            envelope = Envelope(self.writer.new_id(), old.arrival, old.sender, old.flags & ~model.HOLD, len(content),
                                old.ret, old.envid, old.attributes, old.generation, recipients)
            self.writer.commit(pack(envelope), content, (envelope, tell))
        except (PyfixError, OSError) as error:
            self.log.warning(f"{old.queue_id.decode()}: can't requeue: {error}")
            tell(None)

    async def resolve(self, address: bytes, sender: bytes = b"") -> Recipient:
        """Where an address goes now; a table that fails means the retry transport."""
        found = await self.resolver.resolve(address, sender)
        if found.flags & FAIL:
            return Recipient(address, transport="retry", nexthop="4.3.0 address resolver failure")
        if not found.transport:
            return Recipient(address, transport="error", nexthop=f"5.1.3 bad address syntax: {quote(address).decode('utf-8', 'replace')}")
        return Recipient(found.recipient, transport=found.transport, nexthop=found.nexthop)

    def complete(self, queue_id: bytes, content: bytes) -> tuple[bytes, str]:
        """The content with Received:, Date: and Message-Id:, and the message id."""
        host, now = self.config["myhostname"], self.clock.now()
        name = queue_id.decode()
        stamp = date(now)
        message_id = f"<{gmt(now)}.{name}@{host}>" if b"z" not in queue_id else f"<{name}@{host}>"
        top = f"Received: by {host} ({self.config['mail_name']})\r\n\tid {name}; {stamp}\r\nDate: {stamp}\r\n".encode()
        at = content.index(b"\r\n\r\n") + 2
        return top + content[:at] + b"Message-Id: " + message_id.encode() + content[at - 2:], message_id

    def committed(self, group: list[tuple[Any, Any, Any]]) -> list[list[Any]]:
        """The Writer's group: tell everyone, and return the COMMITTED items for the scheduler."""
        items = []
        for (envelope, tell), place, error in group:
            if place is None:
                self.log.warning(f"{envelope.queue_id.decode()}: can't queue a notification: {error}")
                tell(None)
                continue
            tell(envelope.queue_id)
            self.log.info(f"{envelope.queue_id.decode()}: message-id={envelope.attributes.get('message_id', '<>')}")
            items.append(notice(envelope, place))
        return items


def done(result: None) -> None:
    """Nothing is left to do when a commit has been asked for."""


def notice(envelope: Envelope, place: model.Place) -> list[Any]:
    """An item of the COMMITTED frame."""
    sites: dict[tuple[str, str, int], list[int]] = {}
    for index, one in enumerate(envelope.recipients):
        sites.setdefault((one.transport, one.nexthop, index if envelope.flags & model.VERP else 0), []).append(index)
    return [envelope.queue_id, envelope.arrival, *place, envelope.size, envelope.flags, envelope.sender,
            len(envelope.recipients), [[transport, nexthop, indexes] for (transport, nexthop, _), indexes in sites.items()]]


def gmt(microseconds: int) -> str:
    """YYYYMMDDHHMMSS, UTC."""
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(microseconds // 1_000_000))


def declared(content: bytes) -> dict[str, str]:
    """The attribute `encoding` of a message whose header says 8bit: a server is told BODY=8BITMIME, or gets it converted (RFC 6152)."""
    head = content[:content.index(b"\r\n\r\n") + 2]
    return {"encoding": "8bit"} if b"\r\nContent-Transfer-Encoding: 8bit\r\n" in head else {}


def content_flags(content: bytes) -> int:
    """The flags of model.Envelope that follow from the content."""
    flags = 0 if content.isascii() else model.HAS_8BIT
    if content.startswith(b".") or b"\n." in content:
        flags |= model.HAS_DOT_LINE
    if max(map(len, content.split(b"\r\n"))) > 998:
        flags |= model.HAS_LONG_LINE
    return flags
