"""Lookups and building beside plain Python: pytest bench/micro/test_tables_map.py"""

import random
import re

import pytest

from pyfix import maps
from pyfix._core.hashbuild import Builder
from pyfix.maps import flags as F
from pyfix.maps import registry
from tests.oracle import hashmap as oracle

COUNT = 20000
SOURCE = b"".join(b"user%d@example%d.com value%d\n" % (n, n % 500, n) for n in range(COUNT))
KEYS = [b"user%d@example%d.com" % (n, n % 500) for n in range(COUNT)]
random.Random(3).shuffle(KEYS)


@pytest.fixture
def table(tmp_path):
    maker = registry.open_spec(f"hash:{tmp_path}/t", None, maps.flags.LOOKUP, "c")
    (tmp_path / "t").write_bytes(SOURCE)
    with open(tmp_path / "t", "rb") as file:
        maker.parse(file, "source")
    maker.close()
    return maps.open(f"hash:{tmp_path}/t")


def ask(get, keys):
    for key in keys:
        get(key)


@pytest.mark.benchmark(group="lookup")
@pytest.mark.parametrize("kind", ["hash", "dict"])
def test_lookup(benchmark, table, kind):
    get = table.get if kind == "hash" else dict(table.items()).get
    benchmark(ask, get, KEYS)


@pytest.mark.benchmark(group="parse")
def test_parse(benchmark):
    benchmark(lambda: Builder(True, True).parse(SOURCE))


@pytest.mark.benchmark(group="parse")
def test_parse_plain_python(benchmark):
    benchmark.pedantic(oracle.parse, (SOURCE, True, True), rounds=3)


@pytest.mark.benchmark(group="patterns")
@pytest.mark.parametrize("kind", ["pcre", "regexp"])
def test_a_thousand_patterns(benchmark, kind):
    rules = ", ".join("{/^user%d@/ x}" % n for n in range(1000))
    table = maps.open(kind + ":{" + rules + "}", flags=F.LOOKUP)
    benchmark(table.get, b"somebody@example.com")


@pytest.mark.benchmark(group="patterns")
def test_a_thousand_patterns_by_the_library(benchmark):
    rules = [re.compile(rb"^user%d@" % n, re.I) for n in range(1000)]
    assert not benchmark(lambda: any(rule.search(b"somebody@example.com") for rule in rules))


@pytest.mark.benchmark(group="lookup")
@pytest.mark.parametrize("kind", ["hash", "dict"])
def test_lookup_of_many(benchmark, table, kind):
    entries = dict(table.items())
    benchmark(table.get_many if kind == "hash" else lambda keys: [entries.get(key) for key in keys], KEYS)
