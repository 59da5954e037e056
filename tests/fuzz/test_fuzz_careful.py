"""Fuzzing what speaks before or beside SMTP: proxy headers, XCLIENT and XFORWARD words, taps. Nothing but its own errors may come out.

PYFIX_FUZZ_SECONDS (default 20) says how long; a failing input is in the assertion.
"""

import os
import random
import time

import pytest

from pyfix.smtpd import attributes, proxied
from pyfix.smtpd.attributes import BadAttribute
from pyfix.smtpd.xclient import NAMES
from tests.core.test_tapped import played, tapped
from tests.fuzz.test_fuzz_server import mutated

pytestmark = pytest.mark.fuzz
SECONDS = float(os.environ.get("PYFIX_FUZZ_SECONDS", "20"))
HEADERS = [b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 25\r\n", b"PROXY TCP6 ::1 ::2 1 2\r\n", proxied.SIGNATURE + b"\x21\x11\0\x0c" + b"x" * 12,
           proxied.SIGNATURE + b"\x21\x21\0\x24" + b"y" * 36, proxied.SIGNATURE + b"\x20\0\0\0"]
WORDS = [b"NAME=a.b", b"ADDR=IPV6:::ffff:1.2.3.4", b"ADDR=1.2.3.4", b"HELO=a+0Ab", b"PORT=65535", b"PROTO=ESMTP", b"LOGIN=+41+00"]


def damaged(rng, data):
    data = bytearray(data)
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(data) + 1)
        if rng.random() < 0.5:
            data[at:at + rng.randrange(4)] = bytes(rng.randrange(256) for _ in range(rng.randrange(4)))
        else:
            data[at:at] = rng.choice([b" ", b"+", b"=", b"\r\n", b":", b"9" * 20, b"\0"])
    return bytes(data)


def try_header(rng):
    data = damaged(rng, rng.choice(HEADERS))
    try:
        ends = proxied.parse(data, lambda six: True)
    except proxied.BadHeader:
        return
    assert ends is None or (ends.used <= len(data) and 0 <= ends.port <= 65535 and b"\0" not in ends.client), data


def try_words(rng):
    data = damaged(rng, b" ".join(rng.choices(WORDS, k=rng.randrange(1, 4))))
    try:
        found = attributes.pairs(data, b"XCLIENT", NAMES)
        for name, value in found.items():
            assert value.isascii() is False or value.decode().isprintable(), data
            if name == b"ADDR":
                shown = attributes.address(name, value, lambda six: True)
                assert shown == b"unknown" or attributes.address(name, b"IPV6:" * (b":" in shown) + shown, lambda six: True) == shown, data
    except BadAttribute as error:
        assert b"\r" not in error.args[0] and b"\n" not in error.args[0], data


def try_tap(rng):
    data = mutated(rng)
    whole, cut = tapped(True), tapped(True)
    assert played(whole, data) == played(cut, data, sorted(rng.sample(range(len(data) + 1), min(len(data), 10)))), data


def test_fuzz_careful():
    rng = random.Random(int(os.environ.get("PYFIX_FUZZ_SEED", "1")))
    end, count = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        count += 1
        try_header(rng), try_words(rng)
        if count % 20 == 0:
            try_tap(rng)
    assert count > 100
