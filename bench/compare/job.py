"""What each system is asked to do in a scenario."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Job:
    """Relay everything to sink (host, port); or, by domain, to routes; or only accept and throw away.

    routes      domain -> (host, port), for scenarios with many destinations; {} = all to the sink
    discard     accept, make durable, deliver nowhere
    crowd       idle client connections that have to fit
    backlog     messages that will lie in the queue
    """

    sink: tuple[str, int]
    routes: dict[str, tuple[str, int]] = field(default_factory=dict)
    discard: bool = False
    crowd: int = 0
    backlog: int = 0
