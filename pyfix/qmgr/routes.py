"""Where recipients go that are tried again: resolved anew at each attempt, as qmgr(8) does, so that a new route counts.

The law: transport_maps, relayhost and the address classes hold as they are now, not as they were when the message came in. What was
decided about the message itself stays: a content filter, and a recipient that an alias replaced. A table that
fails defers the recipient. Manual pages: qmgr(8), trivial-rewrite(8).
"""

from collections.abc import Callable
from typing import Any

from pyfix._core.address import quote
from pyfix.ipc.eager import run
from pyfix.model import VERP, Envelope, Recipient
from pyfix.resolve.domains import FAIL
from pyfix.resolve.resolver import Resolver

Sites = list[list[Any]]         # [[transport, nexthop, [recipient index, ...]], ...]
UNRESOLVED = "4.3.0 address resolver failure"
FIXED = {"content_filter", "returned"}      # the envelope's attributes that say where the whole message goes


def stored(envelope: Envelope, indexes: list[int], then: Callable[[Sites], object]) -> None:
    """The routes that were found when the message came in."""
    then(grouped(envelope, indexes))


def grouped(envelope: Envelope, indexes: list[int]) -> Sites:
    """The sites of some recipients; with VERP each is delivered alone."""
    sites: dict[tuple[str, str, int], list[int]] = {}
    for index in indexes:
        recipient = envelope.recipients[index]
        alone = index if envelope.flags & VERP else 0
        sites.setdefault((recipient.transport, recipient.nexthop, alone), []).append(index)
    return [[transport, nexthop, indexes] for (transport, nexthop, _), indexes in sites.items()]


class Routes:
    """Callable as `stored` is; `then` is called at once where no table has to be waited for."""

    def __init__(self, config: Any, warn: Callable[[str], None]) -> None:
        self.warn = warn
        self.configure(config)

    def configure(self, config: Any) -> None:
        """Take a new configuration."""
        self.resolver = Resolver(config, self.warn)

    def __call__(self, envelope: Envelope, indexes: list[int], then: Callable[[Sites], object]) -> None:
        run(self.sites(envelope, indexes), then)

    async def sites(self, envelope: Envelope, indexes: list[int]) -> Sites:
        """The sites of some recipients as they are now."""
        if FIXED.isdisjoint(envelope.attributes):
            for index in indexes:
                await self.route(envelope.recipients[index], envelope.sender)
        return grouped(envelope, indexes)

    async def route(self, recipient: Recipient, sender: bytes) -> None:
        """Write into a recipient where it goes."""
        if recipient.transport in ("expanded", "trace"):
            return
        found = await self.resolver.resolve(recipient.address, sender)
        if found.flags & FAIL:
            recipient.transport, recipient.nexthop = "retry", UNRESOLVED
        elif not found.transport:
            shown = quote(recipient.address).decode("utf-8", "replace")
            recipient.transport, recipient.nexthop = "error", f"5.1.3 bad address syntax: {shown}"
        else:
            recipient.transport, recipient.nexthop = found.transport, found.nexthop
