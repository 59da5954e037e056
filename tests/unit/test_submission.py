"""The records of a local message, and its content's line ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfix.errors import PeerError
from pyfix.ipc.submission import CHUNK, ENVELOPE_LIMIT, HEAD_SIZE, Decoder, Submission, Submitted, encode, head, record
from pyfix.model import HAS_8BIT, HAS_DOT_LINE, HAS_LONG_LINE
from pyfix.pickup.localcontent import LocalContent
from tests.oracle import localcontent as oracle


def decode(data):
    decoder, content, at = Decoder(), b"", 0
    while at < len(data):
        kind, size = head(data[at:at + HEAD_SIZE])
        at += HEAD_SIZE
        content += decoder.take(kind, data[at:at + size])
        at += size
    return decoder, content


safe = st.binary(max_size=50).map(lambda b: b.replace(b"\0", b"").replace(b"\r", b"").replace(b"\n", b""))


@given(safe, st.lists(st.tuples(safe, safe, st.integers(0, 15)), min_size=1, max_size=5), st.binary(max_size=200))
def test_what_is_encoded_is_decoded(sender, rows, content):
    message = Submission(sender, {"fullname": "A B", "ret": "1"}, [Submitted(*row) for row in rows])
    decoder, got = decode(b"".join(encode(message, content)))
    found = decoder.message
    assert decoder.ended and (found.sender, found.attributes) == (sender, message.attributes) and got == content
    assert [(one.address, one.orcpt, one.notify) for one in found.recipients] == rows


def test_long_content_is_cut_into_records():
    data = b"".join(encode(Submission(b"", {}, [Submitted(b"a@b")]), b"x" * (3 * CHUNK + 5)))
    assert decode(data)[1] == b"x" * (3 * CHUNK + 5)


@pytest.mark.parametrize("stream", [
    record(b"R", b"a@b"), record(b"S") + record(b"S"), record(b"S") + record(b"M"), record(b"S") + record(b"L", b"x"),
    record(b"S") + record(b"E"), record(b"S") + record(b"N", b"99"), record(b"S") + record(b"N", b"+1"),
    record(b"S") + record(b"A", b"noequals"), record(b"S", b"a\nb"), record(b"S") + record(b"R", b"a\0b"),
    record(b"S") + record(b"R", b"a") + record(b"M") + record(b"R", b"b"),
    record(b"S") + record(b"R", b"a") + record(b"M") + record(b"E") + record(b"L", b"x"),
    b"\0\0\0\0\0", b"Z\0\0\0\0", b"S\xff\xff\xff\xff", b"L" + (CHUNK + 1).to_bytes(4, "big"),
    b"S" + (ENVELOPE_LIMIT + 1).to_bytes(4, "big"), b"M\0\0\0\1x",
])
def test_malformed_streams_are_refused(stream):
    with pytest.raises(PeerError):
        decode(stream)


@given(st.binary(max_size=60))
def test_rubbish_is_refused_or_understood(data):
    try:
        decode(data + bytes(HEAD_SIZE))
    except (PeerError, IndexError):
        return


pieces = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"a", b"\xff", b"x" * 997, b"yy", b"."]), max_size=12)


@given(pieces, st.lists(st.integers(0, 3000), max_size=5))
def test_content_agrees_with_the_oracle_for_any_split(parts, cuts):
    data = b"".join(parts)
    wanted = oracle.converted(data)
    edges = sorted({0, len(data), *(min(c, len(data)) for c in cuts)})
    for split in (edges, range(len(data) + 1), (0, len(data))):
        content = LocalContent()
        split = list(split)
        out = b"".join(content.feed(data[a:b]) for a, b in zip(split, split[1:]))
        out += content.finish()
        assert (out, content.flags) == wanted


def test_flags_by_hand():
    def flags(data):
        content = LocalContent()
        content.feed(data)
        content.finish()
        return content.flags

    assert flags(b"a\n.\n") == HAS_DOT_LINE and flags(b"a.\n") == 0
    assert flags("ä".encode()) == HAS_8BIT
    assert flags(b"x" * 998 + b"\n") == 0 and flags(b"x" * 999) == HAS_LONG_LINE
