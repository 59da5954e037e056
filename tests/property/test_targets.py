"""Any bytes at all: what reads lines, records and scripts does as its plain-Python twin (the targets of tests/fuzz)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import records, text
from tests.kit.seeds import BITS

TARGETS = text.TARGETS | records.TARGETS
PIECES = st.lists(st.sampled_from(BITS) | st.binary(max_size=8) | st.text("abAB.-1", max_size=6).map(str.encode), max_size=16).map(b"".join)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=30)
@given(data=PIECES | st.binary(max_size=120))
def test_as_the_twin(name, data):
    TARGETS[name](data)
