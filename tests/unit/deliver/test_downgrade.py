"""8BITMIME downgrade: what it changes, what it leaves alone, and that Python's email package reads the same text."""

import email
import email.policy
import random

import pytest

from pyfix.deliver.downgrade import Downgrade, quoted

TEXT = "Gr\u00fc\u00dfe = \u20ac \r\n.\r\n..x \r\nlast\t\r\n".encode()
SINGLE = b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + TEXT
MULTI = (b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=\"a b\"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
         b"preamble\r\n--a b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8BIT\r\n\r\n" + TEXT +
         b"--a b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA=\r\n"
         b"--a b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + SINGLE + b"--a b--\r\nepilogue\r\n")


def convert(content: bytes, cuts: list[int] = ()) -> bytes:
    state = Downgrade()
    edges = [0, *cuts, len(content)]
    return b"".join(state.feed(content[a:b]) for a, b in zip(edges, edges[1:])) + state.finish()


@pytest.mark.parametrize("content", [SINGLE, MULTI])
def test_text_survives(content: bytes) -> None:
    wire = convert(content)
    assert wire.isascii() and b"8bit" not in wire.lower() and max(map(len, wire.split(b"\r\n"))) <= 998
    before, after = (email.message_from_bytes(data, policy=email.policy.SMTP) for data in (content, wire))
    for one, two in zip(before.walk(), after.walk()):
        assert one.get_content_type() == two.get_content_type()
        if one.get_content_maintype() == "text":
            assert one.get_payload(decode=True) == two.get_payload(decode=True)
    assert wire.count(b"quoted-printable") == (1 if content is SINGLE else 2)
    assert content is SINGLE or b"\r\nAAAA=\r\n" in wire


@pytest.mark.parametrize("content", [SINGLE, MULTI, b"", b"Subject: x", b"\r\n", b"\r\n\xff\r\n", b"--x\r\n", b"A: b\r\n\r\n\xff"])
def test_cut_anywhere(content: bytes) -> None:
    whole, chance = convert(content), random.Random(1)
    for _ in range(50):
        assert convert(content, sorted(chance.choices(range(len(content) + 1), k=3))) == whole


def test_undeclared_is_left_alone() -> None:
    content = b"Subject: x\r\n\r\n\xff\xfe\r\n"
    assert convert(content) == content


@pytest.mark.parametrize("line", [b"", b" ", b"x" * 75, b"x" * 76, b"x" * 77, b"=" * 80, b"\xff" * 100, b"a \t", b"." * 76, b"\0"])
def test_quoted_line(line: bytes) -> None:
    import quopri
    out = quoted(line)
    assert all(len(part) <= 76 for part in out.split(b"\r\n"))
    assert quopri.decodestring(out.replace(b"\r\n", b"\n")).rstrip(b"\n") == line


def test_bombs_are_linear() -> None:
    deep = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(3000))
    assert convert(deep)
    assert convert(b"X: y\r\n" * 50000)
    assert convert(b"X: " + b"y" * 300000 + b"\r\n\r\nz\r\n")
