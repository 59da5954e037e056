"""The scheduler's parameters, read once per configuration. Manual page: qmgr(8), postconf(5).

All times in microseconds, as everywhere in qmgr; a snapshot is made at start and at each reload.
"""

from dataclasses import dataclass, field
from typing import Any, Callable

from pyfix.qmgr.scheduler import Limits

SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Parameters:
    """Postfix's values; `limits(transport name) -> Limits` answers for one transport."""

    limits: Callable[[str], Limits] = field(default=lambda name: Limits())
    generation: int = 0
    feedback_debug: bool = False
    active_limit: int = 20000
    minimal_backoff: int = 300 * SECOND
    maximal_backoff: int = 4000 * SECOND
    queue_run_delay: int = 300 * SECOND
    queue_lifetime: int = 432000 * SECOND
    bounce_lifetime: int = 432000 * SECOND
    delay_warning: int = 0
    transport_retry: int = 60 * SECOND
    defer_transports: frozenset[str] = frozenset()
    soft_bounce: bool = False
    confirm_cleared: bool = False
    clog_warn: int = 0              # 0: nobody is warned

    def lifetime(self, sender: bytes) -> int:
        """How long a message of this sender may stay in the queue."""
        return self.queue_lifetime if sender else self.bounce_lifetime

    def retry_after(self, age: int, salt: int) -> int:
        """The pause before the next attempt: the age, held between the two backoff times.

        `salt` (the message's number) spreads messages that failed together over an eighth of
        that, at most queue_run_delay, which is how late Postfix's queue scan may come too.
        """
        pause = min(max(age, self.minimal_backoff), self.maximal_backoff)
        spread = min(self.queue_run_delay, pause // 8)
        return pause + (salt * 2654435761 % 4294967296) * spread // 4294967296


def limits_of(config: Any, name: str) -> Limits:
    """The Limits of one transport, each parameter with its default_... or own default."""
    get = lambda suffix: config.transport(name, suffix)  # noqa: E731
    return Limits(
        concurrency=get("destination_concurrency_limit"), initial=get("initial_destination_concurrency"),
        recipients=get("destination_recipient_limit"),
        cohorts=get("destination_concurrency_failed_cohort_limit"),
        positive=str(get("destination_concurrency_positive_feedback")),
        negative=str(get("destination_concurrency_negative_feedback")),
        rate_delay=get("destination_rate_delay") * SECOND, transport_rate_delay=get("transport_rate_delay") * SECOND,
        slot_cost=get("delivery_slot_cost"))


def parameters(config: Any) -> Parameters:
    """A snapshot of a Config. Raises ValueError or ConfigError for a value that makes no sense."""
    return Parameters(
        limits=lambda name: limits_of(config, name), generation=config.generation,
        feedback_debug=config.destination_concurrency_feedback_debug, active_limit=config.qmgr_message_active_limit,
        minimal_backoff=config.minimal_backoff_time * SECOND, maximal_backoff=config.maximal_backoff_time * SECOND,
        queue_run_delay=config.queue_run_delay * SECOND, queue_lifetime=config.maximal_queue_lifetime * SECOND,
        bounce_lifetime=config.bounce_queue_lifetime * SECOND, delay_warning=config.delay_warning_time * SECOND,
        transport_retry=config.transport_retry_time * SECOND,
        defer_transports=frozenset(config["defer_transports"].replace(",", " ").split()),
        soft_bounce=config.soft_bounce, confirm_cleared=config.confirm_delay_cleared,
        clog_warn=config.qmgr_clog_warn_time * SECOND if config.helpful_warnings else 0)
