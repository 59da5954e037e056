"""cdb:, lmdb:, sqlite: and the parameters that SQL tables share."""

import asyncio
import sqlite3

import pytest

from pyfix import maps
from pyfix.errors import TableConfigError, TableError
from pyfix.maps import flags as F
from pyfix.maps import registry, report


def make(spec, pairs, flags=F.LOOKUP):
    table = registry.open_spec(spec, None, flags, "c")
    for key, value in pairs:
        table.put(key, value)
    table.close()


@pytest.mark.parametrize("kind", ["cdb", "lmdb"])
@pytest.mark.parametrize("nul", [0, F.TRY0NULL, F.TRY1NULL])
def test_round_trip(kind, nul, tmp_path):
    pairs = [(b"key%d" % n, b"value%d" % n) for n in range(500)]
    make(f"{kind}:{tmp_path}/t", pairs, F.LOOKUP | nul)
    table = maps.open(f"{kind}:{tmp_path}/t")
    assert sorted(table.items()) == sorted(pairs)
    assert table.get(b"KEY77") == b"value77"
    assert table.get(b"none") is None
    table.close()


@pytest.mark.parametrize("kind", ["cdb", "lmdb"])
def test_first_of_two_stays_and_is_reported(kind, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(report, "sink", lambda level, text: said.append(text))
    make(f"{kind}:{tmp_path}/t", [(b"k", b"1"), (b"K", b"2")])
    assert maps.open(f"{kind}:{tmp_path}/t").get(b"k") == b"1"
    assert len(said) == 1 and said[0].endswith('duplicate entry: "k"')


def test_lmdb_edits_and_grows(tmp_path):
    make(f"lmdb:{tmp_path}/t", [(b"k%d" % n, b"v" * 500) for n in range(5000)])
    table = registry.open_spec(f"lmdb:{tmp_path}/t", None, F.LOOKUP, "w")
    assert table.delete(b"k1") and not table.delete(b"none")
    table.close()
    table = maps.open(f"lmdb:{tmp_path}/t")
    assert len(list(table.items())) == 4999
    assert table.get(b"k2") == b"v" * 500
    assert table.get(b"k1") is None


def test_damaged_cdb_is_an_error(tmp_path):
    make(f"cdb:{tmp_path}/t", [(b"k%d" % n, b"v") for n in range(50)])
    good = (tmp_path / "t.cdb").read_bytes()
    for cut in range(0, len(good), 37):
        (tmp_path / "x.cdb").write_bytes(good[:cut] or b"x")
        try:
            table = maps.open(f"cdb:{tmp_path}/x")
            for n in range(50):
                try:
                    table.get(b"k%d" % n)
                except TableError:
                    pass
            list(table.items())
        except TableError:
            pass


@pytest.fixture
def database(tmp_path):
    connection = sqlite3.connect(tmp_path / "db")
    connection.execute("CREATE TABLE t (a TEXT, b TEXT)")
    connection.executemany("INSERT INTO t VALUES (?, ?)", [
        ("u@d.example", "x@y"), ("o'b@d.example", "quoted"), ("two", "1"), ("two", "2"), ("@d.example", "all")])
    connection.commit()

    def ask(key, **settings):
        settings = {"query": "SELECT b FROM t WHERE a = '%s'", **settings}
        text = f"dbpath = {tmp_path}/db\n" + "".join(f"{k} = {v}\n" for k, v in settings.items())
        (tmp_path / "cf").write_text(text)
        table = maps.open(f"sqlite:{tmp_path}/cf")
        try:
            return asyncio.run(table.lookup(key))
        finally:
            table.close()
    return ask


def test_sqlite(database):
    assert database(b"U@d.example") == b"x@y"
    assert database(b"o'b@d.example") == b"quoted"
    assert database(b"' OR '1'='1") is None
    assert database(b"two") == b"1,2"
    assert database(b"none") is None
    assert database(b"two", result_format="<%s>%%") == b"<1>%,<2>%"
    assert database(b"u@d.example", result_format="%u at %d for %U in %1") == b"x at y for u in example"
    assert database(b"two", query="SELECT b FROM t WHERE a = '%u' AND '%d' <> ''") is None
    assert database(b"two", domain="d.example") is None
    assert database(b"u@d.example", domain="d.example") == b"x@y"
    with pytest.raises(TableError):
        database(b"two", expansion_limit="1")
    with pytest.raises(TableError):
        database(b"two", query="SELECT nonsense FROM nothing")
    with pytest.raises(TableConfigError):
        database(b"two", query="SELECT %q")


def test_old_sqlite_parameters(database):
    assert database(b"two", query="", select_field="b", table="t", where_field="a") == b"1,2"
