"""Random values and bent bytes through msgpack and the frames between processes: as the oracles, however cut.

PYFIX_FUZZ_SECONDS (10) for each target, PYFIX_SEED for other bytes.
"""

import math
import os
import random
import time
from collections.abc import Callable

import msgpack
import pytest

from pyfix._core.pack import pack
from pyfix._core.unpack import unpack
from tests.kit.frames import received
from tests.oracle import stream as oracle

pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(3600)]
SECONDS, SEED = float(os.environ.get("PYFIX_FUZZ_SECONDS", "10")), int(os.environ.get("PYFIX_SEED", "1"))
NUMBERS = [0, 1, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1, -1, -32, -33, -128, -129, -2**31, -2**63]


def value(chance: random.Random, depth: int = 0) -> object:
    """Anything that a message or a record may hold."""
    kind = chance.randrange(9 if depth < 5 else 6)
    if kind < 2:
        return chance.choice(NUMBERS)
    if kind < 5:
        return chance.choice([None, True, 0.5, chance.randbytes(chance.randrange(40)), "x" * chance.randrange(40), "\u00e4\u20ac", b"", ""])
    if kind == 5:
        return chance.randbytes(chance.choice([31, 32, 255, 256, 65535, 65536]))
    if kind < 8:
        return [value(chance, depth + 1) for _ in range(chance.randrange(18))]
    return {str(n): value(chance, depth + 1) for n in range(chance.randrange(18))}


def bent(data: bytes, chance: random.Random) -> bytes:
    """A few small changes."""
    out = bytearray(data)
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(out) + 1)
        if chance.random() < 0.5:
            out[at:at + 1] = chance.randbytes(1)
        elif chance.random() < 0.5:
            del out[at:at + chance.randrange(1, 6)]
        else:
            out[at:at] = out[at:at + 9]
    return bytes(out)


def packed(chance: random.Random) -> None:
    one = value(chance)
    data = pack(one)
    assert data == msgpack.packb(one, use_bin_type=True) and unpack(data) == one
    damaged = bent(data, chance)
    try:
        found = unpack(damaged)
    except ValueError:
        return
    expected = msgpack.unpackb(damaged, raw=False, strict_map_key=False)
    assert found == expected or "nan" in repr(expected) or isinstance(found, float) and math.isnan(found)


def frames(chance: random.Random) -> None:
    bodies = [pack([chance.randrange(40), *(value(chance, 3) for _ in range(chance.randrange(4)))]) for _ in range(chance.randrange(1, 5))]
    data = bent(b"".join(len(body).to_bytes(4, "big") + body for body in bodies), chance)
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(5)))
    ours, theirs = received(data, cuts), oracle.messages(data)
    assert repr(ours) == repr(theirs), (data, cuts)


@pytest.mark.parametrize("target", [packed, frames], ids=lambda target: target.__name__)
def test_fuzz(target: Callable[[random.Random], None]) -> None:
    chance, deadline, count = random.Random(SEED), time.monotonic() + SECONDS, 0
    while time.monotonic() < deadline:
        for _ in range(20):
            target(chance)
        count += 20
    assert count >= 20
