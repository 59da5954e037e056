"""regexp:, pcre:, cidr: rules, warnings, substitution, and what hostile input may cost."""

import time

import pytest

from pyfix import maps
from pyfix.errors import TableError
from pyfix.maps import flags as F
from pyfix.maps import report
from pyfix.maps.regexp import copies


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(report, "sink", lambda level, text: lines.append(text))
    return lines


@pytest.mark.parametrize("kind", ["regexp", "pcre"])
def test_groups_negation_and_if(kind):
    table = maps.open(kind + ":{{/^(a+)(x)?b/ <$1|$2|$$>}, {if /q/}, {!/z/ no-z}, {endif}, {/Z/ z}}")
    assert table.get(b"aab") == b"<aa||$>"
    assert table.get(b"axb") == b"<a|x|$>"
    assert table.get(b"q") == b"no-z"
    assert table.get(b"qz") == b"z"
    assert table.get(b"n") is None
    assert not table.fixed


def test_double_pattern_of_regexp():
    table = maps.open("regexp:{{/a/!/b/ only-a}}")
    assert table.get(b"a") == b"only-a"
    assert table.get(b"ab") is None


def test_back_reference_of_regexp():
    table = maps.open("regexp:{{/^(a+)-\\1$/ twin $1}}")
    assert table.get(b"aa-aa") == b"twin aa"
    assert table.get(b"aa-a") is None


def test_substitution_can_be_refused(said):
    table = maps.open("pcre:{{/(a)/ $1}}", flags=F.LOOKUP | F.NO_REGSUB)
    assert table.get(b"a") is None
    assert said == ["pcre map {{/(a)/ $1}}, line 1: regular expression substitution is not allowed: skipping this rule"]


@pytest.mark.parametrize("spec,text", [
    ("pcre:{{/^(a+)+$/ x}, {/^(a|aa)+$/ y}, {/^(.*a){12}$/ z}}", b"a" * 30000 + b"!"),
    ("regexp:{{/^(a+)+$/ x}, {/^(a|aa)+$/ y}}", b"a" * 30000 + b"!"),
    ("regexp:{{/(a*)*\\1b/ x}}", b"a" * 3000),
    ("pcre:{{/(x+x+)+y/ x}}", b"x" * 500),
])
def test_hostile_input_is_cut(spec, text, said):
    table = maps.open(spec)
    start = time.perf_counter()
    try:
        assert table.get(text) is None
    except TableError:
        pass
    assert time.perf_counter() - start < 0.2   # 50 ms on a quiet machine; tests run beside others


def test_a_hundred_hostile_patterns_end_in_an_error(said):
    rules = ", ".join("{/(x+x+)+[yz]{%d}/ x}" % n for n in range(3, 103))
    table = maps.open("pcre:{" + rules + "}")
    start = time.perf_counter()
    with pytest.raises(TableError):
        table.get(b"x" * 500 + b"yz")
    assert time.perf_counter() - start < 0.3


def test_many_patterns_over_a_long_text_end_in_an_error():
    """One pass each, but a thousand passes over a header of the largest size."""
    table = maps.open("regexp:{" + ", ".join("{/a[a-z]{%d}[0-9]x*$/ r}" % n for n in range(1, 200)) + "}")
    start = time.perf_counter()
    with pytest.raises(TableError):
        table.get(b"abcdefg 1 " * 10000)
    assert time.perf_counter() - start < 0.3   # 50 ms on a quiet machine


def test_patterns_are_bytes_whatever_the_locale():
    for kind in ("pcre", "regexp"):
        table = maps.open(kind + ":{{/^.$/ one}, {/^..$/ two}}", flags=0)
        assert table.get("ä".encode()) == b"two"
        assert maps.open(kind + ":{{/Ä/ upper}}", flags=0).get("ä".encode()) is None


def test_repetitions_that_multiply_are_refused(said):
    assert copies(rb"((a{1,255}){1,255}){1,255}") > 20000
    maps.open("regexp:{{/((a{1,255}){1,255}){1,255}/ x}}")
    assert "too big" in said[0]


def test_cidr_first_match_negation_and_families(said):
    table = maps.open("cidr:{{10.1.0.0/16 a}, {10.0.0.0/8 b}, {[::1] c}, {if !10.0.0.0/8}, {192.0.2.0/24 d}, {endif}}")
    assert table.get(b"10.1.2.3") == b"a"
    assert table.get(b"10.2.2.3") == b"b"
    assert table.get(b"::1") == b"c"
    assert table.get(b"192.0.2.9") == b"d"
    assert table.get(b"192.0.3.9") is None
    assert table.get(b"010.1.2.3") is None
    assert table.get(b"junk") is None


def test_cidr_rule_says_nothing_about_the_other_kind_of_address():
    """Turned round or not, in a rule or in an IF: Postfix never compares an IPv6 address with an IPv4 block."""
    table = maps.open("cidr:{{!10.0.0.0/8 four}, {if !192.0.2.0/24}, {::/0 never}, {endif}, {!2001:db8::/32 six}}")
    assert table.get(b"192.0.2.1") == b"four"
    assert table.get(b"10.1.1.1") is None
    assert table.get(b"::1") == b"six"
    assert table.get(b"2001:db8::1") is None


def test_cidr_index_agrees_with_the_walk():
    plain = maps.open("cidr:{{10.1.0.0/16 a}, {10.1.2.0/24 never}, {10.0.0.0/8 b}, {0.0.0.0/0 all}}")
    walked = maps.open("cidr:{{10.1.0.0/16 a}, {10.1.2.0/24 never}, {10.0.0.0/8 b}, {0.0.0.0/0 all}, {!::/0 n}}")
    for key in (b"10.1.2.3", b"10.200.0.1", b"8.8.8.8"):
        assert plain.get(key) == walked.get(key)
    assert walked.index is None and plain.index is not None


def test_bad_rules_say_so(said):
    maps.open("cidr:{{10.0.0.1/8 x}, {10.0.0.0/8}, {endif}}")
    assert said == [
        'cidr map {{10.0.0.1/8 x}, {10.0.0.0/8}, {endif}}, line 1: non-null host address bits in "10.0.0.1/8", '
        'perhaps you should use "10.0.0.0/8" instead: skipping this rule',
        "cidr map {{10.0.0.1/8 x}, {10.0.0.0/8}, {endif}}, line 2: no lookup result: skipping this rule",
        "cidr map {{10.0.0.1/8 x}, {10.0.0.0/8}, {endif}}, line 3: ENDIF without IF: skipping this rule"]
