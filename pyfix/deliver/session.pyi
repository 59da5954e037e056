"""One outbound SMTP or LMTP session: socket, client core and content. See ext/pyfix/deliver/session.pyx."""

from typing import Any

from pyfix._core.client import ClientCore
from pyfix._core.request import Settings
from pyfix.net.engine import Engine
from pyfix.net.stream import Stream

def format_tv(microseconds: int, digits: int = 2, decimals: int = 2) -> str:
    """A time as the log has it: `digits` significant digits, at most `decimals` decimals, no trailing zeros."""

class Plan:
    """What the sessions of one transport share. timeouts: stage name (_core.client.STAGES, and "connect") -> seconds."""

    settings: Settings
    log: Any
    line_limit: int
    connect_timeout: int
    delay_digits: int
    min_rate: int
    def __init__(self, settings: Settings, timeouts: dict[str, int], log: Any, line_limit: int = 998, delay_digits: int = 2,
                 min_rate: int = 0) -> None: ...

class Delivery:
    """One job: a message and those of its recipients that go to one nexthop."""

    job: int
    active: int
    handoff: int
    arrival: int
    queue_id: bytes
    nexthop: str
    envelope: Any
    content: Any
    pending: list[int]
    results: list[list[Any]]
    trouble: Any
    site: Any
    route: Any
    final: bool
    session: Session | None
    epoch: int
    connected: int
    def __init__(self, job: int, queue_id: bytes, nexthop: str, indexes: list[int], active: int, envelope: Any, content: Any) -> None: ...
    def settle(self, plan: Plan, index: int, status: str, dsn: str, text: str, relay: str = "none", uses: int = 1,
               more: list[Any] | None = None) -> None:
        """Log and note the outcome of recipient `index`; the caller takes it out of `pending`."""

class Session(Stream):
    """A connection to `address`; carries one Delivery at a time, or is idle in the agent's pool."""

    agent: Any
    address: Any
    plan: Plan
    core: ClientCore
    delivery: Delivery | None
    uses: int
    opened: int
    connected: bool
    idle: bool
    started: bool
    site: Any
    dot_delay: int
    tap: Any
    def __init__(self, agent: Any, plan: Plan, address: Any) -> None: ...
    def open(self, engine: Engine, source: str = "") -> None:
        """Start to connect. OSError, ValueError: it can't even be tried."""
    def take(self, delivery: Delivery) -> None:
        """Carry a message: at once if the session is ready, else as soon as it is."""
    def rest(self, seconds: int) -> None:
        """Wait in the pool for another message."""
    def leave(self) -> None:
        """Say QUIT and end the session."""
    def drop(self) -> None:
        """End the session without a word."""
    def before_dot(self) -> bool:
        """Whether the server can't have taken the message yet."""
    @property
    def is_open(self) -> bool:
        """Whether the socket is open."""
