"""The MIME scanner against its twin: whole, byte by byte, cut anywhere, with body lines wanted and not."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyfix._core import mime
from tests.kit.bodies import bodies
from tests.kit.mime import checked, scanned
from tests.oracle import mime as oracle

LIMITS = (2000, 20, 200, 64)
BODIES = {name: content for name, content in bodies().items() if len(content) < 20_000}
MIXED = (b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"a b\"\r\n\r\npreamble\r\n--a b\r\n"
         b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n folded\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xe4\r\n--a b--\r\nend\r\n")
LINES = [b"", b"Subject: x", b" folded", b"Content-Type: multipart/mixed; boundary=b", b"content-type : multipart/digest;\tboundary=\"c\"",
         b"Content-Type: message/rfc822", b"Content-Type: message/partial", b"Content-Type: text/plain; charset=\xe4", b"Content-Type: text",
         b"Content-Transfer-Encoding: 8bit", b"Content-Transfer-Encoding: (x) base64", b"Content-Transfer-Encoding:", b"--b", b"--bb--", b"--b--",
         b"--c", b"--c--", b"--", b"-", b"\xe4\xf6", b"no field", b": x", b"y" * 70, b"z" * 64, b"X: " + b"w" * 90, b"--b" + b"-" * 70, b"\r",
         b"Y: a\0b", b" c\0\xe4", b"Content-Type: multipart/mixed; \0boundary=b", b"d\0e"]
MESSAGES = st.lists(st.sampled_from(LINES), max_size=30).map(lambda lines: b"".join(line + b"\r\n" for line in lines))


@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize("name", BODIES)
def test_bodies_that_have_hurt(name, wanted):
    content = BODIES[name]
    rng = random.Random(name)
    checked(content, rng.choices(range(len(content) + 1), k=9), wanted, LIMITS)
    checked(content, (), wanted, (102400, 100, 2048, 2048))


@pytest.mark.parametrize("wanted", [True, False])
def test_every_cut_of_one_message(wanted):
    whole = scanned(MIXED, (), wanted, LIMITS)
    checked(MIXED, range(len(MIXED)), wanted, LIMITS)
    for cut in range(len(MIXED)):
        assert scanned(MIXED, [cut], wanted, LIMITS) == whole


@given(MESSAGES, st.sampled_from([b"", b"end", b"--b", b"X: y", b"\r"]), st.booleans(), st.booleans(),
       st.sampled_from([LIMITS, (20, 2, 1, 16), (102400, 100, 2048, 2048)]), st.lists(st.integers(0, 900), max_size=6))
@settings(max_examples=300)
def test_same_as_the_twin(lines, tail, wanted, parse, limits, cuts):
    content = lines + tail
    checked(content, [cut for cut in cuts if cut <= len(content)], wanted, limits, parse)


@given(st.lists(st.sampled_from([b"multipart/mixed", b";", b"boundary", b"=", b'"', b"\\", b"(", b")", b" ", b"\n", b"\n\t", b"x", b"/", b"\x7f",
                                 b"\xe4", b"@", b"?", b"\0", b"\\\n", b"\\ "]), max_size=24).map(b"".join))
@settings(max_examples=300)
def test_tokens(value):
    assert mime.tokens_of(value) == oracle.tokens_of(value)


@pytest.mark.parametrize("head", [b"Subject: x\r\n\r\n", b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n"])
@pytest.mark.parametrize("line", [b"\xe4", b"y" * 100 + b"\xe4", b"-\xe4"])
@pytest.mark.parametrize("wanted", [True, False])
def test_8_bit_text_is_told_of_whether_or_not_somebody_wants_the_lines(head, line, wanted):
    """strict_8bitmime_body refuses such a message without any body_checks too."""
    assert scanned(head + line + b"\r\n", (), wanted, LIMITS)[1] == mime.BODY_8BIT
    assert scanned(head + line + b"\r\n", (), wanted, LIMITS, parse=False)[1] == 0
    assert scanned(b"Content-Transfer-Encoding: 8bit\r\n\r\n" + line + b"\r\n", (), wanted, LIMITS)[1] == 0


@pytest.mark.parametrize("limit", [1, 2, 5])
@pytest.mark.parametrize("wanted", [True, False])
def test_only_open_multiparts_are_counted(limit, wanted):
    """Two more than the limit are let through, as in Postfix; messages in messages do not count, nor does a part that is over."""
    limits = (2000, limit, 200, 64)
    many = b"Content-Type: multipart/digest; boundary=D\r\n\r\n" + b"--D\r\n\r\nSubject: in\r\n\r\nbody\r\n" * 200 + b"--D--\r\n"
    nested = b"Content-Type: message/rfc822\r\n\r\n" * 200 + b"Subject: deep\r\n\r\nx\r\n"
    unclosed = (b"Content-Type: multipart/mixed; boundary=D\r\n\r\n"
                + b"--D\r\nContent-Type: multipart/mixed; boundary=E\r\n\r\n--E\r\n\r\nx\r\n" * 200)
    deep = [b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (one, one) for one in range(limit + 3)]
    for content in (many, nested, unclosed, b"".join(deep[:-1])):
        assert scanned(content, (), wanted, limits)[1] == 0
        checked(content, (40, 500), wanted, limits)
    assert scanned(b"".join(deep), (), wanted, limits)[1] == mime.NESTING
