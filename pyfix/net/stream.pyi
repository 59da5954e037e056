"""One connected socket (ext/pyfix/net/stream.pyx). The handlers and most methods are C-level: see ext/pyfix/net/stream.pxd."""

from pyfix.net.engine import Watched

class Stream(Watched):
    """One connected (or connecting) socket."""

    def again(self) -> None: ...
    def peer_address(self) -> tuple[str, int]:
        """(host, port) of the other side; ("", 0) for a local socket."""
    def local_address(self) -> tuple[str, int]:
        """(host, port) of this side; ("", 0) once closed."""
