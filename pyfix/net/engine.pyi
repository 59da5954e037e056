"""Sockets for the hot paths. The handlers and most methods are C-level: see ext/pyfix/net/engine.pxd."""

from typing import Any

class Engine:
    """The epoll set of one process, driven by a uvloop loop."""

    loop: Any
    now: int
    streams: int
    def __init__(self, loop: Any) -> None: ...
    def close(self) -> None:
        """Ends all streams at once and stops watching."""
    def poll(self) -> None:
        """One turn: the events that are ready, then what the handlers want to send."""
    def flush_dirty(self) -> None:
        """Writes what streams have gathered since the last flush."""
    def tick(self) -> None:
        """Once a second: ends what is past its deadline, looks again at the rest."""
    def expire(self, bucket: int) -> None: ...
    def grow(self, fd: int) -> None: ...

class Watched:
    """Who has a descriptor in an Engine's epoll set."""

    engine: Engine
