"""Which delivery goes next: sites, windows, agents and fair turns (ext/pyfix/qmgr/scheduler.pyx).

The law is in the source: SCHEDULER_README for windows, feedback and dead destinations; fair turns by virtual time.
"""

from collections.abc import Callable
from typing import Any

from pyfix.model import Envelope
from pyfix.qmgr.heap import Keyed

Reason = tuple[str, str]        # enhanced status code, text

class Feedback:
    """A feedback expression of postconf(5): "x", "x / concurrency", "x / sqrt_concurrency"; x is a number or a ratio.

    ValueError where the text is none of these.
    """

    value: float
    per: int
    def __init__(self, text: str) -> None: ...
    def at(self, window: int) -> float:
        """The feedback for one delivery at this concurrency (window >= 1)."""

class Limits:
    """A transport's parameters. Delays in microseconds; concurrency 0 means no limit."""

    concurrency: int
    initial: int
    recipients: int
    cohorts: float
    slot_cost: float
    positive: Feedback
    negative: Feedback
    rate_delay: int
    transport_rate_delay: int
    def __init__(self, concurrency: int = 20, initial: int = 5, recipients: int = 50, cohorts: float = 1,
                 positive: str = "1", negative: str = "1", rate_delay: int = 0, transport_rate_delay: int = 0,
                 slot_cost: float = 5) -> None: ...

class Message:
    """A message in the active queue: what qmgr knows of it and what became of its recipients."""

    slot: int
    queue_id: bytes
    arrival: int
    active_since: int
    segment: int
    offset: int
    length: int
    size: int
    flags: int
    sender: bytes
    recipients: int
    crashes: int
    pending: int
    cancelled: bool
    gone: bool
    expired: bool
    entries: list[Entry]
    sent: list[int]
    deferred: list[tuple[int, str, str]] | None
    bounced: list[tuple[int, str, str]] | None
    reported: list[tuple[int, str, str, str]] | None
    envelope: Envelope | None
    def __init__(self, slot: int, queue_id: bytes, arrival: int, segment: int, offset: int, length: int, size: int,
                 flags: int, sender: bytes, recipients: int, active_since: int = 0) -> None: ...

class Entry(Keyed):
    """One delivery: some recipients of a message at a site. `job` and `agent` are set while it is out."""

    message: Message
    site: Site
    recipients: list[int]
    job: int
    agent: Agent | None

class Site(Keyed):
    """A destination of a transport: its window, feedback counters and the deliveries that wait."""

    transport: Transport
    nexthop: str
    key: Any
    busy: int
    window: float
    success: float
    failure: float
    fail_cohorts: float
    blocked_until: int
    dead: bool
    reason: Reason | None

class Transport:
    """A master.cf delivery service: its agents, and its sites that have work and room."""

    name: str
    limits: Limits
    agents: list[Agent]
    clock: float
    blocked_until: int
    agentless_since: int
    asked: int
    dead: bool
    reason: Reason | None
    waiting: int

class Agent:
    """A process that delivers for `transport`; `link` is the caller's handle of its connection."""

    transport: str
    link: Any
    limit: int
    busy: int
    jobs: dict[int, Entry]
    def __init__(self, transport: str, link: Any, limit: int = 0) -> None: ...

class Scheduler:
    """All transports. `limits_of(name) -> Limits` is asked once for each.

    `suspended` is a list of Entry that can't be delivered now because their site or transport is dead; the
    caller takes them off it and defers them with `site.reason` or `transport.reason`. `now` is in microseconds everywhere.
    """

    transports: dict[str, Transport]
    suspended: list[Entry]
    limits_of: Callable[[str], Limits]
    trace: Callable[[str, Site, float], None] | None
    busy: int
    waiting: int
    def __init__(self, limits_of: Callable[[str], Limits]) -> None: ...
    def transport(self, name: str) -> Transport:
        """The transport of this name, made on first use."""
    def refresh(self, limits_of: Callable[[str], Limits]) -> None:
        """New parameters after a reload: windows stay, limits apply from now on."""
    def site(self, transport: str, key: Any) -> Site | None:
        """The Site of a key ("nexthop" or (nexthop, recipient)), or None."""
    def crowded(self, most: int) -> list[tuple[Site, int]]:
        """[(Site, deliveries that wait there or are under way)] of the sites that have more than `most`."""
    def has_others(self, site: Site) -> bool:
        """Whether the transport has work for other sites too."""
    def enter(self, message: Message, transport: str, nexthop: str, recipients: list[int], key: Any, now: int) -> bool:
        """Queue a message's recipients at one site, as many entries as the recipient limit asks for; False where
        the site or the transport is dead: the entry is in `suspended`."""
    def assign(self, now: int, most: int = 1000) -> list[tuple[Agent, list[Entry]]]:
        """Give waiting deliveries to agents: at most `most` in all."""
    def finish(self, agent: Agent, job: int) -> Entry | None:
        """An agent is through with a job; None where it has no such job. Say `well` or `failed` for the site next."""
    def well(self, site: Site, now: int) -> None:
        """The site could be talked to: positive feedback; a dead one lives again."""
    def failed(self, site: Site, reason: Reason, now: int, hold: int) -> list[Entry]:
        """The site could not be talked to; a dead one rests for `hold`. The entries that waited there if it is dead now."""
    def again(self, entry: Entry) -> None:
        """Queue an entry that was out with an agent that went away; its turn comes by its old stamp."""
    def join(self, agent: Agent) -> None:
        """An agent is there; its transport lives."""
    def ready(self, agent: Agent, room: int) -> None:
        """The agent can take `room` more jobs than it has."""
    def leave(self, agent: Agent, now: int) -> list[Entry]:
        """An agent went away: its unanswered entries, no longer out."""
    def kill(self, transport: Transport, reason: Reason, now: int, hold: int) -> list[Entry]:
        """No agent serves the transport: rest it for `hold` and return all its waiting entries."""
    def cancel(self, message: Message) -> int:
        """Take out a message's waiting entries (those that are out finish): how many."""
    @property
    def more(self) -> bool:
        """Whether assign() has stopped before it was through."""
    def wake(self, now: int) -> None:
        """End the rests that are over."""
    def flush(self, now: int) -> None:
        """postqueue -f: end all rests now."""
