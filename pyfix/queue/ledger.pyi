"""The plain message in the store's books (ext/pyfix/queue/ledger.pyx)."""

from collections.abc import Sequence
from typing import Any

from pyfix._core.slots import SlotTable
from pyfix._core.wheel import Wheel
from pyfix.queue.journal import Journal

class Segment:
    """What is known of one segment: messages alive in it, their bytes, how far it has been read, whether that is its end.

    needed_until    the checkpoint before which the segment must not go, for messages have moved out of it
    """

    live: int
    bytes: int
    needed_until: int
    tail: int
    size: int
    ended: bool
    name: str
    def __init__(self, name: str = "", size: int = 0, tail: int = 0) -> None: ...

class Ledger:
    """The tables that a plain message needs. `many`, `big`: slot -> what is not plain about it."""

    table: SlotTable
    wheel: Wheel
    many: dict[int, Any]
    big: dict[int, Any]
    segments: dict[int, Segment]
    reasons: dict[int, int]
    def segment(self, number: int) -> Segment:
        """The entry of a segment, made when it is new."""
    def admit_plain(self, notice: Sequence[Any]) -> int:
        """File the message of a COMMITTED item: its slot, 0 when it was seen before, -1 when it is not plain.

        ValueError, TypeError, OverflowError: malformed; KeyError: it is filed already.
        """
    def activate(self, slot: int) -> int:
        """A delivery begins: out of the wheel, state ACTIVE. Returns how many have begun so far. KeyError: not in use."""
    def remove_plain(self, slot: int, log: Journal) -> bool:
        """A plain message leaves the queue, in memory and in the state log. False: it is not plain, and nothing was done.

        KeyError: not in use. QueueError, DiskFull: the log does not take it, and nothing was done.
        """
