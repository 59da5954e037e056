"""The corpora of the fuzz targets (tests/fuzz/corpus), played once: what failed before does not fail again."""

import pytest

from tests.fuzz.targets import TARGETS
from tests.kit.seeds import CORPUS, seeds


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_of(name):
    found = seeds(name)
    assert len(found) >= 4
    for data in found:
        TARGETS[name](data)


def test_no_corpus_is_without_a_target():
    assert {path.stem for path in CORPUS.glob("*.txt")} == set(TARGETS)
