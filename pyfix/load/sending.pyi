"""The load source's sessions; see ext/pyfix/load/sending.pyx."""

from collections.abc import Callable
from typing import Any

from pyfix.load.histogram import Histogram
from pyfix.load.traffic import Traffic
from pyfix.net.engine import Engine

class Source:
    """A load on one server; times in microseconds."""

    engine: Engine
    traffic: Traffic
    plan: Any
    done: Callable[[], Any]
    latency: Histogram
    commit: Histogram
    connects: Histogram
    late: Histogram
    recent: Histogram
    sent: int
    failed: int
    recipients: int
    recipients_failed: int
    connections: int
    octets: int
    reasons: dict[str, int]
    stopping: bool
    over: bool
    open_sessions: int
    busy: int
    def __init__(self, engine: Engine, traffic: Traffic, plan: Any, done: Callable[[], Any]) -> None: ...
    def start(self) -> None:
        """Begins."""
    def stop(self) -> None:
        """Begins nothing new; `done` follows when what is under way is answered."""
    def tick(self) -> None: ...
    def refill(self) -> None: ...
    def check_over(self) -> None: ...
