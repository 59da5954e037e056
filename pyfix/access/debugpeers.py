"""debug_peer_list: the sessions of which each command and reply is logged (postconf(5)).

The law: "> peer: line" is what was said to the peer, "< peer: line" what it said, whole lines in their order, printable. The greater part
of what Postfix writes at debug_peer_level 2 and above is about its inside, and has no counterpart here.
"""

from typing import Any

from pyfix._core.chars import printable
from pyfix.access.networks import Networks
from pyfix.errors import TableError


class DebugPeers:
    """The list under one configuration; false where no session is watched. `log`: Maillog."""

    def __init__(self, config: Any, log: Any) -> None:
        self.list, self.log = Networks(config, "debug_peer_list"), log
        self.on = bool(self.list) and config.debug_peer_level > 0

    def __bool__(self) -> bool:
        return self.on

    def has(self, name: bytes, address: bytes) -> bool:
        """Is this peer watched? A table that fails: no."""
        try:
            return self.on and self.list.match(name, address)
        except TableError as error:
            self.log.warning(str(error))
            return False

    def show(self, direction: bytes, peer: bytes, line: bytes) -> None:
        """Logs one line; `direction`: b">" to the peer, b"<" from it."""
        self.log.info(b"%b %b: %b" % (direction, peer, printable(line)))
