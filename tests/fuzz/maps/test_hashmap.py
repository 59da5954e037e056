"""Damaged images and random sources: never a crash, never an answer from outside the image."""

import random

import pytest

from pyfix._core.hashbuild import Builder
from pyfix._core.hashmap import Reader
from pyfix.errors import TableError
from pyfix.maps.cdbfile import Cdb, build
from tests.oracle import hashmap as oracle

pytestmark = pytest.mark.fuzz
WORDS = [b"\n", b"\n ", b" ", b"\t", b"#", b'"', b"\\", b":", b"key", b"Value", b"\xc3\xa4", b"\xff", b"\r", b"\0"]


def damage(rng, good, start):
    bad = bytearray(good)
    for _ in range(rng.randrange(1, 12)):
        at = rng.randrange(start, len(bad))
        bad[at:at + rng.choice((1, 4, 8))] = rng.choice((b"\0", b"\xff" * 4, rng.randbytes(8), b"\0" * 8))
    return bytes(bad)


@pytest.mark.parametrize("seed", range(20))
def test_damaged_images(seed):
    rng = random.Random(seed)
    pairs = [(rng.choice(WORDS) + rng.randbytes(rng.randrange(12)), rng.randbytes(rng.randrange(12))) for _ in range(rng.randrange(1, 80))]
    builder = Builder(seed=bytes(16))
    for key, value in pairs:
        builder.add(key, value)
    for good, kind, start in ((bytes(builder.image()[0]), Reader, 96), (bytes(build(pairs)), Cdb, 0)):
        for _ in range(2000):
            try:
                reader = kind(damage(rng, good, start))
                for key, _ in pairs[:10]:
                    reader.find(key)
                for _ in reader.items():
                    pass
            except TableError:
                pass


@pytest.mark.parametrize("seed", range(20))
def test_random_sources(seed):
    rng = random.Random(seed)
    for _ in range(3000):
        data = b"".join(rng.choice(WORDS) for _ in range(rng.randrange(60)))
        fold, utf8 = rng.random() < 0.5, rng.random() < 0.5
        builder = Builder(fold, utf8)
        builder.parse(data)
        assert (builder.entries(), builder.events()) == oracle.parse(data, fold, utf8)
