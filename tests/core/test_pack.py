"""The packer against msgpack's own."""

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfix._core.pack import packed

SIZES = (0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536)
LEAVES = st.one_of(st.integers(0, 2**63 - 1), st.binary(max_size=40), st.text(max_size=20), st.sampled_from([b"x" * n for n in (255, 256, 300)]))
VALUES = st.recursive(LEAVES, lambda inner: st.one_of(
    st.lists(inner, max_size=18), st.dictionaries(st.text(max_size=3), inner, max_size=18)), max_leaves=20)
oracle = msgpack.Packer(use_bin_type=True, unicode_errors="surrogateescape").pack


@given(VALUES)
def test_the_same_bytes_as_msgpack(value):
    assert packed(value) == oracle(value)


@pytest.mark.parametrize("n", SIZES)
def test_every_head_at_its_edges(n):
    for value in (n, b"x" * n, "y" * n, [1] * n, {str(i): i for i in range(n)}, 2**32 - 1 + n):
        assert packed(value) == oracle(value)


def test_surrogates_are_the_bytes_they_came_from():
    assert packed("a\udcff") == oracle("a\udcff") == b"\xa2a\xff"


def test_a_negative_number_is_refused():
    with pytest.raises(ValueError):
        packed(-1)
