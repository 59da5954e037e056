"""The end of a round: removed, returned to sender, or deferred to a time.

The law: a message is forgotten only after every recipient has one terminal outcome, and a recipient
that failed counts as finished only after the report about it is committed to the queue. If the
report can't be queued the recipient is deferred. Expiry is decided after an attempt, never before.
Manual pages: qmgr(8), bounce(8).
"""

from typing import Any

from pyfix.model import TRACE, TRACE_ONLY
from pyfix.qmgr.names import external
from pyfix.qmgr.scheduler import Message

UNQUEUED = ("4.3.0", "bounce or trace service failure")


class Rounds:
    """Closes rounds for a Manager; `reports` queues notifications (bounce.reports.Reports)."""

    def __init__(self, manager: Any, reports: Any) -> None:
        self.manager, self.reports = manager, reports

    def close(self, message: Message) -> None:
        """All deliveries of this round are answered."""
        manager = self.manager
        if message.deferred or message.bounced or message.reported or message.cancelled:
            self._close_slowly(message)
            return
        del manager.active[message.slot]
        message.entries.clear()
        manager.store.remove(message.slot)
        manager.log.info(f"{message.queue_id.decode()}: removed")

    def _close_slowly(self, message: Message) -> None:
        message.entries.clear()
        if message.cancelled:
            self.manager.dropped(message)
            return
        if message.sent:
            self.manager.store.done(message.slot, message.sent)
            message.sent = []
        self._expire(message)
        wanted = self._reports_due(message)
        if wanted:
            self.reports.queue(message, self.manager.load(message), wanted,
                               lambda failed: self._reported(message, failed))
        else:
            self._reported(message, set())

    def _expire(self, message: Message) -> None:
        """Past its lifetime, what was deferred has failed for good."""
        manager = self.manager
        age = manager.clock.now() - message.arrival
        if not message.deferred or not (message.expired or age >= manager.parameters.lifetime(message.sender)):
            return
        how = "force-expired" if message.expired else "expired"
        manager.log.info(f"{message.queue_id.decode()}: from=<{external(message.sender)}>, status={how}, "
                         f"returned to sender")
        message.bounced = (message.bounced or []) + message.deferred
        message.deferred = None

    def _reports_due(self, message: Message) -> list[tuple[str, list[Any]]]:
        wanted: list[tuple[str, list[Any]]] = []
        if message.bounced:
            wanted.append(("failure", message.bounced))
        if message.flags & TRACE and self.manager.store.message(message.slot).tries <= 1:
            wanted.append(("verify", traced(message)))
        elif message.reported:
            wanted.append(("verify" if message.flags & TRACE_ONLY else "success", message.reported))
        if message.deferred and self._late(message):
            wanted.append(("delay", message.deferred))
        return wanted

    def _late(self, message: Message) -> bool:
        manager = self.manager
        warn = manager.parameters.delay_warning
        return warn > 0 and manager.clock.now() - message.arrival >= warn and not manager.store.is_warned(message.slot)

    def _reported(self, message: Message, failed: set[str]) -> None:
        """The reports are committed, but for those in `failed`; the message goes on."""
        store, slot = self.manager.store, message.slot
        if message.bounced and "failure" in failed:
            message.deferred = (message.deferred or []) + [(item[0], *UNQUEUED) for item in message.bounced]
        elif message.bounced:
            store.done(slot, [item[0] for item in message.bounced])
        del self.manager.active[slot]
        if message.deferred:
            self._defer(message, failed)
        else:
            store.remove(slot)
            self.manager.log.info(f"{message.queue_id.decode()}: removed")

    def _defer(self, message: Message, failed: set[str]) -> None:
        store, now = self.manager.store, self.manager.clock.now()
        if self._late(message) and "delay" not in failed:
            store.warn(message.slot)
        pause = self.manager.parameters.retry_after(now - message.arrival, message.slot)
        store.defer(message.slot, now + pause, message.deferred)


def traced(message: Message) -> list[tuple[Any, ...]]:
    """What the first attempt made of every recipient: (index, status, dsn, text). sendmail -v asks for it."""
    failed = [(index, "failed", dsn, text) for index, dsn, text in message.bounced or ()]
    delayed = [(index, "delayed", dsn, text) for index, dsn, text in message.deferred or ()]
    return [*(message.reported or ()), *failed, *delayed]
