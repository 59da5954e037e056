"""Random bytes and mutated corpus through paths, lists, rewriting and header blocks: no crash, same as the oracles.

PYFIX_FUZZ_SECONDS (10) for each target, PYFIX_SEED for other bytes.
"""

import os
import random
import time
from collections.abc import Callable

import pytest

from pyfix._core import address, command, rewrite, tok822
from pyfix.cleanup import facts
from tests.oracle import address as plain_address
from tests.oracle import facts as plain_facts
from tests.oracle import rewrite as plain_rewrite
from tests.oracle import tok822 as plain_tok822

pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(3600)]
SECONDS, SEED = float(os.environ.get("PYFIX_FUZZ_SECONDS", "10")), int(os.environ.get("PYFIX_SEED", "1"))
CORPUS = [
    b"<user@example.com>", b"Some One <@a,@b:u%d@[1.2.3.4]>", b'"a \\" b"@c.d (comment (nested) \\))', b"g: a@b, c d <e@f>;, x",
    b"a!b!c%d@e.", b"[IPv6:::1]!u", b"\\ @\\", b"<<>>", b":;,<>@", b"((((", b'"' * 7, b"To: a@b\r\n c@d\r\n\r\nbody",
    b"Received: x\r\nMessage-ID:\r\n <a@b>\r\nno colon\r\n", b"\xff\xfe\x00@\x7f"]
FAST, PLAIN = (kind(b"o", b"d.e", True, True, True, True)
               for kind in (rewrite.RewriteRules, plain_rewrite.RewriteRules))


def path(text: bytes) -> None:
    assert address.parse_path(text, allow_empty=True)[0] == plain_address.parse_path(text, allow_empty=True)
    assert address.quote(text) == plain_address.quote(text)
    assert address.unquote(text) == plain_address.unquote(text)
    command.tokens(text)


def tree(text: bytes) -> None:
    assert tok822.parse(text) == plain_tok822.parse(text)


def canonical(text: bytes) -> None:
    assert FAST.rewrite(text) == PLAIN.rewrite(text)


def block(text: bytes) -> None:
    got, want = facts.facts_of(text), plain_facts.facts_of(text)
    assert {name: got[name] for name in want} == want


def mutated(chance: random.Random) -> bytes:
    text = bytearray(chance.choice(CORPUS) + chance.choice(CORPUS) * chance.randint(0, 1))
    for _ in range(chance.randint(0, 6)):
        at = chance.randint(0, len(text))
        if chance.random() < 0.5:
            text[at:at] = bytes((chance.choice(b'@!%<>()[]",;:\\. \t\r\n\x00\xffaZ'),))
        else:
            del text[at:at + chance.randint(1, 4)]
    return bytes(text)


@pytest.mark.parametrize("target", [path, tree, canonical, block], ids=lambda target: target.__name__)
def test_fuzz(target: Callable[[bytes], None]) -> None:
    chance, deadline = random.Random(SEED), time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        for _ in range(100):
            target(mutated(chance))
