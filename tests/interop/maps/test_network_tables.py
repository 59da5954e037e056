"""Network tables against real servers: MariaDB, PostgreSQL, OpenLDAP, memcached, Redis.

Every kind: found, not found, several values, restart of the server, an outage, and keys made to break out of the query.
"""

import asyncio
import subprocess
import time

import pytest

from pyfix import maps
from pyfix.errors import TableError
from pyfix.maps import report
from pyfix.maps.remote import waited

from ...kit import servers

pytestmark = pytest.mark.interop

#: what a peer may put into an address (HOSTILE 3.3: Exim CVE-2025-26794, CVE-2025-67896), and more of the kind
HOSTILE = [
    b"x'/**/UNION/**/SELECT/**/'owned'--", b"x' OR '1'='1", b"x\" OR \"1\"=\"1", b"x\\' OR 1=1 -- ", b"\\", b"'", b'"',
    b"x'; DROP TABLE aliases; --", b"%s", b"%27", b"x`", b"$1", b"$$", b"/*", b"*/", b"--", b"\xe2\x82\xac\\' OR 1=1 #",
    b"*", b"*)(mail=*", b"x)(|(mail=*))", b"\\2a", b"(", b")", b"x\r\nset a 0 0 1\r\nb\r\n", b"x\ny", b"x y", b"\x01", b"a,b",
    b"x'/**/UNION/**/SELECT/**/'owned'--@example.com", b"\"x' or 1=1--\"@example.com", b"'||(select 'owned')||'@example.com",
]


@pytest.fixture(autouse=True)
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(report, "sink", lambda level, text: lines.append(text))
    return lines


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """running(name): the server, started once for this module."""
    started = {}

    def get(name):
        if name not in started:
            started[name] = servers.start(name, tmp_path_factory.mktemp(name))
        return started[name]

    yield get
    for server in started.values():
        server.end()


def table(tmp_path, kind, text):
    file = tmp_path / f"{kind}.cf"
    file.write_text(text)
    return maps.open(f"{kind}:{file}")


def restart(server):
    server.stop()
    server.go()


# -- SQL

SQL = """
CREATE TABLE aliases (id INT, address VARCHAR(200), target VARCHAR(200));
INSERT INTO aliases VALUES (1, 'joe@example.com', 'joe'), (2, 'list@example.com', 'a@x'), (3, 'list@example.com', 'b@x'),
 (4, 'empty@example.com', NULL), (5, 'o''hara@example.com', 'ohara'), (6, 'back\\slash', 'slash')
"""


@pytest.fixture(scope="module")
def mysql(running):
    pymysql = pytest.importorskip("pymysql", reason="pip install 'pyfix[mysql]'")
    server = running("mariadb")
    admin = pymysql.connect(host="127.0.0.1", port=server.port, user="root", autocommit=True)
    with admin.cursor() as cursor:
        for statement in ("CREATE DATABASE mail CHARACTER SET utf8mb4", "USE mail",
                          *SQL.replace("\\", "\\\\").strip().split(";\n"),
                          "CREATE USER joe@'127.0.0.1' IDENTIFIED BY 'geheim'", "GRANT ALL ON mail.* TO joe@'127.0.0.1'",
                          "CREATE PROCEDURE find(IN k VARCHAR(200)) SELECT target FROM aliases WHERE address = k",
                          "CREATE PROCEDURE none(IN k VARCHAR(200)) SET @x = k"):
            cursor.execute(statement)
    yield server, admin
    admin.close()


@pytest.fixture(scope="module")
def pgsql(running):
    psycopg = pytest.importorskip("psycopg", reason="pip install 'pyfix[pgsql]'")
    server = running("postgres")
    admin = psycopg.connect(host="127.0.0.1", port=server.port, user="admin", dbname="postgres", autocommit=True)
    admin.execute(SQL)
    yield server, admin
    admin.close()


def sql_table(kind, tmp_path, server, query, more=""):
    login = "user = joe\npassword = geheim\ndbname = mail" if kind == "mysql" else "user = admin\ndbname = postgres"
    return table(tmp_path, kind, f"hosts = inet:127.0.0.1:{server.port}\n{login}\nquery = {query}\n{more}")


@pytest.fixture(params=["mysql", "pgsql"])
def sql(request, tmp_path):
    """(kind, server, open a table)."""
    server, admin = request.getfixturevalue(request.param)
    return request.param, admin, lambda query, more="": sql_table(request.param, tmp_path, server, query, more)


PLAIN = "SELECT target FROM aliases WHERE address = '%s' ORDER BY id"


def test_sql_found_and_not_found(sql):
    _, _, opened = sql
    one = opened(PLAIN)
    assert one.get(b"joe@example.com") == b"joe"
    assert one.get(b"JOE@EXAMPLE.COM") == b"joe"
    assert one.get(b"list@example.com") == b"a@x,b@x"
    assert one.get(b"empty@example.com") is None
    assert one.get(b"nobody@example.com") is None
    assert one.get(b"o'hara@example.com") == b"ohara"
    assert one.get(b"back\\slash") == b"slash"
    assert one.get(b"\xff@example.com") is None
    one.close()


def test_sql_parameters(sql, said):
    _, _, opened = sql
    one = opened("SELECT target, id FROM aliases WHERE address = '%u@%d' AND '%2' = 'example' ORDER BY id",
                 "result_format = <%s>%d\nexpansion_limit = 3\n")
    assert one.get(b"joe@example.com") is None  # "joe" has no domain
    two = opened(PLAIN, "expansion_limit = 1\ndomain = example.com\nresult_format = [%s]%U\n")
    assert two.get(b"joe@example.com") == b"[joe]joe"
    with pytest.raises(TableError):
        two.get(b"list@example.com")
    assert any("Expansion limit exceeded for key: 'list@example.com'" in line for line in said)
    assert two.get(b"joe@example.org") is None and two.get(b"@example.com") is None and two.get(b"joe") is None


@pytest.mark.parametrize("query", [
    PLAIN, "SELECT target FROM aliases WHERE address = %s", "SELECT target FROM aliases WHERE address = '%u' OR address = %s",
    "SELECT target FROM aliases /* it's */ WHERE address = '%s' -- it's\n",
])
def test_sql_injection(sql, query):
    kind, admin, opened = sql
    one = opened(query.rstrip())
    for key in HOSTILE:
        value = one.get(key)
        assert value is None, (key, value)
    assert one.get(b"joe@example.com") == b"joe"
    one.close()


def test_sql_double_quotes(sql):
    """A string in MySQL, a name in PostgreSQL: no way out of either."""
    kind, admin, opened = sql
    one = opened('SELECT target FROM aliases WHERE address = "%s"')
    for key in HOSTILE:
        try:
            assert one.get(key) is None, key
        except TableError:
            assert kind == "pgsql"
    assert kind == "pgsql" or one.get(b"joe@example.com") == b"joe"


def test_pgsql_backslash_strings(pgsql, tmp_path):
    for query in ("SELECT target FROM aliases WHERE address = E'%s'", "SELECT target FROM aliases WHERE address = '%s'"):
        one = sql_table("pgsql", tmp_path, pgsql[0], query)
        for key in HOSTILE:
            assert one.get(key) is None, key
        assert one.get(b"back\\slash") == b"slash"
    pgsql[1].execute("ALTER ROLE admin SET standard_conforming_strings = off")
    try:
        one = sql_table("pgsql", tmp_path, pgsql[0], PLAIN)
        for key in HOSTILE:
            assert one.get(key) is None, key
        assert one.get(b"back\\slash") == b"slash"
    finally:
        pgsql[1].execute("ALTER ROLE admin RESET standard_conforming_strings")


def test_mysql_without_backslash_escapes(mysql, tmp_path):
    with mysql[1].cursor() as cursor:
        cursor.execute("SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'")
    try:
        one = sql_table("mysql", tmp_path, mysql[0], PLAIN)
        for key in HOSTILE:
            assert one.get(key) is None, key
        assert one.get(b"back\\slash") == b"slash"
        assert one.get(b"o'hara@example.com") == b"ohara"
    finally:
        with mysql[1].cursor() as cursor:
            cursor.execute("SET GLOBAL sql_mode = DEFAULT")


def test_mysql_procedures(mysql, tmp_path, said):
    one = sql_table("mysql", tmp_path, mysql[0], "CALL find('%s')")
    assert one.get(b"joe@example.com") == b"joe" and one.get(b"nobody") is None and one.get(b"joe@example.com") == b"joe"
    with pytest.raises(TableError):
        sql_table("mysql", tmp_path, mysql[0], "CALL none('%s')").get(b"x")
    assert any("query returned no result set(require_result_set = yes)" in line for line in said)
    assert sql_table("mysql", tmp_path, mysql[0], "CALL none('%s')", "require_result_set = no\n").get(b"x") is None


def test_pgsql_uri_and_function(pgsql, tmp_path, monkeypatch):
    pgsql[1].execute("CREATE OR REPLACE FUNCTION f(text) RETURNS SETOF varchar LANGUAGE sql AS "
                     "'SELECT target FROM aliases WHERE address = $1 ORDER BY id'")
    one = table(tmp_path, "pgsql", f"hosts = postgresql://admin@127.0.0.1:{pgsql[0].port}/postgres\nselect_function = f\n")
    assert one.get(b"list@example.com") == b"a@x,b@x"
    unix = table(tmp_path, "pgsql", f"hosts = unix:{pgsql[0].directory}\nuser = admin\ndbname = postgres\nquery = "
                                    f"SELECT true, 1.50, 'x' WHERE '%s' <> ''\n")
    monkeypatch.setenv("PGPORT", str(pgsql[0].port))  # the socket's name has the port; libpq takes it from there
    assert unix.get(b"k") == b"t,1.50,x"


def test_mysql_unix_socket(mysql, tmp_path):
    one = table(tmp_path, "mysql", f"hosts = unix:{mysql[0].directory}/s 127.0.0.1:1\nuser = root\ndbname = mail\nquery = {PLAIN}\n")
    assert one.get(b"joe@example.com") == b"joe"


def test_sql_outage_is_an_error_and_passes(sql, running, said):
    kind, _, opened = sql
    one = opened(PLAIN)
    assert one.get(b"joe@example.com") == b"joe"
    server = running("mariadb" if kind == "mysql" else "postgres")
    server.stop()
    try:
        with pytest.raises(TableError):
            one.get(b"joe@example.com")
        with pytest.raises(TableError):
            one.get(b"joe@example.com")
    finally:
        server.go()
    time.sleep(1.1)
    assert one.get(b"joe@example.com") == b"joe"
    restart(server)
    assert one.get(b"joe@example.com") == b"joe", "a kept connection that broke is replaced without a word"
    bad = opened("SELECT nothing FROM nowhere WHERE x = '%s'")
    with pytest.raises(TableError):
        bad.get(b"x")
    assert any("query failed" in line for line in said)


def test_sql_many_at_once_never_blocks(sql):
    kind, _, opened = sql
    nap = "sleep(0.2)" if kind == "mysql" else "pg_sleep(0.2)"
    one = opened(f"SELECT {nap}, target FROM aliases WHERE address = '%s'", "result_format = %s\n")

    async def run():
        late = 0.0

        async def beat():
            nonlocal late
            while True:
                before = time.monotonic()
                await asyncio.sleep(0.005)
                late = max(late, time.monotonic() - before - 0.005)

        heart = asyncio.create_task(beat())
        await one.lookup(b"joe@example.com")
        start = time.monotonic()
        await asyncio.gather(*(one.lookup(b"joe@example.com") for _ in range(20)))
        took = time.monotonic() - start
        heart.cancel()
        return took, late

    took, late = waited(run())
    assert took < 3, "20 lookups of 0.2 s on 10 connections"
    assert late < 0.5


# -- LDAP

LDIF = """dn: dc=example,dc=com
objectClass: dcObject
objectClass: organization
o: example
dc: example

dn: cn=joe,dc=example,dc=com
objectClass: inetOrgPerson
cn: joe
sn: joe
mail: joe@example.com
uid: joe
description: one
description: two

dn: cn=ann,dc=example,dc=com
objectClass: inetOrgPerson
cn: ann
sn: ann
mail: ann@example.com
uid: ann

dn: cn=team,dc=example,dc=com
objectClass: groupOfNames
objectClass: extensibleObject
cn: team
mail: team@example.com
uid: group
member: cn=joe,dc=example,dc=com
member: cn=ann,dc=example,dc=com

dn: cn=loop,dc=example,dc=com
objectClass: groupOfNames
objectClass: extensibleObject
cn: loop
mail: loop@example.com
member: cn=loop,dc=example,dc=com

dn: cn=url,dc=example,dc=com
objectClass: groupOfNames
objectClass: extensibleObject
cn: url
mail: url@example.com
member: cn=ann,dc=example,dc=com
labeledURI: ldap:///dc=example,dc=com?uid?sub?(mail=joe@example.com)
"""


@pytest.fixture(scope="module")
def ldap(running):
    pytest.importorskip("ldap", reason="pip install 'pyfix[ldap]' (needs libldap2-dev and libsasl2-dev)")
    server = running("slapd")
    subprocess.run(["ldapadd", "-x", "-H", f"ldap://127.0.0.1:{server.port}", "-D", "cn=admin,dc=example,dc=com", "-w",
                    "secret"], input=LDIF.encode(), check=True, stdout=subprocess.DEVNULL)
    return server


def ldap_table(tmp_path, server, more="", filter="mail=%s"):
    return table(tmp_path, "ldap", f"server_host = ldap://127.0.0.1:{server.port}\nversion = 3\nsearch_base = dc=example, "
                                   f"dc=com\nquery_filter = ({filter})\nbind = no\n{more}")


def test_ldap_found_and_not_found(ldap, tmp_path, said):
    one = ldap_table(tmp_path, ldap, "result_attribute = uid\n")
    assert one.get(b"joe@example.com") == b"joe"
    assert one.get(b"nobody@example.com") is None
    assert ldap_table(tmp_path, ldap, "result_attribute = description\n").get(b"joe@example.com") == b"one,two"
    bound = ldap_table(tmp_path, ldap, "result_attribute = uid\nbind = yes\nbind_dn = cn=admin,dc=example,dc=com\n"
                                       "bind_pw = secret\n".replace("bind = no", ""))
    assert bound.get(b"joe@example.com") == b"joe"
    with pytest.raises(TableError):
        ldap_table(tmp_path, ldap, "result_attribute = description\nexpansion_limit = 1\n").get(b"joe@example.com")
    wrong = ldap_table(tmp_path, ldap, "bind_dn = cn=admin,dc=example,dc=com\nbind_pw = wrong\nbind = simple\n")
    with pytest.raises(TableError):
        wrong.get(b"joe@example.com")
    assert any("Unable to bind to server ldap://127.0.0.1" in line for line in said)


def test_ldap_recursion(ldap, tmp_path, said):
    team = ldap_table(tmp_path, ldap, "result_attribute =\nleaf_result_attribute = uid\nspecial_result_attribute = member\n")
    assert team.get(b"team@example.com") == b"joe,ann"
    terminal = ldap_table(tmp_path, ldap, "result_attribute = mail\nterminal_result_attribute = uid\n"
                                          "special_result_attribute = member\n")
    assert terminal.get(b"team@example.com") == b"group"
    url = ldap_table(tmp_path, ldap, "result_attribute = uid\nspecial_result_attribute = labeledURI\n")
    assert url.get(b"url@example.com") == b"joe"
    loop = ldap_table(tmp_path, ldap, "result_attribute = uid\nspecial_result_attribute = member\nrecursion_limit = 20\n")
    with pytest.raises(TableError):
        loop.get(b"loop@example.com")
    assert any("Recursion limit exceeded for special attribute member=cn=loop" in line for line in said)


def test_ldap_injection(ldap, tmp_path):
    one = ldap_table(tmp_path, ldap, "result_attribute = uid\n")
    base = table(tmp_path, "ldap", f"server_host = 127.0.0.1:{ldap.port}\nversion = 3\nbind = none\nsearch_base = "
                                   f"cn=%u,dc=example,dc=com\nquery_filter = (objectclass=*)\nscope = base\nresult_attribute = uid\n")
    assert base.get(b"joe@x") == b"joe"
    for key in HOSTILE + [b"joe,dc=example,dc=com", b"joe\\,dc", b" joe", b"joe+sn=x", b"#6a"]:
        assert one.get(key) is None, key
        assert base.get(key) in (None, b"joe" if key.strip() == b"joe" else None), key


def test_ldap_outage(ldap, tmp_path):
    one = ldap_table(tmp_path, ldap, "result_attribute = uid\ntimeout = 2\n")
    assert one.get(b"joe@example.com") == b"joe"
    restart(ldap)
    assert one.get(b"joe@example.com") == b"joe"
    ldap.stop()
    try:
        with pytest.raises(TableError):
            one.get(b"joe@example.com")
    finally:
        ldap.go()
    assert one.get(b"joe@example.com") == b"joe"


# -- memcached and Redis

def cache_table(kind, server, tmp_path, more=""):
    first = (f"memcache = inet:127.0.0.1:{server.port}\nretry_pause = 1\n" if kind == "memcache"
             else f"server = inet:127.0.0.1:{server.port}\npassword = geheim\n")
    return table(tmp_path, kind, first + more)


@pytest.fixture(params=["memcache", "redis"])
def cache(request, running, tmp_path):
    kind = request.param
    server = running("memcached" if kind == "memcache" else "redis")
    return kind, server, lambda more="": cache_table(kind, server, tmp_path, more)


def test_cache_store_find_remove(cache):
    kind, _, opened = cache
    one = opened("key_format = a:%s\n")
    one.put(b"Joe@example.com", b"some value")
    assert one.get(b"joe@example.com") == b"some value"
    assert opened().get(b"a:joe@example.com") == b"some value"
    assert one.delete(b"joe@example.com") and not one.delete(b"joe@example.com")
    assert one.get(b"joe@example.com") is None
    domain = opened("key_format = %u/%1\ndomain = example.com\n")
    domain.put(b"joe@example.com", b"1")
    assert opened().get(b"joe/com") == b"1" and domain.get(b"joe@example.org") is None and domain.get(b"@example.com") is None


def test_cache_injection(cache):
    kind, _, opened = cache
    one = opened("key_format = b:%s\n")
    one.put(b"safe", b"safe")
    for key in HOSTILE + [b"x\r\nget b:safe\r\n", b"safe\r\n", b"x" * 300, b"\r\nFLUSHALL\r\n", b"flush_all"]:
        assert one.get(key) is None, key
    one.put(b"x\r\nflush_all\r\n", b"v\r\nEND\r\n")
    assert one.get(b"safe") == b"safe"


def test_cache_outage(cache, said):
    kind, server, opened = cache
    one = opened("timeout = 1\n")
    assert one.get(b"outage") is None
    restart(server)
    assert one.get(b"outage") is None, "a kept connection that broke is replaced without a word"
    server.stop()
    try:
        with pytest.raises(TableError):
            one.get(b"outage")
    finally:
        server.go()
    assert one.get(b"outage") is None


def test_memcache_backup(running, tmp_path):
    server = running("memcached")
    one = cache_table("memcache", server, tmp_path, "backup = inline:{joe=found}\nkey_format = c:%s\n")
    assert one.get(b"joe") == b"found" and one.get(b"ann") is None
    assert cache_table("memcache", server, tmp_path).get(b"c:joe") == b"found"


def test_redis_hash_and_login(running, tmp_path):
    server = running("redis")
    one = cache_table("redis", server, tmp_path, "hash = aliases\nresult_format = <%s>\ndb = 1\n")
    one.put(b"joe", b"found")
    assert one.get(b"joe") == b"<found>"
    with pytest.raises(TableError):
        table(tmp_path, "redis", f"server = 127.0.0.1:{server.port}\n").get(b"joe")
