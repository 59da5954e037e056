"""The peer's vectors for tables with a search order, and what the installed smtpd answered to more of the kind."""

import pytest

from pyfix.maps import report
from pyfix.maps.search import MapSearch, parse_search
from tests.kit.peer import vectors

DOCUMENT = vectors("util_misc", "map_search")
KINDS = ("cert_fingerprint", "pubkey_fingerprint")
NO_EQUAL = "missing '=' after attribute name"


@pytest.fixture
def warnings(monkeypatch):
    said = []
    monkeypatch.setattr(report, "sink", lambda level, text: said.append(text))
    return said


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in DOCUMENT["vectors"]])
def test_peer(case, warnings):
    found = parse_search(case["in"], DOCUMENT["search_types"])
    assert (found is not None, warnings) == (case["ok"], case["warnings"])


@pytest.mark.parametrize("text, order", [
    ("static:x", None), ("{static:x}", None), ("{static:x search_order=}", ()), ("{static:x {search_order=}}", ()),
    ("{static:x search_order=cert_fingerprint}", KINDS[:1]), ("{static:x { search_order = cert_fingerprint, pubkey_fingerprint } }", KINDS),
    ("{static:x {search_order=CERT_FINGERPRINT}}", KINDS[:1]), ("{static:x {search_order=cert_fingerprint} {search_order=pubkey_fingerprint}}", KINDS[1:]),
])
def test_what_is_asked_for(text, order, warnings):
    assert parse_search(text, KINDS) == MapSearch("static:x", order) and not warnings


@pytest.mark.parametrize("text, said", [
    ("{type:name foo=bar}", ["unknown map attribute in '{text}': 'foo'"]), ("{static:x {search_order}}", [f"malformed map attribute in '{{text}}': '{NO_EQUAL}'"]),
    ("{static:x search_order=one, two}", [f"malformed map attribute in '{{text}}': '{NO_EQUAL}'"]),
    ("{static:x {search_order=cert_fingerprint one}}", ["unknown search type 'one' in '{text}'"]),
    ("{ }", ["empty map specification: '{text}'"]), ("{}", ["empty map specification: '{text}'"]),
    ("{static:x {search_order=cert_fingerprint}{foo=1}}", ["malformed map attribute: syntax error after '}' in \"{search_order=cert_fingerprint}{foo=1}\""]),
    ("{static:x", ["malformed map specification: 'missing '}' in \"{text}\"'"]),
    ("{static}", ["malformed map specification: '{text}'", "expected maptype:mapname instead of 'static'"]),
    ("{static search_order=}", ["malformed map specification: '{text}'", "expected maptype:mapname instead of 'static'"]),
])
def test_as_the_installed_smtpd(text, said, warnings):
    assert parse_search(text, KINDS) is None
    assert warnings == [one.replace("{text}", text) for one in said]
