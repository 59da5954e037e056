"""The timer wheel in plain Python: the oracle of pyfix._core.wheel."""


class Wheel:
    """A dictionary of due times."""

    def __init__(self, now: int) -> None:
        self.now, self.times = now, dict[int, int]()

    def __len__(self) -> int:
        return len(self.times)

    def insert(self, slot: int, due: int) -> None:
        self.times[slot] = due

    def cancel(self, slot: int) -> bool:
        return self.times.pop(slot, None) is not None

    def pop(self, now: int, limit: int) -> set[int]:
        """All that are due (any `limit` of them may be taken)."""
        self.now = max(self.now, now)
        return {slot for slot, due in self.times.items() if due <= self.now}
