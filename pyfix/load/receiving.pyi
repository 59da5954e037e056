"""The load receiver's sessions; see ext/pyfix/load/receiving.pyx."""

from typing import Any

from pyfix._core.limits import Limits
from pyfix.load.checking import Run
from pyfix.load.histogram import Histogram
from pyfix.net.engine import Engine
from pyfix.net.listener import Listener

class Receiver:
    """The sessions of one process."""

    engine: Engine
    limits: Limits
    ehlo: bytes
    greeting: bytes
    script: Any
    runs: dict[bytes, Run]
    replies: dict[bytes, int]
    latency: Histogram
    recent: Histogram
    connections: int
    messages: int
    recipients: int
    octets: int
    altered: int
    unmarked: int
    damaged: int
    bare_lf: int
    refused: int
    deferred: int
    dropped: int
    open_sessions: int
    most_sessions: int
    samples: list[dict[str, Any]]
    def __init__(self, engine: Engine, limits: Limits, greeting: bytes, ehlo: bytes, script: Any = None) -> None: ...
    def reset(self) -> None:
        """Forgets all counts."""
    def listen(self, fd: int) -> Listener:
        """Takes connections from a listening, non-blocking socket."""
