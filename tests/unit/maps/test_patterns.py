"""regexp:, pcre:, cidr: rules, warnings, substitution, and what hostile input may cost."""

import os
import random
import resource
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from pyfix import maps
from pyfix.errors import TableError
from pyfix.maps import flags as F
from pyfix.maps import report
from pyfix.maps.regexp import NODES, nodes
from tests.kit.pace import SLOWER


#: for which a pattern that remembers the last bytes gets into a new state at nearly each byte
RANDOM = bytes(random.Random(1).choices(b"ab", k=100000))


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(report, "sink", lambda level, text: lines.append(text))
    return lines


def used():
    """Processor time of this process and of children that ended, seconds (os.times() has ticks of 10 ms, four of them)."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def fork_cost():
    """Processor time of a fork and its end now: a process that runs tests is many times as large as a service."""
    start = used()
    if (child := os.fork()) == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return used() - start


@contextmanager
def at_most(limit=0.05):
    """The block takes no more processor time than that, in a child or here, and does not wait for ever."""
    clock, start = time.perf_counter(), used()
    yield
    spent = used() - start
    assert spent < SLOWER * limit + fork_cost()
    assert time.perf_counter() - clock < 1, "wall time, with other programs on the machine"


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
    # the square of the text: each start goes to the end
    ("regexp:{{/a[a-z]*[0-9]/ x}}", b"a" * 100000),
    ("regexp:{{/a[a-z]*[0-9]/ x}}", b"a" * 1500),
    ("pcre:{{/a[a-z]*[0-9]/ x}}", b"a" * 100000),
    ("pcre:{{/a[a-z]*[0-9]/ x}}", b"a" * 2000),
    # a new state of the matcher for each byte, which costs ten microseconds
    ("regexp:{{/^(a|b)*a(a|b){20}x/ x}}", RANDOM),
    ("regexp:{{/^(a?){500}x/ x}}", b"a" * 1000),
    ("regexp:{{/(a?){500}x/ x}}", b"a" * 100),
    # repetitions in each other, which PCRE2 counts for each start anew
    ("pcre:{{/((ab|ba|a)+(a+b?){20}[ab](a|b)?b{2,5}[ab]){2,5}/ $1}}", b"ab" * 750),
    ("pcre:{{/(.*)(.*)(.*)(.*)[0-9]/ $1}}", b"ab" * 100),
    # and both, in the second pattern of a rule too
    ("regexp:{{/(a|b)*a(a|b){10}x/ x}}", RANDOM),
    ("regexp:{{/a/!/(a|b)*a(a|b){10}x/ x}}", RANDOM),
    ("regexp:{{if !/(a|b)*a(a|b){10}x/}, {/z/ x}, {endif}}", RANDOM),
    ("regexp:{{/^(a\\{1,255\\}b*)*x/x x}}", b"a" * 10000),
])
def test_hostile_input_is_cut(spec, text, said):
    table, costs = maps.open(spec), []
    while len(costs) < 5 and min(costs, default=1.0) >= SLOWER * 0.05:     # what others do on the machine adds to a single one
        start = used()
        with suppress(TableError):
            table.get(text)
        costs.append(used() - start)
    assert min(costs) < SLOWER * 0.05, costs


@pytest.mark.parametrize("kind", ["regexp", "pcre"])
def test_long_text_that_is_no_trouble_has_its_answer(kind, said):
    """Made in a child: results, groups, IF and negation are those of a short text."""
    table = maps.open(kind + ":{{if !/skip+/}, {/^(a+)[ab]*(b+)z?(x)?$/ <$1|$2|$3>}, {endif}, {/[0-9]+(q)/ $1}, {!/b+/ no-b}}")
    with at_most():
        assert table.get(b"a" * 3000 + b"b" * 3000) == b"<" + b"a" * 3000 + b"|b|>"
    assert table.get(b"a" * 9000 + b"77Q") == b"Q"
    assert table.get(b"skip" + b"a" * 9000) == b"no-b"
    assert table.get(b"b" * 9000 + b"-") is None
    assert said == []


def test_what_the_c_library_remembers_does_not_grow():
    """Each of these texts brings it into a hundred new states; it kept them all, and got slower with each."""
    table = maps.open("regexp:{{/^.*,.{25}x/ r}}")
    rng = random.Random(1)
    for _ in range(100):
        table.get(b"x" + bytes(rng.choices(b"ab,c ", k=120)))
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, used()
    for _ in range(400):
        table.get(b"x" + bytes(rng.choices(b"ab,c ", k=120)))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20000, "KB; without it 50,000"
    assert used() - start < SLOWER * 2.5, "about 2 ms a lookup"
    assert table.get(b"," + b"a" * 25 + b"x") == b"r"


def children():
    """Processes whose parent this one is."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if path.read_text().rpartition(")")[2].split()[1] == str(os.getpid()):
                found.add(path.parent.name)
    return found


def test_no_child_is_left_behind():
    table = maps.open("regexp:{{/(a|b)*a(a|b){10}x/ x}}")
    before = children()
    for _ in range(3):
        with pytest.raises(TableError, match="too long"):
            table.get(RANDOM)
    assert children() == before


def test_lookup_that_can_get_no_child_is_a_temporary_error():
    """No descriptors left: the answer is an error, never "not found"."""
    table = maps.open("regexp:{{/(a|b)*a(a|b){10}x/ x}}")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(TableError, match="too long"):
            table.get(RANDOM)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_hundred_hostile_patterns_end_in_an_error(said):
    rules = ", ".join("{/(x+x+)+[yz]{%d}/ x}" % n for n in range(3, 103))
    table = maps.open("pcre:{" + rules + "}")
    with at_most(), pytest.raises(TableError):
        table.get(b"x" * 500 + b"yz")


def test_many_patterns_over_a_long_text_end_in_an_error():
    """One pass each, but a thousand passes over a header of the largest size."""
    table = maps.open("regexp:{" + ", ".join("{/a[a-z]{%d}[0-9]x*$/ r}" % n for n in range(1, 200)) + "}")
    with at_most(), pytest.raises(TableError):
        table.get(b"abcdefg 1 " * 10000)


def test_patterns_are_bytes_whatever_the_locale():
    for kind in ("pcre", "regexp"):
        table = maps.open(kind + ":{{/^.$/ one}, {/^..$/ two}}", flags=0)
        assert table.get("ä".encode()) == b"two"
        assert maps.open(kind + ":{{/Ä/ upper}}", flags=0).get("ä".encode()) is None


def test_repetitions_that_multiply_are_refused(said):
    assert nodes(rb"((a{1,255}){1,255}){1,255}") > NODES
    assert nodes(rb"^[0-9]{1,3}-[a-z]{1,63}\.[a-z]{1,63}\.(ab|[{}]c){2,}\{9}$") < 300, "one behind the other they add up"
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
