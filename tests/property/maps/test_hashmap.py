"""Images and sources, whatever they hold: the compiled builder gives what the plain-Python one gives."""

from hypothesis import given
from hypothesis import strategies as st

from pyfix._core.hashbuild import Builder
from pyfix._core.hashmap import Reader
from pyfix.maps.fold import casefold
from tests.oracle import hashmap as oracle

SEED = bytes(range(16))
TEXT = st.lists(st.sampled_from([b"\n", b" ", b"\t", b"#", b'"', b"\\", b":", b"a", b"B", b"\r", b"k v\n", b"\xc3\x84",
                                 b"\xff", b"\n x", b"key value\n"]), max_size=60).map(b"".join)
PAIRS = st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=20)), max_size=60)


@given(TEXT, st.booleans(), st.booleans())
def test_source(data, fold, utf8):
    builder = Builder(fold, utf8, casefold)
    builder.parse(data)
    entries, events = oracle.parse(data, fold, utf8, casefold)
    assert builder.entries() == entries
    assert builder.events() == events


@given(TEXT, st.lists(st.integers(0, 60)), st.booleans())
def test_source_in_pieces(data, sizes, utf8):
    """However it is cut, a source that is fed in pieces gives what it gives whole."""
    builder = Builder(True, utf8, casefold)
    at = stop = 0
    for size in sizes:
        stop = min(stop + size, len(data))
        at += builder.parse(data[at:stop], True)
    builder.parse(data[at:])
    assert (builder.entries(), builder.events()) == oracle.parse(data, True, utf8, casefold)


@given(PAIRS, st.booleans())
def test_image(pairs, keep_last):
    builder = Builder(seed=SEED)
    for key, value in pairs:
        builder.add(key, value)
    made, repeated = builder.image(keep_last)
    assert bytes(made) == oracle.image([(key, value, 0) for key, value in pairs], SEED, keep_last)
    assert len(repeated) == len(pairs) - len({key for key, _ in pairs})
    reader = Reader(made)
    want = dict(pairs) if keep_last else dict(reversed(pairs))
    assert dict(reader.items()) == want
    for key, value in want.items():
        assert reader.find(key) == value
    assert reader.find(b"not there at all") is None
