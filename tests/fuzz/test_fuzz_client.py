"""Long random runs over the client core and the content encoder; the seeds are the known dialogues.

PYFIX_FUZZ_SECONDS says how long (10). A failing input is printed, to be added to the transcripts.
"""

import os
import random
import time

import pytest

from tests.core.test_client import TRANSCRIPTS, run_core, run_oracle
from tests.core.test_outgoing import DOTS, POST, PRE, TAIL, check, encode

pytestmark = pytest.mark.fuzz
SECONDS = float(os.environ.get("PYFIX_FUZZ_SECONDS", "10"))
TOKENS = [b"\r\n", b"\n", b"\r", b"250 ok\r\n", b"250-", b"354 x\r\n", b"550 5.1.1 x\r\n", b"421 x\r\n", b"\0", b".", b"4.0.0", b"9" * 40]


def mutate(data: bytes, chance: random.Random) -> bytes:
    """One to four small changes."""
    out = bytearray(data[:3000])
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(out) + 1)
        kind = chance.randrange(4)
        if kind == 0:
            out[at:at] = chance.choice(TOKENS)
        elif kind == 1:
            del out[at:at + chance.randrange(1, 9)]
        elif kind == 2 and at < len(out):
            out[at] = chance.randrange(256)
        else:
            out[at:at] = out[at:at + 40]
    return bytes(out)


def test_dialogues() -> None:
    chance, until = random.Random(2033), time.monotonic() + SECONDS
    seeds = [data for data in TRANSCRIPTS.values() if len(data) < 9000]
    recipients = [b"a@example.com", b"b@example.com"]
    while time.monotonic() < until:
        data = mutate(chance.choice(seeds), chance)
        lmtp = chance.random() < 0.3
        cuts = sorted({chance.randrange(len(data) + 1) for _ in range(3)} - {0, len(data)})
        assert run_core(data, cuts, recipients, lmtp) == run_oracle(data, recipients, lmtp), (data, cuts, lmtp)


def test_contents() -> None:
    chance, until = random.Random(5321), time.monotonic() + SECONDS
    while time.monotonic() < until:
        parts = [chance.choice([chance.choice(PRE), chance.choice(DOTS), chance.choice(POST), TAIL, b"x" * chance.randrange(2000)])
                 for _ in range(chance.randrange(1, 12))]
        content = b"".join(parts)
        check(content)
        assert encode(content, sorted(chance.randrange(len(content) + 1) for _ in range(4))) == encode(content)
