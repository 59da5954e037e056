"""Micro benchmarks of the client core and the content encoder, each beside its plain-Python twin.

    python -m pytest bench/micro/test_bench_client.py
"""

import smtplib
from typing import Any

from pyfix._core import client as core
from pyfix._core import request
from pyfix._core.outgoing import Encoder
from tests.oracle import outgoing
from tests.oracle.client import Client

GREETING = b"220 mx.example ESMTP\r\n"
EHLO = b"250-mx.example\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250 DSN\r\n"
REST = b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 End data\r\n"
DOT = b"250 2.0.0 Ok: queued as 4F2A13C05D\r\n"
BODY = b"Subject: x\r\n\r\n" + (b"x" * 70 + b"\r\n") * 56
DOTTED = BODY + b".signature\r\n" + BODY
SETTINGS = request.Settings(b"client.example")


def session() -> int:
    one = core.ClientCore(SETTINGS)
    one.receive(GREETING)
    one.receive(EHLO)
    one.begin(request.Request(b"s@example.org", [b"r@example.com"], size=4096))
    one.receive(REST)
    one.sent_content()
    one.receive(DOT)
    return one.result(0)[0]


def session_in_python() -> Any:
    one = Client(b"client.example")
    one.run(GREETING + EHLO + REST + DOT, b"s@example.org", [b"r@example.com"])
    return one.results


def test_session(benchmark: Any) -> None:
    assert benchmark(session) == 2


def test_session_oracle(benchmark: Any) -> None:
    assert benchmark(session_in_python)[0][0] == "sent"


def test_encode_clean(benchmark: Any) -> None:
    assert benchmark(lambda: Encoder().clean(BODY)) == len(BODY)


def test_encode_dotted(benchmark: Any) -> None:
    assert benchmark(lambda: Encoder().encode(DOTTED)) == DOTTED.replace(b"\r\n.", b"\r\n..")


def test_encode_oracle(benchmark: Any) -> None:
    benchmark(outgoing.encode, DOTTED)


def test_encode_smtplib(benchmark: Any) -> None:
    benchmark(lambda: smtplib._quote_periods(smtplib._fix_eols(DOTTED.decode("latin-1")).encode("latin-1")))
