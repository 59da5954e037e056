"""tcp:, socketmap:, memcache:, redis: and mongodb: against scripted servers; proxy:; what happens without a driver."""

import asyncio
import contextlib

import pytest

from pyfix import maps
from pyfix.config import Config
from pyfix.errors import TableConfigError, TableError
from pyfix.maps import flags as F
from pyfix.maps import memcache, remote, report, socketmap, tcp
from pyfix.maps.registry import TYPES


@pytest.fixture(autouse=True)
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(report, "sink", lambda level, text: lines.append(text))
    return lines


class Scripted:
    """Answers each request with `answer(request)`: bytes, or None to hang up. Counts connections."""

    def __init__(self, answer, end=b"\n"):
        self.answer, self.end, self.connections, self.requests = answer, end, 0, []

    async def serve(self, reader, writer):
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                request = await reader.readuntil(self.end)
                self.requests.append(request)
                reply = self.answer(request)
                if asyncio.iscoroutine(reply):
                    reply = await reply
                if reply is None:
                    break
                writer.write(reply)
        writer.close()


@contextlib.asynccontextmanager
async def serving(answer, end=b"\n"):
    script = Scripted(answer, end)
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    script.port = server.sockets[0].getsockname()[1]
    yield script
    server.close()


def ask(spec, keys, answer, end=b"\n", concurrent=False):
    """(the answers or errors for `keys`, the script)."""
    async def run():
        async with serving(answer, end) as script:
            table = maps.open(spec.format(port=script.port))
            if concurrent:
                found = await asyncio.gather(*(table.lookup(key) for key in keys), return_exceptions=True)
            else:
                found = [await settled(table.lookup(key)) for key in keys]
            table.close()
            return found, script

    return asyncio.run(run())


async def settled(work):
    try:
        return await work
    except TableError as error:
        return error


# -- tcp

def test_tcp_answers():
    replies = {b"get joe\n": b"200 found%20it\n", b"get ann\n": b"500 no\n", b"get bob\n": b"400 try%20later\r\n",
               b"get 50%25%20off%0A\n": b"200  x\n"}
    found, script = ask("tcp:127.0.0.1:{port}", [b"joe", b"ann", b"bob", b"50% off\n"], replies.__getitem__)
    assert found[0] == b"found it" and found[1] is None and found[3] == b"x"
    assert isinstance(found[2], TableError) and found[2].text == "try later"
    assert script.connections == 1


@pytest.mark.parametrize("reply", [b"\n", b"20 x\n", b"200\n", b"abc x\n", b"300 x\n", b"200 %4\n", b"200 %zz\n",
                                   b"200 " + b"x" * 5000 + b"\n", None])
def test_tcp_nonsense_is_an_error(reply, said):
    found, _ = ask("tcp:127.0.0.1:{port}", [b"k"], lambda _: reply)
    assert isinstance(found[0], TableError) and any("TCP map" in line for line in said)


def test_a_connection_lost_while_idle_is_replaced():
    count = 0

    def answer(_):
        nonlocal count
        count += 1
        return None if count == 2 else b"200 x\n"

    found, script = ask("tcp:127.0.0.1:{port}", [b"a", b"b", b"c"], answer)
    assert found == [b"x", b"x", b"x"] and script.connections == 2


def test_connections_are_bounded_and_shared():
    async def slow(_):
        await asyncio.sleep(0.01)
        return b"200 x\n"

    found, script = ask("tcp:127.0.0.1:{port}", [b"k"] * 50, slow, concurrent=True)
    assert found == [b"x"] * 50 and script.connections <= remote.SIZE


def test_time_out_is_an_error(monkeypatch, said):
    monkeypatch.setattr(tcp, "LIMIT", 0.05)

    async def never(_):
        await asyncio.sleep(1)

    found, _ = ask("tcp:127.0.0.1:{port}", [b"k"], never)
    assert isinstance(found[0], TableError) and "timed out" in said[0]


def test_nobody_listens(said):
    table = maps.open("tcp:127.0.0.1:1")
    with pytest.raises(TableError, match="Connection refused"):
        table.get(b"k")
    assert said == ["connect to TCP map 127.0.0.1:1: Connection refused"]
    assert not table.fixed and not table.local and not table.cacheable


def test_get_on_the_loop_is_refused():
    async def run():
        maps.open("tcp:127.0.0.1:1").get(b"k")

    with pytest.raises(RuntimeError):
        asyncio.run(run())


# -- socketmap

def netstring(text):
    return b"%d:%s," % (len(text), text)


def test_socketmap_answers(said):
    replies = {b"5:m joe,": b"OK found", b"5:m ann,": b"NOTFOUND ", b"5:m bob,": b"TEMP later", b"5:m tim,": b"TIMEOUT ",
               b"5:m per,": b"PERM never", b"5:m odd,": b"WHAT"}
    found, script = ask("socketmap:inet:127.0.0.1:{port}:m", [b"joe", b"ann", b"bob", b"tim", b"per", b"odd"],
                        lambda request: netstring(replies[request]), b",")
    assert found[:2] == [b"found", None] and all(isinstance(one, TableError) for one in found[2:])
    assert said[0].endswith("socketmap server temporary error: later") and script.connections == 1


@pytest.mark.parametrize("reply", [b"x", b":x,", b"5x:", b"999999:x", b"3:OK x", b"2:OKx,", b"-1:x,", None])
def test_socketmap_nonsense_is_an_error(reply, monkeypatch):
    monkeypatch.setattr(socketmap, "LIMIT", 0.2)
    found, _ = ask("socketmap:inet:127.0.0.1:{port}:m", [b"k"], lambda _: reply, b",")
    assert isinstance(found[0], TableError)


def test_names_and_flags():
    for spec, text in [("socketmap:xx", "socketmap requires server:socketmap argument"), ("tcp:xx", "bad server name: xx"),
                       ("socketmap:inet:x:y", "bad server name")]:
        with pytest.raises(TableConfigError, match=text):
            maps.open(spec)
    for spec in ("tcp:a:1", "socketmap:unix:/x:y"):
        with pytest.raises(TableConfigError, match="not allowed for security"):
            maps.open(spec, None, F.LOOKUP | F.NO_UNAUTH)
    assert remote.endpoint("[::1]:25", "t") == ("", "::1", "25") and remote.endpoint("unix:/a:b", "t").path == "/a:b"


# -- memcache: what a hostile server says

@pytest.mark.parametrize("reply", [b"VALUE other 0 1\r\nx\r\nEND\r\n", b"VALUE k 0 99999999\r\nx", b"VALUE k 0 -1\r\n", b"ERROR\r\n",
                                   b"VALUE k 0 1\r\nxyzEND\r\n", b"VALUE k 0 \xd9\xa3\r\n", b"x" * 2000 + b"\r\n", None])
def test_memcache_nonsense_is_an_error(tmp_path, reply):
    file = tmp_path / "m.cf"

    async def run():
        async with serving(lambda _: reply) as script:
            file.write_text(f"memcache = inet:127.0.0.1:{script.port}\nmax_try = 1\ntimeout = 1\n")
            return await settled(maps.open(f"memcache:{file}").lookup(b"k"))

    assert isinstance(asyncio.run(run()), TableError)


@pytest.mark.parametrize("reply", [b"-ERR no\r\n", b":1\r\n", b"$99999999\r\n", b"$x\r\n", b"*1\r\n*1\r\n*1\r\n", b"?\r\n", b"$-5x\r\n",
                                   b"x" * 9000 + b"\r\n", None])
def test_redis_nonsense_is_an_error(tmp_path, reply):
    file = tmp_path / "r.cf"

    async def run():
        async with serving(lambda request: reply if request == b"k\r\n" else b"") as script:
            file.write_text(f"server = inet:127.0.0.1:{script.port}\ntimeout = 1\n")
            return await settled(maps.open(f"redis:{file}").lookup(b"k"))

    assert isinstance(asyncio.run(run()), TableError)


def test_memcache_name(tmp_path):
    file = tmp_path / "m.cf"
    file.write_text("memcache = 127.0.0.1:1\n")
    with pytest.raises(TableConfigError, match="invalid transport name: 127.0.0.1 in service: 127.0.0.1:1"):
        maps.open(f"memcache:{file}")
    assert memcache.MemcacheTable.fixed


# -- proxy

def test_proxy_lists(tmp_path, said):
    (tmp_path / "main.cf").write_text("virtual_alias_maps = proxy:inline:{a=b}, proxy:static:x\nproxy_write_maps = \n")
    config = Config.load(str(tmp_path))
    assert maps.open("proxy:static:x", config).get(b"k") == b"x"
    with pytest.raises(TableConfigError, match='proxymap service is not configured for table "static:y"'):
        maps.open("proxy:static:y", config)
    assert said == ['request for unapproved table: "static:y"',
                    "to approve this table for read-only access, list proxy:static:y in main.cf:proxy_read_maps"]
    with pytest.raises(TableConfigError, match="not allowed for security-sensitive data"):
        maps.open("proxy:static:x", config, F.LOOKUP | F.NO_PROXY)


# -- drivers and configuration

@pytest.mark.parametrize("kind, module, lines", [
    ("mysql", "pymysql", "dbname = d\nquery = select '%s'\n"), ("pgsql", "psycopg", "dbname = d\nquery = select '%s'\n"),
    ("ldap", "ldap", "search_base = dc=x\n"), ("mongodb", "pymongo", 'uri = mongodb://x\ndbname = d\ncollection = c\n'
     'query_filter = {"a": "%s"}\nresult_attribute = b\n')])
def test_without_its_driver_a_table_says_what_to_run(tmp_path, monkeypatch, kind, module, lines):
    file = tmp_path / "t.cf"
    file.write_text(lines)
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(TableConfigError, match=rf"run \"pip install 'pyfix\[{kind}\]'\""):
        maps.open(f"{kind}:{file}")


def test_every_type_has_its_module():
    import importlib

    for module in TYPES.values():
        assert hasattr(importlib.import_module(f"pyfix.maps.{module}"), "open_table")


# -- mongodb

MONGO = """uri = mongodb://127.0.0.1:{port}/?directConnection=true
dbname = mail
collection = {collection}
query_filter = {{"$or": [{{"user": "%s"}}, {{"alias": "%u@%d"}}], "active": 1}}
result_attribute = user, forwards
result_format = <%s>
"""


def test_mongodb(tmp_path):
    pytest.importorskip("pymongo", reason="pip install 'pyfix[mongodb]'")
    from ...kit.mongo import MongoServer

    documents = [{"user": "joe@x", "active": 1, "forwards": ["a", "b"], "other": 1}, {"user": "ann@x", "active": 0},
                 {"user": "odd@x", "active": 1, "forwards": {"a": 1}}, {"user": "n@x", "active": 1, "forwards": 3}]
    hostile = [b'"}, {"$gt": "', b'{"$gt": ""}@x', b"x', $where: '1", b'joe@x"', b"\\", b"$ne@x", b'x"},{"user":"joe@x"}@x']

    async def run():
        async with MongoServer(documents) as server:
            def opened(collection):
                file = tmp_path / f"{collection}.cf"
                file.write_text(MONGO.format(port=server.port, collection=collection))
                return maps.open(f"mongodb:{file}")

            table = opened("users")
            found = [await settled(table.lookup(key)) for key in (b"joe@x", b"ann@x", b"n@x", b"nodomain", b"odd@x")]
            for key in hostile:
                assert await table.lookup(key) is None
            assert all(isinstance(one["filter"]["$or"][0]["user"], str) for one in server.commands)
            broken = await settled(opened("broken").lookup(b"joe@x"))
            await table.client.close()
            return found, broken

    found, broken = asyncio.run(run())
    assert found[:4] == [b"<joe@x>,<a>,<b>", None, b"<n@x>,<3>", None]
    assert isinstance(found[4], TableError) and isinstance(broken, TableError)
