"""The highest counts of clients, logged now and then: anvil_status_update_time (anvil(8)).

The law: each process logs what it saw, since the last time, of the clients that it counts; then it begins anew, and
says nothing until it has counted again. As in Postfix a client is named as "service:address".
"""

import time
from collections.abc import Callable
from typing import Any

KINDS = ("connection rate", "message rate", "recipient rate", "connection count")      # in the order of the log


class Peaks:
    """`info` takes a line. A report is due anvil_status_update_time after the first count."""

    def __init__(self, info: Callable[[bytes], Any], service: str) -> None:
        self.info, self.service = info, service
        self.highest: dict[str, tuple[int, int, bytes, float]] = {}     # (count, unit of seconds or 0, address, when)

    def see(self, kind: str, count: int, unit: int, session: Any) -> None:
        """A count of `session`'s client; the first arms the report."""
        if not self.highest:
            session.engine.loop.call_later(session.settings.config.anvil_status_update_time, self.tell)
        known = self.highest.get(kind)
        if known is None or count > known[0]:
            self.highest[kind] = count, unit, session.address, time.time()

    def tell(self) -> None:
        """Logs them, and forgets them."""
        highest, self.highest = self.highest, {}
        for kind in KINDS:
            if kind in highest:
                count, unit, address, when = highest[kind]
                much = f"{count}/{unit}s" if unit else f"{count}"
                self.info(f"statistics: max {kind} {much} for ({self.service}:{address.decode()}) "
                          f"at {time.strftime('%b %e %H:%M:%S', time.localtime(when))}".encode())
