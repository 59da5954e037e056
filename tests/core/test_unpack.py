"""_core.unpack and pack() against msgpack-python, which is the oracle; damage, depth, lengths beyond the end."""

import math

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfix._core.pack import pack
from pyfix._core.unpack import unpack

scalars = st.one_of(st.none(), st.booleans(), st.integers(-2**63, 2**64 - 1), st.floats(allow_nan=False), st.text(max_size=20),
                    st.binary(max_size=40), st.sampled_from([b"x" * n for n in (255, 256, 300)]))
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=3), inner, max_size=18),
                      max_leaves=20)


def oracle(data):
    """What msgpack makes of it, or ValueError."""
    try:
        return msgpack.unpackb(data, raw=False, strict_map_key=False)
    except (ValueError, TypeError, RecursionError) as error:        # unhashable keys, extra data, truncation
        raise ValueError from error


@given(values)
def test_same_bytes_and_back(value):
    data = pack(value)
    assert data == msgpack.packb(value, use_bin_type=True)
    assert unpack(data) == value


@pytest.mark.parametrize("number", [0, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1, -1, -32, -33,
                                    -128, -129, -32768, -32769, -2**31, -2**31 - 1, -2**63])
def test_edges_of_numbers(number):
    assert pack(number) == msgpack.packb(number) and unpack(pack(number)) == number


@pytest.mark.parametrize("size", [0, 15, 16, 31, 32, 255, 256, 65535, 65536])
def test_edges_of_lengths(size):
    for value in (b"x" * size, "x" * size, [0] * size, {str(i): i for i in range(size)}):
        assert pack(value) == msgpack.packb(value) and unpack(pack(value)) == value


@given(st.binary(max_size=60))
def test_any_bytes_as_the_oracle_or_refused(data):
    try:
        value = unpack(data)
    except ValueError:
        return
    expected = oracle(data)
    assert value == expected or isinstance(value, float) and math.isnan(value) or "nan" in repr(expected)


@given(values, st.data())
def test_cut_short_is_refused(value, draw):
    data = pack(value)
    with pytest.raises(ValueError):
        unpack(data[:draw.draw(st.integers(0, len(data) - 1))])
    with pytest.raises(ValueError):
        unpack(data + b"\0")


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff",
                                  b"\xc7\x01\x01\x00", b"\xd4\x01\x00", b"\x91" * 5000, b"\x81\x90\x01", b"\x81\x80\x01", b"\xa1\xff", b"\xcd\x01"])
def test_refused(data):
    with pytest.raises(ValueError):
        unpack(data)


def test_text_that_is_no_utf8():
    assert unpack(b"\xa2a\xff", escape=True) == "a\udcff"
    assert pack("a\udcff") == b"\xa2a\xff"


@pytest.mark.parametrize("value", [object(), {1, 2}, 2**64, -2**63 - 1])
def test_what_can_not_be_packed(value):
    with pytest.raises((TypeError, OverflowError)):
        pack(value)


def test_depth_is_bounded():
    deep = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(ValueError):
        pack(deep)
