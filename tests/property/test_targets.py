"""Any bytes at all: what reads lines, records and scripts does as its plain-Python twin (the targets of tests/fuzz)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyfix._core.pack import pack
from tests.fuzz.targets import TARGETS
from tests.kit.seeds import BITS
from tests.kit.frames import received
from tests.oracle.stream import messages

PIECES = st.lists(st.sampled_from(BITS) | st.binary(max_size=8) | st.text("abAB.-1", max_size=6).map(str.encode), max_size=16).map(b"".join)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=30)
@given(data=PIECES | st.binary(max_size=120))
def test_as_the_twin(name, data):
    TARGETS[name](data)


@given(st.lists(st.integers(-5, 300) | st.binary(max_size=40) | st.text(max_size=9), max_size=5), st.binary(max_size=20), st.lists(st.integers(0, 200), max_size=5))
def test_frames_however_cut(values, tail, cuts):
    """Frames between processes: the messages and the end of the connection are the twin's."""
    body = pack([3, *values])
    data = len(body).to_bytes(4, "big") + body + (len(tail) + 1).to_bytes(4, "big") + pack([1])[:1] + tail
    assert repr(received(data, sorted(cut for cut in cuts if cut <= len(data)))) == repr(messages(data))
