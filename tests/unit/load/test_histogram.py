"""Histogram: percentiles to three digits, sums over processes."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyfix.load.histogram import Histogram


def of(values: list[int]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


@settings(max_examples=40)
@given(st.lists(st.integers(0, 2**37 - 1), min_size=1, max_size=200), st.floats(0.01, 100))
def test_a_percentile_is_never_too_low_and_at_most_a_thousandth_too_high(values: list[int], percent: float) -> None:
    exact = sorted(values)[max(0, -(-len(values) * percent // 100).__floor__() - 1)]
    found = of(values).percentile(percent)
    assert exact <= found <= exact + exact // 1000 + 1


def test_small_values_are_exact_and_the_extremes_are_kept() -> None:
    histogram = of(list(range(1, 1001)))
    assert [histogram.percentile(p) for p in (50, 99, 99.9, 100)] == [500, 990, 999, 1000]
    assert (histogram.low, histogram.high, histogram.count, histogram.mean) == (1, 1000, 1000, 500.5)


def test_what_does_not_fit_counts_as_the_nearest() -> None:
    assert of([-5, 2**40]).percentile(50) == 0
    assert of([2**40]).percentile(50) == 2**37 - 1


def test_merged_parts_are_the_whole() -> None:
    values = [random.Random(1).randrange(10**7) for _ in range(2000)]
    total = of(values[:700])
    total.merge(of(values[700:]).pack())
    assert total.summary() == of(values).summary()
    with pytest.raises(ValueError, match="no bucket"):
        total.merge({"counts": [(10**6, 1)], "total": 0, "high": 0, "low": 0})


def test_nothing_counted() -> None:
    histogram = of([7])
    histogram.clear()
    assert histogram.summary()["p99"] == 0 and histogram.count == 0 and histogram.mean == 0.0
