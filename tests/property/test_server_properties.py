"""Properties of the server core: any cut gives the same; whatever comes, it answers in whole lines and stays sane."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pyfix._core import data, reply
from pyfix._core.chars import escaped, printable, valid_utf8
from pyfix._core.command import tokens
from tests.kit.core_client import Client
from tests.oracle import data as oracle
from tests.oracle.server import CONTENT, LINES

LIMITS = {"forbid_pipelining": False, "hard_errors": 50, "message_size": 3000}
pieces = st.one_of(st.sampled_from([*LINES.values(), CONTENT, b".\r\n", b"\r\n", b"\n", b"BDAT 5 LAST\r\nabcde", b"BDAT 0\r\n"]),
                   st.binary(max_size=40))
streams = st.lists(pieces, max_size=25).map(b"".join)
content = st.lists(st.sampled_from([b"\r\n", b"\n", b"\r", b".", b"..", b"a", b"From ", b">", b" ", b"\x00", b"\xff", b"x" * 300]),
                   max_size=40).map(b"".join)


@given(streams, st.lists(st.integers(0, 700), max_size=6))
@settings(max_examples=60, deadline=None)
def test_any_cut_gives_the_same(stream, cuts):
    whole, split = Client(**LIMITS), Client(**LIMITS)
    replies = whole.send(stream)
    at, parts = 0, []
    for cut in [*sorted(cuts), len(stream)]:
        parts.append(split.send(stream[at:cut]))
        at = max(at, min(cut, len(stream)))
    assert b"".join(parts) == replies
    assert whole.events == split.events and whole.messages == split.messages
    assert whole.core.counts() == split.core.counts() and whole.core.errors == split.core.errors


@given(streams)
@settings(max_examples=60, deadline=None)
def test_replies_are_whole_lines_and_messages_are_clean(stream):
    client = Client(**LIMITS)
    for line in client.send(stream).split(b"\r\n")[:-1]:
        assert 4 <= len(line) <= 4096 and line[:3].isdigit() and b"\n" not in line and b"\r" not in line
    for message in client.messages:
        assert message.count(b"\n") == message.count(b"\r\n") == message.count(b"\r")


@given(content, st.sampled_from((0, 1, 2, 3)), st.booleans(), st.lists(st.integers(0, 400), max_size=5))
@settings(max_examples=100, deadline=None)
def test_content_is_the_oracle_s(stream, newlines, bdat, cuts):
    stream += b"\r\n.\r\n"
    got, used, scanner = data.scan(stream, newlines, bdat, 0, sorted(c for c in cuts if c <= len(stream)))
    expected, expected_used, done, bare = oracle.scan(stream, newlines, bdat)
    assert (scanner.done, scanner.bare_lf) == (done or bdat, bare)
    if scanner.done:
        assert (got, used) == (expected, expected_used)


@given(st.binary(max_size=200))
def test_tokens_are_pieces_of_the_line(line):
    at = 0
    for _, token in tokens(line):
        at = line.index(token, at) + len(token)
        assert token


@given(st.binary(max_size=100))
def test_what_is_shown_is_harmless(data):
    assert all(32 <= c < 127 for c in escaped(data))
    shown = printable(data)
    assert len(shown) == len(data) and valid_utf8(shown) and all(c >= 32 and c != 127 for c in shown)


@given(st.binary(max_size=60))
def test_utf8_is_python_s(data):
    try:
        data.decode("utf-8")
        good = True
    except UnicodeDecodeError:
        good = False
    assert valid_utf8(data) == good


@given(st.integers(200, 599), st.binary(max_size=5000))
def test_replies_are_one_line(code, text):
    line = reply.format_reply(code, b"", text)
    assert line.endswith(b"\r\n") and len(line) <= 4098 and not any(c < 32 or c == 127 for c in line[:-2])
