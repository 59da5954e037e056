"""Listening sockets (ext/pyfix/net/listener.pyx)."""

from pyfix.net.engine import Engine, Watched

class Listener(Watched):
    """A listening socket; subclasses say what to do with a connection."""

    paused: bool
    def __init__(self, engine: Engine, fd: int) -> None: ...
    def pause(self) -> int: ...
    def resume(self) -> int: ...
