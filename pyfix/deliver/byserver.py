"""What depends on the server that is talked to: which EHLO keywords are not believed, which PIX workarounds are used.

Law: postconf(5) smtp_discard_ehlo_keywords, smtp_discard_ehlo_keyword_address_maps, smtp_pix_workarounds, smtp_pix_workaround_maps
(and lmtp_...). A table is asked for the server's address; what it says takes the place of the list. Where neither is set there is
no ByServer.
"""

from collections.abc import Callable
from typing import Any

from pyfix._core import client
from pyfix.errors import TableError

LOGGED = ("8bitmime", "auth", "pipelining", "size", "vrfy", "etrn", "verp", "starttls", "xclient", "xforward", "enhancedstatuscodes",
          "dsn", "smtputf8", "chunking", "binarymime", "requiretls")      # in the order of Postfix's log line
BITS = {name.decode().lower(): bits for name, bits in client.KEYWORDS.items()}


def words_of(text: str) -> list[str]:
    """The words of a list of keywords, in lower case."""
    return text.lower().replace(",", " ").split()


def mask_of(words: list[str]) -> int:
    """The features (pyfix._core.client) that EHLO keywords stand for."""
    mask = 0
    for word in words:
        mask |= BITS.get(word, 0)
    return mask


class ByServer:
    """Choices by server under one configuration. `plan_for(discard mask) -> Plan` makes a plan; it is asked once for each mask.

    discard, pix          the lists that hold where no table says otherwise
    discard_maps, pix_maps  MapLists or None
    """

    def __init__(self, discard: list[str], discard_maps: Any, pix: list[str], pix_maps: Any, plan_for: Callable[[int], Any],
                 warn: Callable[[str], None]) -> None:
        self.discard, self.discard_maps, self.pix, self.pix_maps = discard, discard_maps, pix, pix_maps
        self.plan_for, self.warn = plan_for, warn
        self.plans: dict[int, Any] = {}

    @property
    def any(self) -> bool:
        """Whether there is anything to choose, or to log."""
        return bool(self.discard_maps or self.pix_maps or self.discard)

    def look_up(self, maps: Any, address: Any, default: list[str]) -> list[str]:
        """The words for a server. Raises TableError."""
        found = maps.get(address.ip.encode()) if maps else None
        return default if found is None else words_of(found.decode("utf-8", "replace"))

    def plan(self, address: Any) -> tuple[Any, str]:
        """(Plan for a server, the keywords that will not be believed as the log has them). Raises TableError."""
        words = self.look_up(self.discard_maps, address, self.discard)
        mask = mask_of(words)
        if mask not in self.plans:
            self.plans[mask] = self.plan_for(mask)
        shown = [] if "silent-discard" in words else [word.upper() for word in LOGGED if word in words]
        return self.plans[mask], " ".join(shown)

    def workarounds(self, address: Any) -> list[str]:
        """The PIX workarounds for a server; none, loudly, where the table fails."""
        try:
            return self.look_up(self.pix_maps, address, self.pix)
        except TableError as error:
            self.warn(f"{error}")
            return []
