"""Micro benchmarks of the SMTP server's parts beside plain Python (pytest bench/micro --benchmark-only)."""

import pytest

from pyfix._core import data, envelope
from pyfix._core.command import tokens
from tests.kit.core_client import Client
from tests.oracle import data as oracle

MESSAGE = b"Subject: benchmark\r\n\r\n" + (b"a" * 68 + b"\r\n") * 58 + b".\r\n"
LINE = b"MAIL FROM:<someone@example.com> SIZE=4096 BODY=8BITMIME"
SESSION = (b"EHLO client.example\r\n", b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n", MESSAGE, b"QUIT\r\n")


@pytest.mark.benchmark(group="content 4 KB")
def test_scan_content(benchmark):
    assert benchmark(data.scan_only, MESSAGE) == len(MESSAGE)


@pytest.mark.benchmark(group="content 4 KB")
def test_scan_content_in_python(benchmark):
    assert benchmark(oracle.scan, MESSAGE)[2]


@pytest.mark.benchmark(group="command line")
def test_tokens(benchmark):
    assert len(benchmark(tokens, LINE)) == 5


@pytest.mark.benchmark(group="command line")
def test_tokens_in_python(benchmark):
    assert len(benchmark(lambda: LINE.decode("utf-8", "surrogateescape").split(" "))) == 4


@pytest.mark.benchmark(group="path")
def test_plain_path(benchmark):
    assert benchmark(envelope.path, b"<someone@mail.example.com>") == b"someone@mail.example.com"


@pytest.mark.benchmark(group="path")
def test_path_by_the_library(benchmark):
    from email.utils import parseaddr
    assert benchmark(parseaddr, "<someone@mail.example.com>")[1] == "someone@mail.example.com"


def test_whole_session_of_the_core(benchmark):
    def session():
        client = Client()
        for piece in SESSION:
            client.send(piece)
        return client.closed

    assert benchmark(session)
