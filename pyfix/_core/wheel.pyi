"""The timer wheel: when each deferred message is due, in whole seconds (docs/queue.md "Memory")."""

from pyfix._core.slots import SlotTable

class Wheel:
    """A wheel over the slots of `table`, beginning at `now` (seconds since the epoch)."""

    def __init__(self, table: SlotTable, now: int) -> None: ...
    def __len__(self) -> int: ...
    def insert(self, slot: int, due: int) -> None:
        """File a slot for `due`, in place of where it was. KeyError: not in use."""
    def cancel(self, slot: int) -> bool:
        """Take a slot out; False when it was not in the wheel. KeyError: not in use."""
    def pop(self, now: int, limit: int = 1000) -> list[int]:
        """Take out at most `limit` slots that are due at `now`."""
    def wake(self) -> int:
        """The second at which pop() is worth calling next (it may find nothing yet); 0 when the wheel is empty."""
    def refile(self) -> int:
        """File every deferred slot of the table that is not filed, at its due time (after a restart); how many."""
    def rush(self) -> int:
        """Make everything due now (postqueue -f); returns how many are due."""
