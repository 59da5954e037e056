"""The plain-Python twin of `pyfix.resolve.cache`: what was resolved before, and what a domain alone decides, until a table changes."""

from collections.abc import Callable

from pyfix._core.quote import is_simple
from pyfix.resolve.domains import DEFAULT
from tests.oracle.words import plain_address

Route = tuple[str, str] | None


class Routes:
    """Answers by address (and sender), and by domain."""

    def __init__(self, by_domain: bool, by_sender: bool, ask: Callable[[bytes], Route]) -> None:
        self.by_domain, self.by_sender, self.ask = by_domain, by_sender, ask
        self.answers: dict[object, tuple] = {}
        self.routes: dict[bytes, Route] = {}

    def put(self, address: bytes, sender: bytes, answer: tuple) -> None:
        """What resolve() said."""
        self.answers[address, sender if self.by_sender else None] = answer

    def changed(self) -> None:
        """A table has changed."""
        self.answers, self.routes = {}, {}

    def cached(self, address: bytes, sender: bytes) -> tuple | None:
        """(transport, nexthop, recipient, flags), None where resolve() has to be asked."""
        known = self.answers.get((address, sender if self.by_sender else None))
        if known is not None or not self.by_domain:
            return known
        if not plain_address(address) or not is_simple(address) or address.startswith(b"-"):
            return None
        domain = address.partition(b"@")[2]
        if domain not in self.routes:
            self.routes[domain] = self.ask(domain)
        route = self.routes[domain]
        return (*route, address, DEFAULT) if route is not None else None
