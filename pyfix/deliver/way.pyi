"""The way of an ordinary delivery through an agent (ext/pyfix/deliver/way.pyx). Law: smtp(8)."""

from typing import Any

from pyfix._core.request import Request
from pyfix.deliver.session import Delivery, Session
from pyfix.deliver.target import Address, Destination
from pyfix.message import Recipient

def orcpt_of(recipient: Recipient) -> bytes:
    """The ORCPT a recipient goes on with, b"" where that is just its address: what the sender said, or the name it first had."""

class Site:
    """A nexthop: its destinations, the addresses last found for each, and how busy it is."""

    nexthop: str
    destinations: list[Destination]
    found: dict[Destination, tuple[float, list[Address]]]
    busy: int
    last_done: float
    store: bool
    def __init__(self, nexthop: str, destinations: list[Destination]) -> None: ...
    def addresses(self, destination: Destination, now: float) -> list[Address] | None:
        """What is known of a destination's addresses and still holds."""

class Route:
    """How far one delivery has come: destinations, addresses of the present one, sessions used, the last trouble."""

    destinations: list[Destination]
    addresses: list[Address]
    at: int
    sessions: int
    tried: set[Any]
    why: tuple[str, str] | None
    loop: bool
    def __init__(self, destinations: list[Destination]) -> None: ...

class Way:
    """What an Agent has, and the plain part of what it does."""

    parameters: Any
    hosts: Any
    reader: Any
    engine: Any
    loop: Any
    log: Any
    report: Any
    sites: dict[str, Site]
    pool: dict[Any, list[Session]]
    carried: dict[int, Delivery]
    results: list[list[Any]]
    tasks: set[Any]
    epoch: int
    def __init__(self, parameters: Any, hosts: Any, reader: Any, engine: Any, loop: Any, log: Any, report: Any) -> None: ...
    def deliver(self, job: list[Any]) -> None:
        """Take one job of a DELIVER frame."""
    def soon(self) -> None:
        """Have turn_over() called when all that is here has been taken."""
    def turn_over(self) -> None:
        """The log, then the outcomes: who reads both finds them in that order."""
    def answer(self, result: list[Any]) -> None:
        """Gather a result; all of one turn leave together."""
    def flush(self) -> None:
        """Report what has gathered."""
    def finish(self, delivery: Delivery) -> None:
        """Every recipient has its outcome."""
    def count_in(self, site: Site) -> None:
        """One more delivery; decide whether its connection will be kept (Postfix's on-demand rule)."""
    def begin(self, delivery: Delivery) -> None:
        """Set out on a delivery."""
    def next_destination(self, delivery: Delivery) -> None:
        """Go on to the next destination of the nexthop; at the end give up."""
    def try_addresses(self, delivery: Delivery, found: list[Address]) -> None:
        """Use a kept connection to one of the addresses, else connect to them in order."""
    def next_address(self, delivery: Delivery) -> None:
        """Connect to the next address of the present destination."""
    def is_last(self, delivery: Delivery) -> bool:
        """Whether no other server will be tried after the present session."""
    def count_session(self, session: Session, delivery: Delivery) -> None:
        """A server was reached: it counts against the limit, and may be the last."""
    def request(self, session: Session, delivery: Delivery) -> Request | None:
        """What the session is to say for a delivery; None: this server can't take it, and that has been seen to."""
    def content(self, session: Session, delivery: Delivery) -> Any:
        """The content to send (queue.reader.Content, or what has its data and pieces())."""
    def recipient_sent(self, session: Session, delivery: Delivery, index: int, answer: tuple[int, str, str]) -> None:
        """A recipient's mail was taken."""
    def attempt_over(self, delivery: Delivery) -> None:
        """A session is through with a delivery; recipients may be left for another server."""
    def kept(self, found: list[Address]) -> Session | None:
        """A connection to one of the addresses that waits in the pool."""
    def keep(self, session: Session) -> bool:
        """Put a session into the pool if the destination's connections are kept, and it is not worn out."""
