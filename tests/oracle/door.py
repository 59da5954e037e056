"""The plain-Python twin of `pyfix.smtpd.hot`: who is welcome without a question, who is known, who is counted (smtpd(8))."""

from collections.abc import Callable
from typing import Any, NamedTuple

from pyfix.resolve.domains import DEFAULT, FAIL
from tests.oracle.words import plain_address

KNOWN_MS, MOST = 1000, 20_000


def welcome(known: tuple[Any, ...] | None, short_way: bool, asks_no_table: bool, asks_unlisted: bool) -> bool:
    """Whether a recipient of a client in mynetworks needs no policy; `known`: (transport, nexthop, recipient, flags)."""
    if not short_way or known is None:
        return False
    transport, _, _, flags = known
    relayed = flags == DEFAULT and transport not in ("error", "retry")
    return relayed and asks_no_table or not asks_unlisted and not flags & FAIL


def canonical_form(address: bytes, canonical: Callable[[bytes], bytes]) -> bytes:
    """The address as cleanup will see it: rewriting leaves a plain one alone."""
    return address if plain_address(address) else canonical(address)


class Client(NamedTuple):
    """What the door wants to know of a client."""

    address: bytes
    settings: Any
    exempt: bool
    limited: bool


class Door:
    """The sessions of a process. `events` is told what is asked of others."""

    def __init__(self, limit: int) -> None:
        self.limit, self.sessions, self.counted, self.events = limit, set(), set(), []
        self.here: dict[bytes, tuple[Client, int]] = {}

    def remember(self, client: Client, now: int) -> None:
        if len(self.here) >= MOST:
            self.here = {}
        self.here[client.address] = client, now + KNOWN_MS

    def known(self, address: bytes, settings: Any, now: int) -> Client | None:
        client, until = self.here.get(address, (None, 0))
        return client if client is not None and now <= until and client.settings == settings else None

    def enter(self, session: Any, client: Client) -> str | None:
        if self.limit and len(self.sessions) >= self.limit:
            self.events.append("full")
        if client.exempt or not client.limited:
            return None
        self.events.append(("admit", session))
        self.counted.add(session)
        return "421"

    def leave(self, session: Any) -> None:
        self.sessions.discard(session)
        if self.counted:
            self.events.append(("release", session))
            self.counted.discard(session)
        if self.limit:
            self.events.append("left")
