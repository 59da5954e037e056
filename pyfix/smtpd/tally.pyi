"""Stub of `pyfix.smtpd.tally`: a table of counts for each client that several processes read and one writes."""

from typing import Any

SLOT: int

class Tally:
    """The table in `memory`, a whole number of buckets of eight slots; `writable` for its one writer. Keys are 1..2**64-1."""

    def __init__(self, memory: Any, writable: bool = False) -> None: ...
    def connections(self, key: int) -> int:
        """Connections now."""
    def rate(self, key: int, kind: int, window: int) -> int:
        """Events of a kind in that window."""
    def connect(self, key: int, window: int) -> int:
        """One connection more: how many now; -1: no room."""
    def leave(self, key: int) -> bool:
        """One connection less. False where none was counted."""
    def count(self, key: int, kind: int, window: int) -> int:
        """One event more: how many in this window; -1: no room."""
