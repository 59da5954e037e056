"""delay= and delays= as the peer prints them: function/format_tv of its kit."""

from decimal import Decimal
from typing import Any

import pytest

from pyfix.deliver.session import format_tv
from tests.kit.peer import vectors

VECTORS = vectors("format_tv", "format_tv")["vectors"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vector(vector: dict[str, Any]) -> None:
    microseconds = int(Decimal(vector["seconds"]) * 1_000_000)
    assert format_tv(microseconds, vector["significant"], vector["max_decimals"]) == vector["out"]


def test_two_decimals() -> None:
    assert [format_tv(us) for us in (0, 4_999, 5_000, 1_234_567, -5, 99_600_000)] == ["0", "0", "0.01", "1.2", "0", "100"]
