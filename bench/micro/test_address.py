"""One ordinary address, parsed and rewritten: pyfix, its plain-Python oracle, and email.utils.parseaddr.

    .venv/bin/python -m pytest bench/micro/test_address.py --benchmark-columns=median,ops
"""

from email.utils import parseaddr

import pytest

from pyfix._core.address import parse_path
from pyfix._core.rewrite import RewriteRules
from tests.oracle import address as plain
from tests.oracle import rewrite as plain_rewrite

PATH, TEXT = b"<john.doe+list@mail.example.com>", "<john.doe+list@mail.example.com>"
ARGUMENTS = (b"example.com", b"example.com")
FAST, SLOW = RewriteRules(*ARGUMENTS), plain_rewrite.RewriteRules(*ARGUMENTS)


def by_core() -> bytes:
    return FAST.rewrite(parse_path(PATH)[0])


def by_oracle() -> bytes:
    return SLOW.rewrite(plain.parse_path(PATH))


def by_library() -> str:
    return parseaddr(TEXT)[1]


@pytest.mark.parametrize("way", [by_core, by_oracle, by_library], ids=lambda way: way.__name__)
def test_parse_and_rewrite(benchmark, way):
    result = benchmark(way)
    assert result in (b"john.doe+list@mail.example.com", "john.doe+list@mail.example.com")
