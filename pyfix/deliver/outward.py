"""What goes over the wire where it differs from what is stored: smtp_generic_maps and smtp_header_checks with their like.

Law: smtp(8), generic(5), header_checks(5). Only what goes over the wire changes: the log, outcomes and notifications keep the
queue's addresses. An agent without these parameters has none of this: Outward stands before five of its methods only where
one is set. Checks see a header first, then its addresses are mapped.
"""

from collections.abc import Iterator
from typing import Any

from pyfix._core.client import EIGHTBITMIME
from pyfix._core.request import Request, external
from pyfix.deliver.checks import CheckedContent, Checks
from pyfix.deliver.downgrade import DowngradedContent
from pyfix.errors import QueueError
from pyfix.resolve import verp
from pyfix.resolve.addressmap import MappingTrouble
from pyfix.resolve.generic import Generic
from pyfix.resolve.headers import rewrite_fields

LOCAL_TROUBLE = "local data error"
HEADER_LIMIT = 8_388_608        # a longer header is sent as it is
METHODS = ("begin", "request", "content", "content_lost", "finish")


class RewrittenContent:
    """Content with another header. `skip`: bytes of the stored content that `header` replaces."""

    data = None

    def __init__(self, content: Any, header: bytes, skip: int) -> None:
        self.content, self.header, self.skip = content, header, skip
        self.size = content.size - skip + len(header)

    def pieces(self) -> Iterator[Any]:
        """The content as it is sent."""
        yield self.header
        skip = self.skip
        for piece in self.content.pieces():
            if skip < len(piece):
                yield piece[skip:]
            skip = max(0, skip - len(piece))


class Outward:
    """The generic mapping and the checks of one agent; `checks` may be None."""

    def __init__(self, agent: Any, generic: Generic, checks: Checks | None = None) -> None:
        self.agent, self.generic, self.checks = agent, generic, checks
        self.addresses: dict[int, dict[bytes, bytes]] = {}      # by job: where an address changes
        self.contents: dict[int, Any] = {}
        for name in METHODS:
            vars(agent).pop(name, None)
        self.plain = {name: getattr(agent, name) for name in METHODS}
        for name in METHODS:
            setattr(agent, name, getattr(self, name))

    @staticmethod
    def remove(agent: Any) -> None:
        """The agent as it is without a mapping; deliveries under way finish as they began."""
        for name in METHODS:
            vars(agent).pop(name, None)

    def begin(self, delivery: Any) -> None:
        """Maps first, then sets out."""
        task = self.agent.loop.create_task(self.prepare(delivery))
        self.agent.tasks.add(task)
        task.add_done_callback(self.agent.looked_up)

    async def prepare(self, delivery: Any) -> None:
        """What changes in this delivery; a table that fails defers it."""
        envelope, changed = delivery.envelope, dict[bytes, bytes]()
        try:
            for address in (verp.sender_of(envelope, delivery.pending[0]), *(envelope.recipients[index].address for index in delivery.pending)):
                new = await self.generic.address(address)
                if new != address:
                    changed[address] = new
            content = await self.prepared(delivery)
        except (MappingTrouble, QueueError) as trouble:
            self.agent.log.warning(f"{delivery.queue_id.decode()}: {trouble}")
            self.agent.fail_all(delivery, "4.3.0", "address mapping problem" if isinstance(trouble, MappingTrouble) else LOCAL_TROUBLE)
            return
        self.addresses[delivery.job] = changed
        if content is not None:
            self.contents[delivery.job] = content
        self.plain["begin"](delivery)

    async def prepared(self, delivery: Any) -> Any:
        """The content as the outside shall see it; None where it is the stored one."""
        if not self.checks:
            return await self.rewritten(delivery.content)
        checked = CheckedContent(delivery.content, self.checks, delivery.queue_id)
        if not self.generic:
            return checked
        header = checked.header()
        new, changed = await rewrite_fields(header, self.generic.header)
        return checked.with_head(new if changed else header)

    async def rewritten(self, content: Any) -> RewrittenContent | None:
        """The content with header addresses mapped; None where none changes."""
        header = stored_header(content)
        new, changed = await rewrite_fields(header, self.generic.header)
        return RewrittenContent(content, new, len(header)) if changed else None

    def request(self, session: Any, delivery: Any) -> Request | None:
        """The request with the addresses of the outside."""
        made, changed = self.plain["request"](session, delivery), self.addresses.get(delivery.job)
        if made is None or not changed:
            return made
        envelope = delivery.envelope

        def outside(address: bytes) -> bytes:
            return external(changed.get(address, address))

        def inside(index: int, notify: int, orcpt: bytes) -> tuple[int, bytes]:
            return notify, orcpt or b"rfc822;" + external(envelope.recipients[index].address)
        dsn = made.dsn and [inside(index, *said) for index, said in zip(delivery.pending, made.dsn, strict=True)]
        return Request(outside(verp.sender_of(envelope, delivery.pending[0])), [outside(envelope.recipients[index].address) for index in delivery.pending],
                       size=made.size, body=made.body, utf8=made.utf8, envid=made.envid, ret=made.ret, dsn=dsn,
                       xforward=made.xforward)

    def content(self, session: Any, delivery: Any) -> Any:
        """The content with the header of the outside, made fit for the server."""
        made = self.contents.get(delivery.job)
        if made is None:
            return self.plain["content"](session, delivery)
        eight = delivery.envelope.attributes.get("encoding", "").lower() == "8bit"
        if eight and not session.core.features & EIGHTBITMIME and self.agent.parameters.downgrade:
            return DowngradedContent(made)
        return made

    def content_lost(self, session: Any, delivery: Any, why: str) -> None:
        """A check could not be made amid the content: the session ended before the final dot, and nothing was delivered."""
        content = self.contents.get(delivery.job)
        if isinstance(content, CheckedContent) and content.unchecked:
            self.agent.fail_all(delivery, "4.3.0", f"{LOCAL_TROUBLE} while talking to {session.address.name}", session=session)
        else:
            self.plain["content_lost"](session, delivery, why)

    def finish(self, delivery: Any) -> None:
        """The delivery is over: forget what was made for it."""
        self.addresses.pop(delivery.job, None)
        self.contents.pop(delivery.job, None)
        self.plain["finish"](delivery)


def stored_header(content: Any) -> bytes:
    """The header of a content, up to the empty line."""
    data = b""
    for piece in content.pieces():
        data += bytes(piece)
        at = data.find(b"\r\n\r\n")
        if at >= 0 or len(data) > HEADER_LIMIT:
            return data[:at + 2] if at >= 0 else b""
    return data if data.endswith(b"\r\n") else b""
