"""What reads text, each beside its plain-Python twin: characters, command words, replies, lists, MIME, headers, local content, log lines, words.

    python -m pytest bench/micro/test_bench_text.py --benchmark-columns=median,ops
"""

from collections.abc import Callable
from typing import Any

import pytest

from bench.gate.operations import CONTENT, HEADER
from pyfix._core import chars, command, envelope, reply, tok822, xtext
from pyfix._core.limits import Limits
from pyfix._core.quote import quote, unquote
from pyfix._core.server import ServerCore
from pyfix._core.wordset import WordSet
from pyfix.cleanup.facts import facts_of
from pyfix.pickup.localcontent import LocalContent
from pyfix.telemetry.lines import masked
from tests.core.test_tapped import played, tapped
from tests.kit.core_client import Client
from tests.kit.mime import expected, scanned
from tests.oracle import address as plain_address
from tests.oracle import facts as plain_facts
from tests.oracle import lines as plain_lines
from tests.oracle import localcontent as plain_localcontent
from tests.oracle import server as plain_server
from tests.oracle import tok822 as plain_tok822
from tests.oracle import words as plain
from tests.oracle import wordset as plain_wordset
from tests.oracle import xtext as plain_xtext

LOG = b"4F2A13C05D: to=<j\xc3\xbcrgen@example.org>, relay=mx.example.org[192.0.2.1]:25, delay=0.2, dsn=2.0.0, status=sent (250 2.0.0 Ok)"
LIST = b"To: Some One <someone@example.com>, \"A. B.\" <a.b@example.org>, team: x@y.example, z@y.example;"
PARTS = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + (b"--x\r\nContent-Type: text/plain\r\n\r\n" + CONTENT[-2000:]) * 3 + b"--x--\r\n"
LIMITS = (102400, 100, 2048, 2048)
WANTED = [b"word%d" % n for n in range(500)]
TEXT = b"Subject: an offer of word499 and nothing of WORD7 else, " * 4
LOCAL = CONTENT.replace(b"\r\n", b"\n")
WORDSET = WordSet(WANTED)
VERBS = ("EHLO", "MAIL", "RCPT", "DATA", "RSET", "QUIT")
TALK = b"".join(plain_server.LINES[verb] + (plain_server.CONTENT if verb == "DATA" else b"") for verb in VERBS)


def local() -> tuple[bytes, int]:
    taker = LocalContent()
    return taker.feed(LOCAL) + taker.finish(), taker.flags


def facts(of: Callable[[bytes], dict[str, Any]]) -> dict[str, Any]:
    found = of(HEADER)
    return {name: found[name] for name in ("end", "body", "received", "message_id", "drop")}


def by_the_core() -> list[int]:
    return [int(line[:3]) for line in Client(forbid_pipelining=False).send(TALK).split(b"\r\n")[:-1]]


def tapped_talk() -> bytes:
    return played(tapped(), TALK)


def untapped_talk() -> bytes:
    return played(ServerCore(Limits(forbid_pipelining=False)), TALK)


PAIRS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "chars": (lambda: chars.printable(LOG), lambda: plain.printable(LOG)),
    "command": (lambda: command.tokens(b"MAIL FROM:<a@b.example> SIZE=4096"), lambda: plain.tokens(b"MAIL FROM:<a@b.example> SIZE=4096")),
    "envelope": (lambda: envelope.path(b"<someone@mail.example.com>"), lambda: plain.path(b"<someone@mail.example.com>")),
    "xtext": (lambda: xtext.unxtext(b"someone+2Bx@example.com"), lambda: plain_xtext.unxtext(b"someone+2Bx@example.com")),
    "reply": (lambda: reply.format_reply(250, b"2.0.0", b"Ok: queued as 4F2A13C05D"),
              lambda: plain.format_reply(250, b"2.0.0", b"Ok: queued as 4F2A13C05D")),
    "quote": (lambda: unquote(quote(b"john doe@example.com")), lambda: plain_address.unquote(plain_address.quote(b"john doe@example.com"))),
    "tok822": (lambda: tok822.parse(LIST), lambda: plain_tok822.parse(LIST)),
    "mime": (lambda: scanned(PARTS, (), False, LIMITS), lambda: expected(PARTS, False, LIMITS)),
    "facts": (lambda: facts(facts_of), lambda: facts(plain_facts.facts_of)),
    "localcontent": (local, lambda: plain_localcontent.converted(LOCAL)),
    "lines": (lambda: masked(LOG), lambda: plain_lines.masked(LOG)),
    "wordset": (lambda: WORDSET.find(TEXT), lambda: plain_wordset.find(WANTED, TEXT)),
    # the automaton only says which codes come; it reads no bytes
    "server": (by_the_core, lambda: plain_server.run(VERBS)),
    "tapped": (tapped_talk, untapped_talk),         # beside the core without a tap
}


@pytest.mark.parametrize("way", ["core", "twin"])
@pytest.mark.parametrize("name", PAIRS)
def test_text(benchmark: Any, name: str, way: str) -> None:
    benchmark.group = name
    core, twin = PAIRS[name]
    assert benchmark(core if way == "core" else twin) == twin()
