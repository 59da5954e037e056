"""Fuzzing the server core: random walks over a seeded corpus, whole against cut, release against nothing but itself.

PYFIX_FUZZ_SECONDS (default 20) says how long; a failing stream is printed, to be added to CORPUS.
"""

import os
import random
import time

import pytest

from tests.kit.core_client import Client
from tests.oracle.server import CONTENT, LINES

pytestmark = pytest.mark.fuzz
SECONDS = float(os.environ.get("PYFIX_FUZZ_SECONDS", "20"))
CORPUS = [b"".join(LINES[v] for v in ("EHLO", "MAIL", "RCPT", "DATA")) + CONTENT, b"BDAT 0\r\nBDAT 5\r\nabc", b"\0\r\n\xff\r\n",
          b"EHLO a\r\nMAIL FROM:<a@b> SIZE=9 RET=FULL ENVID=+41\r\nRCPT TO:<\"a b\"@c> NOTIFY=NEVER ORCPT=rfc822;a\r\nBDAT 3 LAST\r\n\r\r\n",
          b"MAIL FROM:<" + b"x" * 2100 + b"\r\nNOOP\n", b"LHLO\nQUIT\r\r\n", b".\r\n..\r\n\n.\n\r\n.\r\n"]
TOKENS = [*LINES.values(), CONTENT, b"\r\n", b"\n", b"\r", b".", b"<", b">", b'"', b"\\", b"\0", b"\x80", b"BDAT ", b"LAST", b"9" * 20, b" "]


def mutated(rng):
    """One stream out of the corpus and its relatives."""
    stream = bytearray(b"".join(rng.choices(CORPUS, k=rng.randrange(1, 4))))
    for _ in range(rng.randrange(12)):
        at = rng.randrange(len(stream) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            stream[at:at] = rng.choice(TOKENS)
        elif kind == 1:
            del stream[at:at + rng.randrange(30)]
        elif kind == 2:
            stream[at:at + 1] = bytes([rng.randrange(256)])
        else:
            stream[at:at] = stream[:rng.randrange(60)]
    return bytes(stream)


def test_fuzz_server():
    rng = random.Random(int(os.environ.get("PYFIX_FUZZ_SEED", "1")))
    end, count = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        stream, count = mutated(rng), count + 1
        limits = {"forbid_pipelining": rng.random() < 0.1, "newlines": rng.randrange(4), "lmtp": rng.random() < 0.1,
                  "message_size": rng.choice([0, 50, 10000]), "line_length": rng.choice([64, 2048])}
        whole = Client(**limits)
        replies = whole.send(stream)
        if limits["forbid_pipelining"]:
            continue
        split, at, got = Client(**limits), 0, []
        while at < len(stream):
            step = rng.randrange(1, 40)
            got.append(split.send(stream[at:at + step]))
            at += step
        assert b"".join(got) == replies and split.events == whole.events and split.messages == whole.messages, (limits, stream)
    assert count > 100
