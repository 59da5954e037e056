"""main.cf and master.cf as files: lines, words, braces, columns, errors; units of values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfix.config import load_master, units
from pyfix.config.lines import logical_lines, split_nameval, split_words, unbrace
from pyfix.config.snapshot import read_main
from pyfix.errors import ConfigError


def test_logical_lines():
    text = "# c\n\na = 1\n# in between\n  2\n\n \t3\nb=4\n  # indented comment\n"
    lines = list(logical_lines(text))
    assert [line.text for line in lines] == ["a = 1  2 \t3", "b=4"]
    assert [(line.first, line.last) for line in lines] == [(3, 7), (8, 8)]


@pytest.mark.parametrize(("text", "words"), [
    ("a, b  c\td", ["a", "b", "c", "d"]), ("{ a b } c", ["{ a b }", "c"]), ("x{a b}y", ["x{a b}y"]),
    ("{a {b c} d},e", ["{a {b c} d}", "e"]), ("} a", ["}", "a"]), ("{ a", ["{ a"]), ("", [])])
def test_split_words(text, words):
    assert split_words(text) == words


def test_unbrace():
    assert unbrace("{ a b }") == ("a b", "")
    assert unbrace("{ a b }", strip=False) == (" a b ", "")
    assert unbrace("{ a") == ("a", "missing '}' in \"{ a\"")
    assert unbrace("{a}b") == ("a", "syntax error after '}' in \"{a}b\"")


@given(st.lists(st.text(alphabet="ab{}é=", min_size=1, max_size=5).filter(lambda w: w.count("{") == 0 and "}" not in w)))
def test_words_round_trip(words):
    assert split_words(" , ".join(words)) == words


def test_nameval_errors():
    assert split_nameval("a=b = c ") == ("a", "b = c")
    for text, error in (("= x", "missing attribute name"), ("a b", "missing '=' after attribute name")):
        with pytest.raises(ConfigError, match=error):
            split_nameval(text)


MASTER = """# service type private unpriv chroot wakeup maxproc command
smtp      inet  n  -  y  -   -   smtpd -v
  -o smtpd_tls_wrappermode=yes -o { smtpd_banner = two words }
pickup    unix  n  n  -  60? 1   pickup
slow      unix  -  -  n  -   0   pipe flags=R user=x {argv=/bin/sh -c "a b"}
"""


def test_master(tmp_path):
    path = tmp_path / "master.cf"
    path.write_text(MASTER)
    smtp, pickup, slow = load_master(str(path), chroot_default=True)
    assert (smtp.name, smtp.private, smtp.unprivileged, smtp.chroot, smtp.maxproc) == ("smtp/inet", False, True, True, None)
    assert smtp.overrides == (("smtpd_tls_wrappermode", "yes"), ("smtpd_banner", "two words"))
    assert (smtp.line, smtp.command) == (2, "smtpd")
    assert (pickup.unprivileged, pickup.chroot, pickup.wakeup, pickup.wakeup_if_used, pickup.maxproc) == (False, True, 60, True, 1)
    assert slow.private and slow.maxproc == 0 and slow.args[-1] == 'argv=/bin/sh -c "a b"'


def test_a_first_line_that_begins_with_a_blank(tmp_path):
    """Postfix leaves it out of main.cf with a warning; in master.cf it is an error here."""
    path, told = tmp_path / "main.cf", []
    path.write_text("# c\n\tfoo = bar\n  more words than thirty bytes can hold\nx = 1\n")
    assert read_main(str(path), told.append)[0] == {"x": "1"}
    assert told == [f'{path}: logical line must not start with whitespace: "\tfoo = bar  more words than th..."']
    path.write_text(" smtp unix - - - - - smtp\n")
    with pytest.raises(ConfigError, match="logical line must not start with whitespace") as caught:
        load_master(str(path))
    assert (caught.value.line, caught.value.remedy) == (1, "begin the first line of an entry in the first column")


@pytest.mark.parametrize(("text", "error"), [
    ("smtp inet n", "bad field count"),
    ("smtp tcp n - - - - smtpd", 'invalid type field "tcp"'),
    ("smtp inet y - - - - smtpd", "inet service cannot be private"),
    ("smtp inet n x - - - smtpd", 'invalid unprivileged field "x"'),
    ("smtp inet n - - 5m - smtpd", 'invalid wakeup field "5m"'),
    ("smtp inet n - - - many smtpd", 'invalid process_limit field "many"'),
    ("smtp inet n - - - - smtpd -o {a = b", "missing '}'"),
    ("smtp inet n - - - - smtpd -o novalue", "missing '=' after attribute name")])
def test_master_errors_name_the_line(tmp_path, text, error):
    path = tmp_path / "master.cf"
    path.write_text("# first\n" + text + "\n")
    with pytest.raises(ConfigError) as caught:
        load_master(str(path))
    assert error in caught.value.text
    assert (caught.value.file, caught.value.line) == (str(path), 2)
    assert caught.value.remedy


@pytest.mark.parametrize(("text", "seconds"), [
    ("3", 3), ("3m", 180), ("2h", 7200), ("1d", 86400), ("1w ", 604800), ("-1", None), ("3H", None), ("x", None),
    ("1_0", None), ("٣", None), ("99999999999", None), ("3hx", 10800)])
def test_times(text, seconds):
    assert units.conf_time(text) == seconds


@pytest.mark.parametrize("text", ["1k", "0x10", "1 2", "", "99999999999", "1_0", "٣"])
def test_numbers_refused(text):
    with pytest.raises(ConfigError, match="bad numerical configuration: x = "):
        units.as_int("x", text)


def test_bounds():
    with pytest.raises(ConfigError, match="invalid x parameter value 5 < 10"):
        units.as_int("x", "5", 10, 20)
    assert units.as_int("x", "99999999999", wide=True) == 99999999999
    assert units.as_bool("x", "YES") and not units.as_bool("x", "no")
    with pytest.raises(ConfigError):
        units.as_bool("x", "true")
