"""Values in SQL templates, LDAP filters and names: nothing a peer sends gets out of its place."""

import re
import sqlite3

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyfix import maps
from pyfix.errors import TableConfigError
from pyfix.maps.cfgfile import Settings
from pyfix.maps.ldap import quote_filter, quote_name
from pyfix.maps.sqlhosts import Hosts, safe_charset
from pyfix.maps.sqltext import Place, SqlFormat, escape, places

SETTINGS = Settings("mysql:/x", "/x", {})
KEYS = st.text(alphabet=st.sampled_from(list("ab'\"`\\%$@.-/*#;() \n\u20ac")), min_size=1).map(str.encode)


def statement(text, key, dialect="mysql", backslash=True):
    return SqlFormat(text, SETTINGS, dialect).statement(key, backslash)


def test_places():
    assert places(b"select '%s' \"%s\" `%s` %s", "mysql") == [
        Place(b"'", False), Place(b'"', False), Place(b"`", False), Place(b"", False)]
    assert places(b"select E'%s' U&'%s' e'\\'%s' $a$ '%s $a$ '%s'", "pgsql") == [
        Place(b"'", True), None, Place(b"'", True), None, Place(b"'", False)]
    assert places(b"-- it's %s\n/* ' %s */ '%s' -- x'%s", "pgsql") == [None, None, Place(b"'", False), None]
    assert places(b"'it''s %s' '\\'%s' # '%s\n 'x%%' [%s] ", "mysql")[:3] == [Place(b"'", False), Place(b"'", False), None]
    assert places(b"'\\' %s '%s'", "sqlite") == [Place(b"", False), Place(b"'", False)]


def test_statements():
    assert statement("x = '%s'", b"o'hara\\") == b"x = 'o''hara\\\\'"
    assert statement("x = '%s'", b"o'hara\\", backslash=False) == b"x = 'o''hara\\'"
    assert statement("x = %s", b"1 or 1=1") == b"x = '1 or 1=1'"
    assert statement('x = "%u"', b'a"b@c') == b'x = "a""b"'
    assert statement("x like '%%@%d'", b"a@b") == b"x like '%@b'"
    assert statement("x = '%d'", b"a") is None
    for text in ("/* %s */", "x -- %s", "$$%s$$", "U&'%s'"):
        with pytest.raises(TableConfigError, match="can't be escaped"):
            SqlFormat(text, SETTINGS, "pgsql")
    with pytest.raises(TableConfigError, match="db_common_parse: /x: Invalid query template: %z"):
        SqlFormat("%z", SETTINGS, "mysql")


@given(KEYS, st.sampled_from([b"'", b'"', b"`", b""]), st.booleans())
@example(b"\\' or 1=1 -- ", b"'", True)
def test_no_way_out_of_quotes(key, quote, backslash):
    """Read as the server would: the value, all of it, and nothing after the closing quote."""
    place = Place(quote, False)
    text = escape(key, place, backslash)
    mark = quote or b"'"
    body = text if quote else text[1:-1]
    rest = body + mark
    plain, at = b"", 0
    while True:
        byte = rest[at:at + 1]
        if byte == b"\\" and backslash and mark != b"`":
            plain, at = plain + rest[at + 1:at + 2], at + 2
        elif byte == mark:
            if rest[at + 1:at + 2] != mark:
                break
            plain, at = plain + mark, at + 2
        else:
            plain, at = plain + byte, at + 1
    assert plain == key and at == len(rest) - 1


@given(KEYS)
def test_sqlite_gets_the_key_itself(key):
    database = sqlite3.connect(":memory:")
    for text in ("select '%s'", "select %s", "select /* it's */ '%s' -- '"):
        query = statement(text, key, "sqlite", False)
        assert database.execute(query.decode()).fetchone()[0].encode() == key
    database.close()


def test_sqlite_injection(tmp_path):
    path = tmp_path / "db"
    with sqlite3.connect(path) as database:
        database.execute("create table a (k, v)")
        database.execute("insert into a values ('joe', 'found')")
    for query in ("select v from a where k = '%s'", "select v from a where k = %s", 'select v from a where k = "%s"'):
        file = tmp_path / "t.cf"
        file.write_text(f"dbpath = {path}\nquery = {query}\n")
        table = maps.open(f"sqlite:{file}")
        for key in (b"x'/**/UNION/**/SELECT/**/'owned'--@r", b"x' or '1'='1", b'x" or "1"="1', b"1 or 1=1", b"'"):
            assert table.get(key) is None
        assert query.endswith('"') or table.get(b"joe") == b"found"
        table.close()


@given(st.binary())
def test_ldap_values_hold_no_metacharacters(key):
    text = quote_filter(key)
    assert not re.search(rb"[*()\0]", text)
    assert re.sub(rb"\\([0-9A-F]{2})", lambda m: bytes([int(m[1], 16)]), text) == key
    name = quote_name(key)
    assert not re.search(rb"[\t\n\r \"#+,;<>=\0]", name)
    assert re.sub(rb"\\([0-9A-F]{2})", lambda m: bytes([int(m[1], 16)]), name) == key


def test_charsets_where_escaping_is_not_safe(tmp_path):
    assert safe_charset("utf8mb4") and safe_charset("latin1") and not safe_charset("GBK") and not safe_charset("SHIFT_JIS_2004")
    file = tmp_path / "t.cf"
    file.write_text("dbname = d\nquery = select '%s'\ncharset = gbk\nencoding = SJIS\n")
    for kind in ("mysql", "pgsql"):
        with pytest.raises(TableConfigError, match="safely in it"):
            maps.open(f"{kind}:{file}")


def test_hosts_unix_first_and_failed_ones_last():
    hosts = Hosts(Settings("mysql:/x", "/x", {"hosts": "a, inet:b:1 unix:/c unix:/d"}), "mysql")
    order = [server.text for server in hosts.candidates()]
    assert set(order[:2]) == {"unix:/c", "unix:/d"} and set(order[2:]) == {"a", "inet:b:1"}
    import time

    for server in hosts.servers:
        server.failed = time.monotonic()
    assert list(hosts.candidates()) == []
    hosts.servers[0].failed -= 100
    assert [server.text for server in hosts.candidates()] == ["a"]
