"""Percentiles to three digits; see ext/pyfix/load/histogram.pyx."""

from typing import Any

PERCENTILES: tuple[float, ...]

class Histogram:
    """Counts of whole numbers from 0 to 2**37 - 1."""

    count: int
    low: int
    high: int
    def record(self, value: int) -> None:
        """Counts one value."""
    def percentile(self, percent: float) -> int:
        """The value that `percent` of all values do not exceed; 0 when there are none."""
    @property
    def mean(self) -> float: ...
    def clear(self) -> None:
        """Forgets everything."""
    def pack(self) -> dict[str, Any]:
        """All of it as JSON-able values, for merge() in another process."""
    def merge(self, packed: dict[str, Any]) -> None:
        """Adds what another one counted. ValueError: not made by pack()."""
    def summary(self, scale: float = 0.001) -> dict[str, float]:
        """count, min, mean, max and p50 to p99.99, the values times `scale`."""
