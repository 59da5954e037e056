"""The peer's vectors for tables with a search order."""

import pytest

from pyfix.maps import report
from pyfix.maps.search import parse_search
from tests.kit.peer import vectors

DOCUMENT = vectors("util_misc", "map_search")


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in DOCUMENT["vectors"]])
def test_peer(case, monkeypatch):
    warnings = []
    monkeypatch.setattr(report, "sink", lambda level, text: warnings.append(text))
    found = parse_search(case["in"], DOCUMENT["search_types"])
    assert (found is not None, warnings) == (case["ok"], case["warnings"])
