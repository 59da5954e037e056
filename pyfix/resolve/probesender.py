"""The sender of address probes, which may carry a time stamp so that spammers can't collect it (verify_sender_addr(3)).

Law: with address_verify_sender_ttl the stamp, the number of whole periods since 1970 in base 31, stands at the end of the local
part; an address is the probes' own if its stamp is of this period or the one before or after. The null sender has no stamp.
Source: postconf(5), address_verify_sender, address_verify_sender_ttl.
"""

from collections.abc import Callable
from typing import Any

from pyfix.config.words import safe_strtoul, safe_ultostr
from pyfix.errors import ConfigError

BASE = 31


class ProbeSender:
    """`ProbeSender(config, rewrite, time.time)`: `rewrite` completes an address as for a local client.

    ttl in seconds, 0: no stamp. Raises ConfigError where the value of address_verify_sender begins or ends with "@".
    """

    def __init__(self, config: Any, rewrite: Callable[[bytes], bytes], clock: Callable[[], float]) -> None:
        text = config["address_verify_sender"]
        self.ttl: int = config.address_verify_sender_ttl
        self._clock = clock
        if text.startswith("@") or text.find("@") == len(text) - 1 and text:
            end = "start" if text.startswith("@") else "end"
            raise ConfigError(f"parameter address_verify_sender: value \"{text}\" must not {end} with '@'",
                              remedy="write an address, a local part, or <>")
        given = b"" if text == "<>" else text.encode("utf-8", "surrogateescape")
        #: the address without a time stamp, completed; b"" for the null sender
        self.plain = rewrite(given) if given else b""
        self._given, self._rewrite = given, rewrite

    def _period(self) -> int:
        return int(self._clock()) // self.ttl

    def make(self) -> bytes:
        """The sender of a probe that is sent now."""
        if not self.plain or not self.ttl:
            return self.plain
        user, at, domain = self._given.partition(b"@")
        return self._rewrite(user + safe_ultostr(self._period(), BASE, 0, " ").encode() + at + domain)

    def accepted(self, address: bytes) -> bytes | None:
        """The address without its stamp, if it is one of the probes' own senders that is valid now; else None."""
        if not self.plain:
            return None if address else b""
        mine, _, my_domain = self.plain.partition(b"@")
        user, _, domain = address.partition(b"@")
        if user[:len(mine)].lower() != mine.lower() or domain.lower() != my_domain.lower():
            return None
        return self.plain if self._current(user[len(mine):]) else None

    def _current(self, stamp: bytes) -> bool:
        if not self.ttl:
            return not stamp
        period = safe_strtoul(stamp.decode("latin-1"), BASE)
        return period is not None and abs(period - self._period()) <= 1
