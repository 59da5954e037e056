"""The way of an ordinary message through qmgr, without detours (ext/pyfix/qmgr/hot.pyx)."""

from typing import Any

from pyfix.qmgr.scheduler import Agent

def take(manager: Any, items: list[Any], now: int) -> None:
    """Take the items of a COMMITTED frame. ValueError, TypeError: malformed."""

def answer(manager: Any, agent: Agent, results: list[Any], now: int) -> None:
    """Take the results of an OUTCOME frame. ValueError, TypeError: malformed."""
