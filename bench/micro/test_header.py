"""The header block of a message of ordinary size: pyfix, its plain-Python oracle, and the email package."""

from email.parser import BytesHeaderParser

import pytest

from pyfix._core.header import HeaderScanner
from tests.oracle import header as plain

HEADER = b"".join(b"Received: from host%d.example.com (host%d [192.0.2.%d])\r\n\tby mail.example.com; Sun, 1 Jan 2026\r\n"
                  % (i, i, i) for i in range(6)) + b"".join(
    name + b": some text <of.usual@length.example.com>\r\n" for name in (
        b"From", b"To", b"Subject", b"Date", b"Message-ID", b"MIME-Version", b"Content-Type", b"X-Mailer", b"List-Id")
) + b"\r\n"


def by_core() -> int:
    scanner = HeaderScanner(64)
    scanner.feed(HEADER)
    return scanner.count


def by_oracle() -> int:
    return len(plain.split_block(HEADER)[0])


def by_library() -> int:
    return len(BytesHeaderParser().parsebytes(HEADER))


@pytest.mark.parametrize("way", [by_core, by_oracle, by_library], ids=lambda way: way.__name__)
def test_header_block(benchmark, way):
    assert benchmark(way) == 15
