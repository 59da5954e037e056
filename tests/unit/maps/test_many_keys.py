"""get_many() and first(): they say what get() says key by key, also for odd keys, in a table that changes, and in a damaged one."""

import os
import random

import pytest

from pyfix import maps
from pyfix.errors import TableError
from pyfix.maps import MapList, manykeys
from pyfix.maps.hash import build
from pyfix.maps.hashtable import MappedTable

ODD = [b"\xc3\x84", b"\xff", b"x" * 300, b"A" * 256, b"", b"\0"]


@pytest.fixture
def table(tmp_path):
    build(f"{tmp_path}/t.db", [(b"key%d" % n, b"v%d" % n) for n in range(500)]
          + [("ä".encode(), "ö".encode()), (b"x" * 300, b"long"), (b"a" * 256, b"limit"), (b"empty", b"")])
    return maps.open(f"hash:{tmp_path}/t")


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 33, 400])
def test_many_are_as_one_by_one(table, count):
    rng = random.Random(count)
    keys = [rng.choice([b"Key%d" % rng.randrange(900), b"empty", rng.choice(ODD)]) for _ in range(count)]
    assert table.get_many(keys) == [table.get(key) for key in keys]
    assert table.get_many(tuple(keys)) == table.get_many(iter(keys)) == maps.table.Table.get_many(table, keys)


@pytest.mark.parametrize("seed", range(30))
def test_the_first_of_them(table, seed):
    rng = random.Random(seed)
    keys = [rng.choice([b"none%d" % rng.randrange(90), b"", b"x" * 400, b"n\xc3\xa4"]) for _ in range(rng.randrange(40))]
    keys += rng.sample([b"KEY7", b"empty", b"\xc3\x84"], rng.randrange(3)) + [b"none"]
    assert table.first(keys) == maps.table.Table.first(table, keys)


def test_first_looks_at_no_key_behind_the_one_it_found(table):
    assert table.first([b"none"] * 16 + [b"key1"] + [b"x"] * 15 + [None]) == (16, b"v1")


@pytest.mark.parametrize("ask", [manykeys.get_many, manykeys.first])
def test_only_bytes_are_keys(table, ask):
    for wrong in ([b"no", None], [b"no", "text"], None, 7):
        with pytest.raises(TypeError):
            ask(table.map, wrong)


def test_a_table_that_is_replaced_in_the_middle(tmp_path):
    """A key that is not ASCII runs Python code; when that meets a new table, the keys behind it are asked of the new one."""
    path = f"{tmp_path}/t.db"
    build(path, [(b"key%d" % n, b"old") for n in range(100)])

    def slow(key):
        build(path, [(b"key%d" % n, b"new") for n in range(100)])
        mapped.__init__(path, "hash:t", "postmap hash:t", True, True, slow, lambda key, value: value)
        return key

    mapped = MappedTable(path, "hash:t", "postmap hash:t", True, True, slow, lambda key, value: value)
    keys = [b"key%d" % n for n in range(40)]
    assert manykeys.get_many(mapped, [*keys[:20], b"\xc3\xa4", *keys[20:]]) == [b"old"] * 20 + [None] + [b"new"] * 20


def test_damage_and_a_closed_table_are_errors(tmp_path, table):
    data = bytearray((tmp_path / "t.db").read_bytes())
    data[-4000:] = b"\xff" * 4000
    (tmp_path / "u.db").write_bytes(data)
    damaged = maps.open(f"hash:{tmp_path}/u")
    for ask in (damaged.get_many, damaged.first):
        with pytest.raises(TableError, match="damaged; run"):
            ask([b"none%d" % n for n in range(500)])
    table.close()
    for ask in (table.get_many, table.first):
        with pytest.raises(TableError):
            ask([b"key1"])


def test_the_only_table_of_a_list(tmp_path, table):
    assert MapList(f"hash:{tmp_path}/t").only is not None
    assert MapList(f"hash:{tmp_path}/t, inline:{{a=b}}").only is None
    assert MapList("regexp:{{/a/ b}}").only is None
    gone = MapList(f"hash:{tmp_path}/later")
    assert gone.only is None
    os.rename(tmp_path / "t.db", tmp_path / "later.db")
    gone._unopened -= 2
    assert gone.get(b"key1") == b"v1" and gone.only is not None
