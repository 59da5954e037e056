"""The content encoder against its oracle, and the invariants that no content may break (the sender side of smuggling)."""

import itertools
import random
import re

import pytest

from pyfix._core.outgoing import Encoder
from tests.oracle import outgoing as oracle

PRE = [b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r", b"\n\n", b"\x0b", b"\x0c", b"\x85", b"\r\n\0", b"", b"\xe2\x80\xa8"]
DOTS = [b".", b"..", b". ", b" .", b".\0", b".\r"]
POST = [b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r", b"\n\n", b""]
TAIL = b"MAIL FROM:<admin@example.com>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\n"
STRAY = re.compile(rb"(?<!\r)\n|\r(?!\n)")
LINES = [b"a" * n + tail for n in (997, 998, 999, 1995, 1996, 2048, 4096, 8192, 65536) for tail in (b"", b".", b".\r\n.", b"\r")]


def encode(content: bytes, cuts=(), limit: int = 998) -> bytes:
    encoder = Encoder(limit)
    edges = [0, *cuts, len(content)]
    return b"".join(encoder.encode(content[a:b]) for a, b in zip(edges, edges[1:])) + encoder.finish()


def check(content: bytes, limit: int = 998) -> None:
    wire = encode(content, (), limit)
    assert wire == oracle.encode(content, limit)
    assert not STRAY.search(wire)
    assert wire.endswith(b".\r\n") and (b"\r\n" + wire).count(b"\r\n.\r\n") == 1
    assert max(map(len, wire.split(b"\r\n"))) <= limit + 1
    unfolded = oracle.unstuff(wire)
    clean = b"".join(line + b"\r\n" for line in oracle.clean_lines(content))
    if all(len(line) <= limit for line in oracle.clean_lines(content)):
        assert unfolded == clean


@pytest.mark.parametrize("pre, dots, post", list(itertools.product(PRE, DOTS, POST)))
def test_end_of_data_matrix(pre: bytes, dots: bytes, post: bytes) -> None:
    """504 sequences that some receiver takes for an end of data: none leaves as one."""
    content = b"Subject: x\r\n\r\nX" + pre + dots + post + TAIL
    check(content)
    expected = encode(content)
    assert all(encode(content, (cut,)) == expected for cut in range(len(content)))


@pytest.mark.parametrize("line", LINES, ids=len)
def test_long_lines(line: bytes) -> None:
    for content in (line, line + b"\r\n", line + b".\r\nMAIL FROM:<a@b>\r\n", b"x\r\n" + line + b"\n.\n"):
        check(content)


@pytest.mark.parametrize("content", [b"", b".", b".\r\n", b"\r\n", b"\r", b"\n", b"x", b"x\r", b"..\r\n", b"\r\n.\r\n"])
def test_edges(content: bytes) -> None:
    check(content)


def test_random_cuts_and_limits() -> None:
    chance = random.Random(1)
    for _ in range(300):
        content = bytes(chance.choices(b".\r\nab\0", k=chance.randrange(200)))
        limit = chance.choice([0, 16, 20, 998])
        check(content, limit or 10 ** 9)
        cuts = sorted(chance.choices(range(len(content) + 1), k=4))
        assert encode(content, cuts, limit) == oracle.encode(content, limit)


def test_clean_prefix_needs_no_copy() -> None:
    """Ordinary content is clean as a whole; the first byte to edit is where clean() stops."""
    assert Encoder().clean(b"Subject: x\r\n\r\nhello\r\n") == 21
    assert Encoder().clean(b"a\r\n.b") == 3
    assert Encoder().clean(b"ab\ncd") == 2
    assert Encoder().clean(b"x" * 2000) == 998
    assert Encoder().clean(b"abc\r") == 3


def test_folded_is_told() -> None:
    encoder = Encoder()
    encoder.encode(b"x" * 998 + b"\r\n")
    assert not encoder.folded
    encoder.encode(b"x" * 999 + b"\r\n")
    assert encoder.folded
