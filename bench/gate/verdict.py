"""What is a regression: instruction counts against a tolerance, paired runs against a confidence interval.

The law: a count that repeats exactly needs only a small tolerance; times are judged by the ratio of each pair of
alternating runs, and fail only where even the favourable end of the bootstrap interval is beyond the tolerance.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

TOLERANCE = 0.02            # of an operation's instructions: they repeat in one place, and move by up to 1.2 % with the length of its path
WHOLE_TOLERANCE = 0.03      # of CPU time or wall time of the whole server
CONFIDENCE = 0.95
RESAMPLES = 4000

Figures = Mapping[str, float | str]


class Change(NamedTuple):
    """One operation: its cost before and now; `ratio` is now / before."""

    name: str
    before: float
    after: float

    @property
    def ratio(self) -> float:
        """Above 1 is worse."""
        return self.after / self.before if self.before else 1.0


class Comparison(NamedTuple):
    """Operations by what became of them. `missing`: those without a figure, and why; `new`: not in the base."""

    worse: list[Change]
    better: list[Change]
    same: list[Change]
    new: list[str]
    missing: dict[str, str]

    @property
    def failed(self) -> bool:
        """Whether the gate must stop this."""
        return bool(self.worse or self.missing)


def compare(before: Figures, after: Figures, tolerance: float = TOLERANCE) -> Comparison:
    """Puts each operation where it belongs."""
    found = Comparison([], [], [], [], {})
    for name, value in after.items():
        base = before.get(name)
        if isinstance(value, str):
            found.missing[name] = value
        elif not isinstance(base, (int, float)):
            found.new.append(name)
        else:
            change = Change(name, base, value)
            (found.worse if change.ratio > 1 + tolerance else found.better if change.ratio < 1 - tolerance
             else found.same).append(change)
    return found


class Interval(NamedTuple):
    """A ratio (now / before) with the bounds of its confidence interval."""

    ratio: float
    low: float
    high: float

    def worse(self, tolerance: float = WHOLE_TOLERANCE) -> bool:
        """A regression beyond the tolerance, beyond doubt."""
        return self.low > 1 + tolerance


def bootstrap(before: Sequence[float], after: Sequence[float], seed: int = 1) -> Interval:
    """The median of the pairs' ratios, and its percentile bootstrap interval. ValueError: no pairs."""
    if not before or len(before) != len(after):
        raise ValueError("paired runs are needed, at least one pair")
    ratios = [b / a for a, b in zip(before, after, strict=True)]
    rng = random.Random(seed)
    medians = sorted(statistics.median(rng.choices(ratios, k=len(ratios))) for _ in range(RESAMPLES))
    edge = (1 - CONFIDENCE) / 2
    return Interval(statistics.median(ratios), medians[int(edge * RESAMPLES)], medians[int((1 - edge) * RESAMPLES) - 1])


def culprit(commits: Sequence[str], is_bad: Callable[[str], bool]) -> str:
    """The first bad one of `commits` (oldest first; the last is bad, what came before the first is good)."""
    low, high = 0, len(commits) - 1
    while low < high:
        middle = (low + high) // 2
        if is_bad(commits[middle]):
            high = middle
        else:
            low = middle + 1
    return commits[low]
