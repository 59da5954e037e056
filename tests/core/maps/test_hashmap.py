"""Known answers of the hash and of the source syntax."""

import pytest

from pyfix._core.hashbuild import Builder
from pyfix._core.hashmap import Reader
from pyfix.errors import TableError
from tests.oracle import hashmap as oracle


def test_oracle_hash_has_the_published_shape():
    """SipHash-1-3 of the reference key: the same function at every length, no collisions among 64 inputs."""
    seed = bytes(range(16))
    got = {oracle.siphash13(seed, bytes(range(size))) for size in range(64)}
    assert len(got) == 64


@pytest.mark.parametrize("size", range(40))
def test_every_key_length(size):
    builder = Builder(seed=bytes(16))
    builder.add(b"x" * size, b"v%d" % size)
    made, _ = builder.image()
    assert bytes(made) == oracle.image([(b"x" * size, b"v%d" % size, 0)], bytes(16))
    assert Reader(made).find(b"x" * size) == b"v%d" % size


@pytest.mark.parametrize("text,entries,kinds", [
    (b"a b\n", [(b"a", b"b", 1)], []),
    (b"a b", [(b"a", b"b", 1)], []),
    (b"a\n\n# c\n  # c\n b\n", [(b"a", b"b", 1)], []),
    (b'"a b" c', [(b'"a b"', b"c", 1)], []),
    (b'"a\\" b" c', [(b'"a\\" b"', b"c", 1)], []),
    (b"a\\ b c", [(b"a\\ b", b"c", 1)], []),
    (b" a b\nc d\n", [(b"c", b"d", 2)], ["leading"]),
    (b'"a b\n', [], ["quote"]),
    (b"a\n", [], ["format"]),
    (b"a: b\n", [(b"a:", b"b", 1)], ["colon"]),
    (b"", [], []),
    (b"\n\n", [], []),
])
def test_source(text, entries, kinds):
    builder = Builder()
    builder.parse(text)
    assert builder.entries() == entries
    assert [event[2] for event in builder.events()] == kinds


def test_no_image():
    for data in (b"", b"x" * 200, b"pyfixmap" + bytes(100)):
        with pytest.raises(TableError):
            Reader(data)
