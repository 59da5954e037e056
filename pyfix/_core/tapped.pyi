"""Stub of `pyfix._core.tapped`: a server core whose lines and replies pass through somebody's hands."""

from typing import Any

from pyfix._core.server import ServerCore

class TappedCore(ServerCore):
    """A ServerCore that shows each command line and each reply to `tap` (pyfix.smtpd.tap.Tap)."""

    tap: Any
    def show(self) -> None:
        """Shows the replies that were made since the last time."""
    def written(self) -> bytes:
        """What `out` holds."""
