"""The contract of tables: found, not found, error; lists; folding."""

import asyncio

import pytest

from pyfix import maps
from pyfix.errors import TableConfigError, TableError
from pyfix.maps import report


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(report, "sink", lambda level, text: lines.append((level, text)))
    return lines


def test_inline_folds_keys_and_keeps_values():
    table = maps.open("inline:{ foo=XX, { bAr = lotsa stuff }}")
    assert table.local and table.fixed
    assert table.get(b"FOO") == b"XX"
    assert table.get(b"bar") == b"lotsa stuff"
    assert table.get(b"baz") is None
    assert asyncio.run(table.lookup(b"foo")) == b"XX"


def test_no_folding_without_the_flag():
    table = maps.open("inline:{ Foo=x }", flags=0)
    assert table.get(b"Foo") == b"x"
    assert table.get(b"foo") is None


def test_unicode_keys_are_folded():
    table = maps.open("inline:{ Ä=x }")
    assert table.get("ä".encode()) == b"x"


def test_key_that_is_not_utf8_is_in_no_table(said):
    table = maps.open("static:x")
    assert table.get(b"\xff") is None
    assert "non-UTF-8 key" in said[0][1]


def test_fail_is_an_error_and_ends_the_search():
    tables = maps.MapList("inline:{a=1}, fail:x, static:y")
    assert tables.get(b"a") == b"1"
    with pytest.raises(TableError):
        tables.get(b"b")


def test_empty_list_is_false_and_an_empty_key_is_never_queried():
    assert not maps.MapList("")
    assert maps.MapList("static:x").get(b"") is None


def test_patterns_get_no_partial_keys():
    tables = maps.MapList("static:x inline:{a=1}")
    assert tables.get(b"a") == b"x"
    assert tables.get_fixed(b"a") == b"1"


def test_unknown_type_and_bad_form():
    for spec in ("nothing:x", "hash", "static:", ":x"):
        with pytest.raises(TableConfigError):
            maps.open(spec)


def test_list_with_a_table_that_does_not_open_fails_each_lookup_until_it_does(said, tmp_path):
    path = tmp_path / "t"
    tables = maps.MapList(f"texthash:{path}")
    with pytest.raises(TableConfigError):
        tables.get(b"a")
    assert said[0][0] == "error"
    path.write_text("a b\n")
    tables._unopened = 0.1
    assert tables.get(b"a") == b"b"


@pytest.mark.parametrize("spec, text", [
    ("inline:{}", "bad syntax"), ("inline:{ }", "empty table"), ("inline:{{ }}", "no key found; expected format: key = value"),
    ('inline:{{"a=b}}', "unbalanced '\"'"), ("inline:{a}", "missing '=' after attribute name")])
def test_what_is_wrong_with_an_inline_table(spec, text):
    with pytest.raises(TableConfigError, match=text):
        maps.open(spec)


@pytest.mark.parametrize("kind, text", [("cidr", "cidr map {0}: read error: Is a directory"), ("texthash", "read {0}: Is a directory")])
def test_a_directory_is_no_table(tmp_path, kind, text):
    with pytest.raises(TableConfigError) as error:
        maps.open(f"{kind}:{tmp_path}")
    assert text.format(tmp_path) in str(error.value)


@pytest.mark.parametrize("line, text", [("=x", 'missing attribute name: "=x"'), ('"a b" = c', "missing '=' after attribute name: \"\"a b\" = c\""),
                                        ("dbpath = /none", "bad string length 0 < 1: table = ")])
def test_what_is_wrong_with_a_configuration_file(tmp_path, line, text):
    (tmp_path / "cfg").write_text(line + "\n")
    with pytest.raises(TableConfigError) as error:
        maps.open(f"sqlite:{tmp_path}/cfg")
    assert text in str(error.value)


@pytest.mark.parametrize("block, text", [("[/33]/8", "bad network value"), ("[1.2.3.4/8]/9", "bad network value"), ("[/33]", "bad mask length"),
                                         ("[1.2.3.4]/3/2", "bad mask value"), ("[1.2.3.4]/", "bad mask value")])
def test_a_mask_behind_brackets_is_the_mask(tmp_path, said, block, text):
    (tmp_path / "t").write_text(f"{block} x\n[10.0.0.0]/8 y\n[11.0.0.0/8] z\n")
    table = maps.open(f"cidr:{tmp_path}/t")
    assert text in said[0][1]
    assert (table.get(b"10.1.1.1"), table.get(b"11.1.1.1"), table.get(b"9.1.1.1")) == (b"y", b"z", None)
