"""The walk through a segment beside its plain-Python twin: a file cut anywhere, records larger than the view, a byte changed."""

import random

import pytest

from pyfix._core import frame
from tests.fuzz.segments import NUMBER, SALT, both
from tests.oracle.scan import SEAL, START

WINDOW = 256 * 1024         # what the walk sees at a time


def written(*bodies: bytes, vouch: bool = True, seal: bool = False) -> bytes:
    """A segment's records behind its head; each vouches for those before it."""
    out = b""
    for n, body in enumerate(bodies):
        at = START + len(out)
        out += frame.encode(1, b"head%d" % n * (n + 1), body, SALT, NUMBER, at, at if vouch else START)
    return out + (frame.encode(SEAL, b"", b"", SALT, NUMBER, START + len(out), START + len(out)) if seal else b"")


@pytest.mark.parametrize("search", [True, False])
@pytest.mark.parametrize("vouch", [True, False])
def test_a_file_cut_anywhere(vouch: bool, search: bool) -> None:
    """As a writer's crash, or a look while it writes, may find it."""
    data = written(b"x" * 21, b"", b"y" * 90, vouch=vouch, seal=True)
    counts = {len(both(data[:cut], search=search)[0]) for cut in range(len(data) + 1)}
    assert counts == {0, 1, 2, 3}


@pytest.mark.parametrize("search", [True, False])
def test_any_byte_changed(search: bool) -> None:
    data = written(b"x" * 21, b"", b"y" * 50)
    for at in range(len(data)):
        rotten = bytearray(data)
        rotten[at] ^= 1 << at % 8
        assert len(both(bytes(rotten), search=search)[0]) >= (2 if search else 0)


@pytest.mark.parametrize("length", [WINDOW - 40, WINDOW, WINDOW + 9])
@pytest.mark.parametrize("rotten", [False, True])
def test_records_larger_than_the_view(length: int, rotten: bool) -> None:
    """The last one's body is looked at; behind a damaged one the next is found, however far away."""
    data = bytearray(written(b"a" * 11, random.Random(1).randbytes(length), b"b" * 7))
    if rotten:
        data[60] ^= 1
    found = both(bytes(data), size=1 << 20)
    assert len(found[0]) == (2 if rotten else 3) and bool(found[1]) == rotten


def test_what_looks_like_records_in_a_body_is_passed_over() -> None:
    inner = written(b"z" * 5)
    data = bytearray(written(b"begin" + inner, inner * 3 + b"!", b"end"))
    data[33] ^= 4               # the first head: its body is searched, and holds records that are somewhere else
    assert [record[1] for record in both(bytes(data))[0]] == [START + len(written(b"begin" + inner)),
                                                              START + len(written(b"begin" + inner, inner * 3 + b"!"))]
