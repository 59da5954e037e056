"""Fuzz targets for what reads lines, addresses and content: any bytes in, the same as the twin out.

A target takes one input and fails by an exception. What else it needs (cuts, settings) it draws from a generator seeded with the input.
"""

import random
import re
import zlib
from collections.abc import Callable
from itertools import pairwise

from pyfix._core import chars, command, envelope, reply, tok822, xtext
from pyfix._core.quote import quote, unquote
from pyfix._core.wordset import WordSet
from pyfix.cleanup import facts
from pyfix.pickup.localcontent import LocalContent
from pyfix.telemetry.lines import Lines, masked
from tests.core.test_data import check as check_data
from tests.kit.mime import checked as check_mime
from tests.oracle import address as plain_address
from tests.oracle import facts as plain_facts
from tests.oracle import lines as plain_lines
from tests.oracle import localcontent as plain_localcontent
from tests.oracle import tok822 as plain_tok822
from tests.oracle import words as plain
from tests.oracle import wordset as plain_wordset
from tests.oracle import xtext as plain_xtext

CODES = (199, 200, 250, 354, 450, 550, 599, 600)


def chance_of(data: bytes) -> random.Random:
    """A generator that this input always gets."""
    return random.Random(zlib.crc32(data))


def cuts_of(data: bytes, most: int = 6) -> list[int]:
    chance = chance_of(data)
    return sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(most)))


def crlf(data: bytes) -> bytes:
    """As content comes to the stages behind `_core.data`: CR and LF in CRLF only."""
    return re.sub(rb"\r*\n", b"\n", data).replace(b"\r", b" ").replace(b"\n", b"\r\n")


def text(data: bytes) -> None:
    """What bytes are, and how they are shown."""
    for name in ("printable", "escaped", "valid_utf8", "valid_hostname", "is_header", "plain_address"):
        assert getattr(chars, name)(data) == getattr(plain, name)(data), name


def line(data: bytes) -> None:
    """A command line: its tokens, and each of them as an argument."""
    found = command.tokens(data)
    assert found == plain.tokens(data)
    for _, token in [*found, ("", data)]:
        assert envelope.path(token) == plain.path(token)
        for word in (token, token.partition(b"=")[2], token.rpartition(b";")[2]):
            assert envelope.notify(word) == plain.notify(word)
            quoted_words(word)


def quoted_words(word: bytes) -> None:
    """xtext and its Unicode sister, both ways."""
    for utf8 in (False, True):
        assert xtext.unxtext(word, utf8) == plain_xtext.unxtext(word, utf8)
    assert xtext.unuxtext(word) == plain_xtext.unuxtext(word)
    assert xtext.xtext(word) == plain_xtext.xtext(word) and xtext.unxtext(xtext.xtext(word), True) in (word, None)


def answer(data: bytes) -> None:
    """A reply of ours: the first word may be an enhanced code."""
    dsn, _, words = data.partition(b" ")
    assert reply.is_enhanced_code(dsn) == plain.is_enhanced_code(dsn)
    for code in CODES:
        try:
            want = plain.format_reply(code, dsn, words)
        except ValueError:
            want = None
        try:
            assert reply.format_reply(code, dsn, words) == want
        except ValueError:
            assert want is None


def addresses(data: bytes) -> None:
    """An address list; and the same bytes as one address, quoted and not."""
    assert tok822.parse(data) == plain_tok822.parse(data)
    assert quote(data) == plain_address.quote(data) and unquote(data) == plain_address.unquote(data)


def content(data: bytes) -> None:
    """What a client sends behind 354 or BDAT, however cut."""
    for newlines in range(4):
        for bdat in (False, True):
            check_data(data + b"\r\n.\r\n", newlines, bdat, cuts_of(data))


def mime(data: bytes) -> None:
    """A message's structure."""
    data, chance = crlf(data), chance_of(data)
    limits = chance.choice([(2000, 20, 200, 64), (40, 3, 2, 16), (102400, 100, 2048, 2048)])
    check_mime(data, cuts_of(data), chance.random() < 0.5, limits, chance.random() < 0.9)


def header(data: bytes) -> None:
    """cleanup's pass over the header."""
    data = crlf(data)
    got, want = facts.facts_of(data), plain_facts.facts_of(data)
    if not got["overflow"]:
        assert {name: got[name] for name in want} == want
    for cut in cuts_of(data):
        part = facts.facts_of(data[:cut], False)
        assert not part["ended"] or part == got | {"body": part["body"]}


def local(data: bytes) -> None:
    """Content from a local user, however cut."""
    taker, edges = LocalContent(), [0, *cuts_of(data), len(data)]
    kept = b"".join(taker.feed(data[start:end]) for start, end in pairwise(edges)) + taker.finish()
    assert (kept, taker.flags) == plain_localcontent.converted(data)


def logged(data: bytes) -> None:
    """A log line: masked, one line, whatever is in it."""
    assert masked(data) == plain_lines.masked(data)
    lines = Lines(b"mx", b"postfix/smtpd[1]")
    lines.info(data)
    shown = lines.pending()
    assert len(shown) == 1 and shown[0].endswith(b"]: " + plain_lines.masked(data) + b"\n") and shown[0].count(b"\n") == 1


def words(data: bytes) -> None:
    """The last line is searched for the others."""
    *wanted, found_in = data.split(b"\n")
    wanted = list(dict.fromkeys(word.lower() for word in wanted if word))
    made = WordSet(wanted)
    assert made.find(found_in) == [number for number in plain_wordset.find(wanted, found_in) if made.places[number]]


TARGETS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one for one in (text, line, answer, addresses, content, mime, header, local, logged, words)}
