"""`_core.data` against its oracle: the end-of-data matrix, split feeding, flags, limits."""

import itertools
import random

import pytest

from pyfix._core import data
from tests.oracle import data as oracle

MODES = (oracle.NO, oracle.NORMALIZE, oracle.NOTE, oracle.REJECT)
PRE = [b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r", b"\n\n", b"\r\n\r\n", b"\x0b", b"\x0c", b"\x85", b"\xc2\x85", b"\xe2\x80\xa8"]
DOTS = [b".", b"..", b". ", b" .", b".\0", b"\0."]
POST = [b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r", b"\n\n", b"\xe2\x80\xa8"]
MATRIX = [(b"X" + pre + dot + post) for pre, dot, post in itertools.product(PRE, DOTS, POST)]
TAIL = b"MAIL FROM:<admin@example.org>\r\nRCPT TO:<root@example.org>\r\nDATA\r\nhidden\r\n.\r\n"


def check(stream, newlines, bdat=False, cuts=()):
    content, used, scanner = data.scan(stream, newlines, bdat, 0, cuts)
    expected, expected_used, done, bare = oracle.scan(stream, newlines, bdat)
    assert (used, scanner.done) == (expected_used if done or bdat else len(stream), done or bdat), (stream, cuts)
    assert scanner.bare_lf == bare, stream
    if done or bdat:
        assert content == expected, (stream, cuts)
        assert (scanner.dot_line, scanner.eight_bit, scanner.long_line) == oracle.flags(content), (stream, cuts)
    return content, used


def test_the_matrix_has_504_sequences():
    assert len(MATRIX) == 504 and len(set(MATRIX)) >= 490


@pytest.mark.parametrize("newlines", MODES)
@pytest.mark.parametrize("bdat", [False, True])
def test_end_of_data_matrix(newlines, bdat):
    for body in MATRIX:
        stream = body + TAIL
        whole = check(stream, newlines, bdat)
        assert data.scan(stream, newlines, bdat, 0, range(1, len(stream)))[:2] == whole
        for cut in range(1, len(body) + 4):
            assert data.scan(stream, newlines, bdat, 0, (cut,))[:2] == whole


def row(between, newlines):
    """What the table of the requirements says: E end, x dropped, D text. `between` follows the text X."""
    content, used, scanner = data.scan(b"X" + between, newlines)
    if scanner.done:
        return "E"
    rest, _, _ = data.scan(b"X" + between + b"Y\r\n\r\n.\r\n", newlines)
    return "D" if rest.replace(b"\r\n", b"").replace(b" ", b"").strip(b"XY") else "x"


TABLE = [
    (b"\r\n.\r\n", "E", "E"), (b"\n.\n", "x", "E"), (b"\n.\r\n", "x", "E"), (b"\r\n.\n", "x", "E"),
    (b"\r.\r", "D", "D"), (b"\r.\r\n", "D", "D"), (b"\r\n..\r\n", "D", "D"), (b"\r.\n", "D", "D"),
    (b"\r\r\n.\r\n", "E", "E"), (b"\r\n\0.\r\n", "D", "D"), (b"\r\n.\0\r\n", "D", "D"), (b"\r\n. .\r\n", "D", "D"),
    (b"\r\n .\r\n", "D", "D"), (b"\x0b.\x0b", "D", "D"), (b"\xc2\x85.\xc2\x85", "D", "D"), (b"\n\r.\n\r", "D", "D"),
    (b"\n\n.\n\n", "x", "E"),
]


@pytest.mark.parametrize("between,normalize,legacy", TABLE)
def test_rows_of_the_table(between, normalize, legacy):
    assert [row(between, mode) for mode in MODES] == [legacy, normalize, normalize, normalize]


@pytest.mark.parametrize("between", [b"\r\n.\r\r\n", b"\r\r\n.\r\r\n"])
def test_only_the_legacy_rule_strips_several_returns(between):
    assert data.scan(b"X" + between, oracle.NO)[2].done
    assert not data.scan(b"X" + between, oracle.NORMALIZE)[2].done


def test_a_dot_right_after_354_is_an_empty_message():
    assert data.scan(b".\r\nQUIT\r\n")[:2] == (b"", 3)


@pytest.mark.parametrize("length", [510, 511, 512, 513, 998, 999, 1023, 1024, 2047, 2048, 2049, 4096, 8192, 65536])
def test_a_dot_at_a_buffer_edge_is_text(length):
    stream = b"a" * length + b".\r\n.\r\n"
    for cuts in [(), (length,), (length + 1,), sorted((512, length)), range(511, len(stream), 512)]:
        content, _ = check(stream, oracle.NORMALIZE, cuts=cuts)
        assert content == b"a" * length + b".\r\n"


@pytest.mark.parametrize("block", [256, 512, 1024, 1536, 2048, 4096, 65536])
@pytest.mark.parametrize("rest", [b".\r\nQUIT\r\n", b"..\r\n.\r\n", b".x\r\n\r\n.\r\n", b".\n.\r\n\r\n.\r\n", b".\r.\r\n.\r\n", b"\n.\r\n.\r\n", b"\r\n.\r\n"])
def test_a_line_that_begins_at_the_edge_of_a_block(block, rest):
    """What is recognised in blocks ends with a line: a dot behind it is the first of a line."""
    for lines in (1, 2, 7):
        line = b"a" * (block // lines - 2) + b"\r\n"
        text = line * (lines - 1) + b"a" * (block - len(line) * (lines - 1) - 2) + b"\r\n"
        for before, after in itertools.product((b"", b"x", b"Subject: x\r\n", b"\r\n", b".\r\r\n"), (b"", b"MAIL FROM:<a@b>\r\n" * 50)):
            for newlines in MODES:
                whole = check(before + text + rest + after, newlines)
                assert check(before + text + rest + after, newlines, cuts=(len(before),)) == whole
                check(before + text + rest + after, newlines, True)


@pytest.mark.parametrize("length", range(505, 520))
def test_every_length_of_a_line_before_the_end(length):
    for before in (b"", b"y\r\n", b"z" * 512):
        for tail in (b".\r\nNOOP\r\n" * 100, b"..\r\n" * 300 + b".\r\n"):
            check(before + b"x" * length + b"\r\n" + tail, oracle.NORMALIZE)


@pytest.mark.parametrize("stream", [
    b"From a@b Mon\r\nX: y\r\n.\r\n", b">>From a\r\n>From b\r\n x\r\n.\r\n", b" folded\r\n\r\nx\r\n.\r\n", b"\tx\r\n.\r\n",
    b"From\r\nFrom a\r\n.\r\n", b">>>\r\nFrom x\r\n.\r\n", b"Fro.m\r\n.\r\n", b"From \r\n..\r\n.\r\n", b"\r\nFrom x\r\n.\r\n",
    b">" * 3000 + b"From x\r\n.\r\n"[5:], b"..From \r\n.\r\n", b"From x\n.\n\r\n.\r\n", b"\n.\r\n\r\n.\r\n"])
def test_the_first_line(stream):
    for newlines in MODES:
        for cut in range(1, min(len(stream), 60)):
            check(stream, newlines, cuts=(cut,))
            check(stream, newlines, True, cuts=(cut,))


def test_random_content_cut_at_random():
    rng = random.Random(1870)
    pieces = [b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b".", b"..", b"word ", b"x" * 70, b"\xc3\xa9", b"\0", b"y" * 600, b"From ", b">",
              b"z" * 510 + b"\r\n.", b"z" * 509 + b"\r\n"]
    for _ in range(600):
        stream = b"".join(rng.choices(pieces, k=rng.randrange(1, 60))) + b"\r\n.\r\nrest"
        cuts = sorted(rng.sample(range(len(stream)), min(5, len(stream))))
        for newlines, bdat in itertools.product((oracle.NO, oracle.NORMALIZE), (False, True)):
            check(stream, newlines, bdat, cuts)


def test_the_limit_stops_the_sink_but_not_the_scan():
    stream = b"x" * 70 + b"\r\n" + b"y" * 70 + b"\r\n.\r\nQUIT"
    content, used, scanner = data.scan(stream, limit=144)
    assert (len(content), scanner.too_big) == (144, False)
    content, used, scanner = data.scan(stream, limit=143)
    assert scanner.too_big and scanner.done and used == len(stream) - 4 and scanner.size == 144


def test_stray_returns_cost_linear_time():
    import time
    start = time.process_time()
    data.scan(b"\r" * 2_000_000 + b"x\r" * 500_000)
    assert time.process_time() - start < 2
