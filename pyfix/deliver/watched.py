"""A session whose every command and reply is logged: debug_peer_list. Law: postconf(5), smtp(8)."""

from typing import Any

from pyfix.access.debugpeers import DebugPeers

LONGEST = 2048


class Watched:
    """A tap (see pyfix.deliver.notices.Tap) that logs, before the tap `inner`, which may be None. `server` as relay= has it."""

    def __init__(self, peers: DebugPeers, server: str, inner: Any = None) -> None:
        self.peers, self.server, self.inner, self.rest = peers, server.encode("utf-8", "replace"), inner, b""

    def said(self, data: bytes) -> None:
        """Commands of ours."""
        for line in data.split(b"\r\n")[:-1]:
            self.peers.show(b">", self.server, line)
        if self.inner is not None:
            self.inner.said(data)

    def heard(self, data: bytes) -> None:
        """Bytes of the server's."""
        *lines, rest = (self.rest + data).split(b"\n")
        self.rest = rest[:LONGEST]
        for line in lines:
            self.peers.show(b"<", self.server, line.rstrip(b"\r"))
        if self.inner is not None:
            self.inner.heard(data)

    def ended(self) -> None:
        """The session is over."""
        if self.inner is not None:
            self.inner.ended()
