"""Seeds of fuzz targets, and what is made of them.

`tests/fuzz/corpus/NAME.txt` holds the seeds of the target NAME, one Python bytes literal a line: an input that once failed is added
there, and every run of the ordinary tests plays it again (tests/core/test_corpus.py).
"""

import ast
import random
import time
from collections.abc import Callable
from pathlib import Path

CORPUS = Path(__file__).parents[1] / "fuzz/corpus"
BITS = [b"\r\n", b"\n", b"\r", b".", b"..", b" ", b"\t", b"\0", b"\xff", b"\xe4", b"\xc3\xa4", b"\xe2\x80\xa8", b"<", b">", b'"', b"\\", b"@", b":", b";",
        b"=", b"+", b"+4", b"--", b"9" * 20, b"x" * 70, b"(", b")", b","]


def seeds(name: str) -> list[bytes]:
    """The corpus of a target."""
    return [ast.literal_eval(line) for line in (CORPUS / f"{name}.txt").read_text().splitlines() if line and line[0] != "#"]


def mutated(chance: random.Random, corpus: list[bytes]) -> bytes:
    """A seed, or the heads and tails of two, with some small changes."""
    out = bytearray(chance.choice(corpus))
    if chance.random() < 0.3:
        other = chance.choice(corpus)
        out[chance.randrange(len(out) + 1):] = other[chance.randrange(len(other) + 1):]
    for _ in range(chance.randrange(7)):
        at, kind = chance.randrange(len(out) + 1), chance.randrange(5)
        if kind == 0:
            out[at:at] = chance.choice(BITS)
        elif kind == 1:
            del out[at:at + chance.randrange(1, 12)]
        elif kind == 2:
            out[at:at + 1] = chance.randbytes(1)
        elif kind == 3:
            out[at:at] = out[at:at + chance.randrange(1, 40)]
        elif at < len(out):
            out[at] ^= 1 << chance.randrange(8)
    return bytes(out)


def fuzz(target: Callable[[bytes], None], name: str, seconds: float, seed: int) -> int:
    """Give the target relatives of its corpus; how many. AssertionError: one failed, and this is its line for the corpus."""
    chance, corpus, count, end = random.Random(f"{name} {seed}"), seeds(name), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        for _ in range(20):
            data = mutated(chance, corpus)
            try:
                target(data)
            except Exception as error:
                raise AssertionError(f"{name}: {error!r}, to be added to corpus/{name}.txt:\n{data!r}") from error
            count += 1
    return count
