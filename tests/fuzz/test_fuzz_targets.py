"""Every target of tests/fuzz/text.py and records.py, given relatives of its corpus.

PYFIX_FUZZ_SECONDS (3) for each, PYFIX_SEED for other inputs. A failing input is in the assertion, to be added to the corpus.
"""

import os

import pytest

from tests.fuzz.targets import TARGETS
from tests.kit.seeds import fuzz

pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(3600)]
SECONDS, SEED = float(os.environ.get("PYFIX_FUZZ_SECONDS", "3")), int(os.environ.get("PYFIX_SEED", "1"))


@pytest.mark.parametrize("name", TARGETS)
def test_fuzz(name):
    assert fuzz(TARGETS[name], name, SECONDS, SEED) >= 20
