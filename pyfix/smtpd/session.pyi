"""Stub of `pyfix.smtpd.session`: one SMTP session, and the listener that makes them."""

from typing import Any

from pyfix._core.server import ServerCore
from pyfix.net.engine import Engine
from pyfix.net.listener import Listener
from pyfix.net.stream import Stream
from pyfix.smtpd.client import Client, Origin
from pyfix.smtpd.server import Server
from pyfix.smtpd.settings import Settings

class Doorman(Listener):
    """Takes connections for one listening socket."""

    server: Server
    def __init__(self, server: Server, engine: Engine, fd: int) -> None: ...

class Session(Stream):
    """A client's session; made by a Doorman."""

    server: Server
    settings: Settings
    core: ServerCore
    address: bytes
    client: Client
    port: int
    helo: bytes | None
    sender: bytes | None
    trusted: bool
    subject: Any
    intake: Any
    origin: Origin
    def __init__(self, server: Server) -> None: ...
    def look(self, event: int) -> Any:
        """The Subject that policy looks at, with what is known by now."""
    def dismiss(self, line: bytes) -> None:
        """Ends an idle session from outside, with a last reply."""
