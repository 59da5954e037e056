"""The header scanner against its oracle, however the bytes are cut."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyfix._core import header as h
from tests.oracle import header as oracle

MESSAGE = (b"Received: from a\r\n\tby b; date\r\nRECEIVED: x\r\nDelivered-To: u@d\r\nX-Odd : v\r\n"
           b"Message-ID:\r\n <1@x>\r\nSubject: \xc3\xa9\r\nbcc: z\r\n\r\nbody\r\n")


def scan(*pieces: bytes, room: int = 1024, limit: int = 0) -> h.HeaderScanner:
    scanner = h.HeaderScanner(room, limit)
    for piece in pieces:
        scanner.feed(piece)
    scanner.finish()
    return scanner


def outcome(scanner: h.HeaderScanner):
    return ([f[1:] for f in scanner.fields], scanner.body, bool(scanner.flags & h.FLAG_NO_BLANK))


def test_ordinary_message():
    s = scan(MESSAGE)
    assert (s.received, s.delivered_to, s.message_id) == (2, 1, b"<1@x>")
    assert s.flags == h.FLAG_8BIT and s.count == 7
    assert MESSAGE[s.body:] == b"body\r\n"
    assert s.has(b"bcc") and s.has(b"subject") and not s.has(b"from")
    assert s.fields[3][1:] == (b"X-Odd", b" v\r\n")


@pytest.mark.parametrize(("content", "fields", "body"), [
    (b"", 0, b""), (b"\r\nx", 0, b"x"), (b"no header\r\n", 0, b"no header\r\n"), (b" blank\r\n", 0, b" blank\r\n"),
    (b"a: b\r\nno\r\n", 1, b"no\r\n"), (b"a: b", 1, b""), (b"a:\r\n \r\n\r\nz", 1, b"z"), (b": x\r\n", 0, b": x\r\n"),
    (b"a b: c\r\n", 0, b"a b: c\r\n"), (b"a\xe9: c\r\n", 0, b"a\xe9: c\r\n"), (b"a: b\n\nz", 1, b"z"),
])
def test_where_the_block_ends(content, fields, body):
    s = scan(content)
    assert (s.count, content[s.body:]) == (fields, body)


def test_too_many_and_too_long_fields():
    s = scan(b"a: b\r\n" * 5 + b"c: " + b"x" * 50 + b"\r\n\r\n", room=3, limit=20)
    assert s.count == 6 and len(s.fields) == 3
    assert s.flags == h.FLAG_OVERFLOW | h.FLAG_LONG


@pytest.mark.parametrize("name", [n for n in h.HEADER_NAMES if n])
def test_known_names_in_any_case(name):
    for form in (name, name.upper(), name.title()):
        assert scan(form + b": x\r\n\r\n").fields[0][0] == h.HEADER_NAMES.index(name)
    assert scan(name + b"x: x\r\n\r\n").fields[0][0] == 0


def test_cuts_change_nothing():
    whole = outcome(scan(MESSAGE))
    assert outcome(scan(*(MESSAGE[i:i + 1] for i in range(len(MESSAGE))))) == whole
    for cut in range(len(MESSAGE)):
        assert outcome(scan(MESSAGE[:cut], MESSAGE[cut:])) == whole


TEXT = st.lists(st.sampled_from([b"a", b":", b" ", b"\t", b"\r\n", b"\n", b"\r", b"To", b"Received: x\r\n", b"\xe9",
                                 b"\0", b"Message-Id: <a>\r\n", b".", b"-"]), max_size=30).map(b"".join)


@settings(max_examples=300, deadline=None)
@given(TEXT, st.integers(0, 2**32))
def test_same_as_the_oracle(content, seed):
    fields, body, odd = oracle.split_block(content)
    assert outcome(scan(content)) == (fields, body, odd)
    cuts = sorted(random.Random(seed).choices(range(len(content) + 1), k=3))
    pieces = [content[i:j] for i, j in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    assert outcome(scan(*pieces)) == (fields, body, odd)
