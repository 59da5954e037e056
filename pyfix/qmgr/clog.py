"""Warns of a destination that fills the active queue, and says what may help: qmgr_clog_warn_time, helpful_warnings.

The law: postconf(5), qmgr(8). A destination with more than a fifth of qmgr_message_active_limit is warned of, once in
qmgr_clog_warn_time. Looked for once a second, and not at all while there is less than that in the active queue.
"""

from collections.abc import Iterator
from typing import Any

from pyfix.qmgr.parameters import SECOND
from pyfix.qmgr.scheduler import Site

LAST_WORDS = ("please avoid flushing the whole queue when you have", "lots of deferred mail, that is bad for performance",
              "to turn off these warnings specify: qmgr_clog_warn_time = 0")


class Clog:
    """Looks at a Manager's queue."""

    def __init__(self, manager: Any) -> None:
        self.manager, self.next = manager, 0
        self.told: dict[tuple[str, Any], int] = {}      # (transport, key of its site) -> no warning before

    def look(self, now: int) -> None:
        """To be called often; `now` in microseconds."""
        manager, parameters = self.manager, self.manager.parameters
        most = parameters.active_limit // 5
        if now < self.next or not parameters.clog_warn or len(manager.active) <= most:
            return
        self.next = now + SECOND
        self.told = {key: until for key, until in self.told.items() if until > now}
        for site, deliveries in manager.scheduler.crowded(most):
            key = site.transport.name, site.key
            if key not in self.told:
                self.told[key] = now + parameters.clog_warn
                for line in self.words(site, deliveries):
                    manager.log.warning(line)

    def words(self, site: Site, deliveries: int) -> Iterator[str]:
        """The lines of one warning."""
        active = len(self.manager.active)
        yield f"mail for {site.nexthop} is using up {deliveries} of {active} active queue entries"
        if deliveries < 0.9 * active:
            yield "this may slow down other mail deliveries"
        yield from self.advice(site, deliveries / active)
        yield from LAST_WORDS

    def advice(self, site: Site, share: float) -> Iterator[str]:
        """What may help with it."""
        transport, limit = site.transport, site.transport.limits.concurrency
        if 0 < limit <= site.busy:
            yield f"you may need to increase the main.cf {transport.name}_destination_concurrency_limit from {limit}"
        elif site.window > self.manager.parameters.active_limit * share:
            yield f"you may need to increase the main.cf qmgr_message_active_limit from {self.manager.parameters.active_limit}"
        elif self.manager.scheduler.has_others(site):
            yield f"you may need a separate master.cf transport for {site.nexthop}"
        else:
            yield f"you may need to reduce {transport.name} connect and helo timeouts"
            yield "so that Postfix quickly skips unavailable hosts"
            yield "you may need to increase the main.cf minimal_backoff_time and maximal_backoff_time"
            yield "so that Postfix wastes less time on undeliverable mail"
            yield f"you may need to increase the master.cf {transport.name} process limit"
