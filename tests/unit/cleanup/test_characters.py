"""message_reject_characters and message_strip_characters: found and removed however the content is cut."""

import random

import pytest

from pyfix.cleanup.characters import characters, finder
from pyfix.model import HAS_DOT_LINE
from tests.unit.cleanup.test_stage import post

__all__ = ["post"]
REJECT, STRIP = r"message_reject_characters = \000\001" + "\n", r"message_strip_characters = \002\r" + "\n"


def cut(content, seed):
    """The content in random pieces."""
    chance, pieces = random.Random(seed), []
    while content:
        size = chance.choice((1, 1, 2, 3, 7, 50, 5000))
        pieces.append(content[:size])
        content = content[size:]
    return pieces


@pytest.mark.parametrize("text, wanted", [(r"\000\1\12x", b"\0\1x"), (r"\a\b\f\n\r\t\v\\\q", b"\a\b\f\r\t\v\\q"), ("é", "é".encode()), (r"\377]^-", b"\377]^-"), ("", b"")])
def test_c_escapes(text, wanted):
    assert characters(text) == wanted
    assert finder(wanted).findall(wanted + b"z\n") == [bytes([one]) for one in wanted]


@pytest.mark.parametrize("seed", range(8))
def test_what_is_stripped(post, seed):
    content = (b"Sub\2ject: a\2b\r\n\2fold\r\nX\2: y\r\n\r\nhel\2lo\rx\r\n\2.\2\r\n" + b"a" * 2047 + b"\2b\r" + b"c" * 5000 + b"\2\r\n\2\r\nend\2\r\n")
    pieces = cut(content, seed)
    reply, _, envelope, stored, _ = post(content, main=REJECT + STRIP, pieces=pieces, flags=0)
    assert reply.code == 250
    body = b"hellox\r\n.\r\n" + b"a" * 2047 + b"b" + b"c" * 5000 + b"\r\n\r\nend\r\n"
    assert stored.endswith(b"\r\n\r\n" + body) and b"Subject: ab\r\n" in stored and b"\2" not in stored
    assert envelope.flags & HAS_DOT_LINE        # a dot came to the front of a line


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("content, shown, told", [
    (b"Subject: a\0b\r\nX: y\r\n\r\nbody\r\n", "Subject: a", 0), (b"Subject: ab\r\n\r\nhello\1 you\r\n", "hello? you", 1),
    (b"Subject: ab\r\n\r\n" + b"x" * 9000 + b"\1", "x", 1)])
def test_what_is_rejected(post, content, shown, told, seed):
    reply, _, envelope, _, lines = post(content, main=REJECT, pieces=cut(content, seed))
    assert (reply.code, reply.dsn, reply.text) == (550, "5.7.1", "disallowed character") and envelope is None
    refused = [line for line in lines if ": reject: content " in line]
    assert len(refused) == 1 and refused[0].endswith(": 5.7.1 disallowed character") and f": reject: content {shown}" in refused[0]
    assert sum("message-id=" in line for line in lines) == told


@pytest.mark.parametrize("main", ["receive_override_options = no_header_body_checks\n", "body_checks = regexp:{ {/^let/ PASS} }\n"])
def test_who_is_not_looked_at(post, main):
    content = b"Subject: x\r\n\r\nlet it pass\r\nodd \1\2 bytes\r\n"
    assert post(content, main=REJECT + STRIP + main)[3].endswith(b"odd \1\2 bytes\r\n")
