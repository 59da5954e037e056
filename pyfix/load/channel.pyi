"""TLS without a socket; see ext/pyfix/load/channel.pyx."""

import ssl

class Channel:
    """One TLS connection."""

    done: bool
    ended: bool
    def __init__(self, context: ssl.SSLContext, server: bool, name: str | None = None, session: ssl.SSLSession | None = None) -> None: ...
    @property
    def cipher(self) -> str:
        """Protocol version and cipher, once `done`."""
    @property
    def resumed(self) -> bool:
        """Whether an earlier session was taken up."""
    @property
    def session(self) -> ssl.SSLSession | None:
        """What a later connection may take up."""
