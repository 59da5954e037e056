"""The way of an ordinary message through qmgr, without detours (ext/pyfix/qmgr/hot.pyx)."""

from typing import Any

from pyfix.qmgr.scheduler import Agent, Entry, Scheduler

class Clock:
    """The real time."""

    def now(self) -> int:
        """Microseconds since the epoch."""

def take(manager: Any, items: list[Any], now: int) -> None:
    """Take the items of a COMMITTED frame. ValueError, TypeError: malformed."""

def answer(manager: Any, agent: Agent, results: list[Any], now: int) -> None:
    """Take the results of an OUTCOME frame. ValueError, TypeError: malformed."""

def hand_out(work: list[tuple[Agent, list[Entry]]], log: Any) -> bool:
    """Send [(Agent, [Entry, ...]), ...] to the agents, behind the log lines that go before it. Whether there was any."""

def unsettled(manager: Any) -> bool:
    """Whether something waits for more than its time: for room in the active queue, or for an agent."""

def soonest(scheduler: Scheduler, ask_again: int) -> int:
    """When the scheduler has something to do next, 0: never. `ask_again`: how often to look for agents that are missing."""
