"""Random hostile patterns with random texts of all sizes: an answer or a temporary error, in 50 ms of processor time."""

import os
import random

import pytest

from pyfix import maps
from pyfix.errors import TableError
from pyfix.maps import report
from tests.kit.pace import SLOWER

pytestmark = pytest.mark.fuzz
ATOMS = ["a", "b", "x", "(a|b)", "[ab]", ".", "(a|aa)", "(ab|ba|a)", "(a?)", "(a*)", "(.*)", "(a+b?)", "(ab*)"]
REPEATS = ["", "", "", "*", "+", "?", "{3}", "{2,5}", "{20}", "{1,60}", "{200}"]
SIZES = (50, 130, 300, 700, 1500, 2100, 4000, 20000, 100000)
#: 50 ms, two ticks of the clock that is read, and what a machine with other work adds
LIMIT = SLOWER * (0.05 + 0.02 + 0.03)


def used():
    return sum(os.times()[:4])


def make(rng):
    pattern = "".join(rng.choice(ATOMS) + rng.choice(REPEATS) for _ in range(rng.randrange(1, 8)))
    if rng.random() < 0.4:
        pattern = f"({pattern}){rng.choice(REPEATS)}"
    return rng.choice(["", "", "^"]) + pattern + rng.choice(["", "x", "[0-9]", "$"])


@pytest.mark.parametrize("kind", ["regexp", "pcre"])
@pytest.mark.parametrize("seed", range(12))
def test_hostile_patterns_and_texts(kind, seed, monkeypatch):
    monkeypatch.setattr(report, "sink", lambda level, text: None)
    rng = random.Random(seed)
    for _ in range(12):
        pattern = make(rng)
        table = maps.open(f"{kind}:{{{{/{pattern}/ {'$1' if '(' in pattern else 'r'}}}}}")
        for size in SIZES:
            for text in (b"a" * size, b"ab" * (size // 2), bytes(rng.choices(b"aab", k=size - 1)) + b"x"):
                start = used()
                try:
                    table.get(text)
                except TableError:
                    pass
                assert used() - start < LIMIT, (pattern, size, text[:4])
