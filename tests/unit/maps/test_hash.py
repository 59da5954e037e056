"""hash: and btree: on disk: building, editing, readers beside a rebuild, damaged files."""

import os
import random
import tempfile

import pytest

from pyfix import maps
from pyfix._core.hashbuild import Builder
from pyfix._core.hashmap import Reader
from pyfix.errors import TableConfigError, TableError
from pyfix.maps import flags as F
from pyfix.maps import hash as hash_type
from pyfix.maps import report
from pyfix.maps.manylines import query
from pyfix.maps.source import PIECE


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(report, "sink", lambda level, text: lines.append(text))
    return lines


def make(path, text, kind="hash", flags=F.LOOKUP | F.DUP_WARN, mode="c"):
    table = hash_type.open_table(kind, str(path), flags, None, mode)
    with tempfile.TemporaryFile() as file:
        file.write(text)
        file.seek(0)
        table.parse(file, "source")
    table.close()


def test_build_and_look_up(tmp_path):
    make(tmp_path / "t", b"A@B.c x y\n# c\nk2\n  v2\n")
    table = maps.open(f"hash:{tmp_path}/t")
    assert table.get(b"a@b.C") == b"x y"
    assert table.get(b"k2") == b"v2"
    assert table.get(b"none") is None
    assert len(table.map) == 2


def test_btree_is_in_key_order(tmp_path):
    make(tmp_path / "t", b"b 1\na 2\nab 3\nc 4\n", "btree")
    assert [key for key, _ in maps.open(f"btree:{tmp_path}/t").items()] == [b"a", b"ab", b"b", b"c"]


@pytest.mark.parametrize("flags,value,warned", [
    (F.DUP_WARN, b"1", True), (F.DUP_IGNORE, b"1", False), (F.DUP_REPLACE, b"2", False)])
def test_duplicates(tmp_path, said, flags, value, warned):
    make(tmp_path / "t", b"k 1\nk 2\n", flags=F.LOOKUP | flags)
    assert maps.open(f"hash:{tmp_path}/t").get(b"k") == value
    assert bool(said) == warned
    assert list(maps.open(f"hash:{tmp_path}/t").items()) == [(b"k", value)]


def test_edit_adds_and_deletes(tmp_path, said):
    make(tmp_path / "t", b"a 1\nb 2\n")
    make(tmp_path / "t", b"c 3\nA 9\n", mode="i")
    assert said == [f'{tmp_path}/t.db: duplicate entry: "a"']
    table = hash_type.open_table("hash", f"{tmp_path}/t", F.LOOKUP, None, "w")
    assert table.delete(b"B") and not table.delete(b"zz")
    table.close()
    assert sorted(maps.open(f"hash:{tmp_path}/t").items()) == [(b"a", b"1"), (b"c", b"3")]


def test_reader_sees_a_rebuilt_table(tmp_path):
    make(tmp_path / "t", b"k old\n")
    table = maps.open(f"hash:{tmp_path}/t")
    before = table.generation
    assert table.get(b"k") == b"old"
    make(tmp_path / "t", b"k new\n")
    deadline = 40
    while table.generation == before and deadline:
        deadline -= 1
        __import__("time").sleep(0.1)
    assert table.get(b"k") == b"new"


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(TableConfigError, match="No such file"):
        maps.open(f"hash:{tmp_path}/none")
    (tmp_path / "b.db").write_bytes(bytes(12) + b"\x61\x15\x06\x00" + bytes(500))
    with pytest.raises(TableConfigError, match="Berkeley DB.*postmap hash:"):
        maps.open(f"hash:{tmp_path}/b")
    (tmp_path / "e.db").write_bytes(b"")
    with pytest.raises(TableConfigError, match="empty"):
        maps.open(f"hash:{tmp_path}/e")


def test_no_damage_crashes(tmp_path):
    """Cut or flip any byte: each lookup gives a value, None or TableError."""
    make(tmp_path / "t", b"".join(b"key%d value%d\n" % (n, n) for n in range(40)))
    good = (tmp_path / "t.db").read_bytes()
    rng = random.Random(7)
    for _ in range(400):
        bad = bytearray(good)
        if rng.random() < 0.3:
            del bad[rng.randrange(len(bad)):]
        else:
            for _ in range(rng.randrange(1, 6)):
                bad[rng.randrange(96, len(bad))] = rng.randrange(256)
        (tmp_path / "x.db").write_bytes(bytes(bad))
        try:
            table = maps.open(f"hash:{tmp_path}/x", flags=0)
        except TableError:
            continue
        for number in range(45):
            try:
                table.get(b"key%d" % number)
            except TableError:
                pass
        try:
            list(table.items())
        except TableError:
            pass


def test_header_is_checked(tmp_path):
    make(tmp_path / "t", b"a b\n")
    good = (tmp_path / "t.db").read_bytes()
    for at in range(96):
        bad = bytearray(good)
        bad[at] ^= 1
        (tmp_path / "x.db").write_bytes(bytes(bad))
        with pytest.raises(TableConfigError):
            maps.open(f"hash:{tmp_path}/x")


def test_failed_write_leaves_the_old_table(tmp_path, monkeypatch):
    make(tmp_path / "t", b"a 1\n")

    def fail(*_):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr("pyfix.maps.hash.write_all", fail)
    with pytest.raises(TableError, match="No space"):
        make(tmp_path / "t", b"a 2\n")
    assert maps.open(f"hash:{tmp_path}/t").get(b"a") == b"1"
    assert os.listdir(tmp_path) == ["t.db"]


def test_overhead_per_key(tmp_path):
    text = b"".join(b"user%d@example.com v\n" % n for n in range(3000))
    make(tmp_path / "t", text)
    payload = len(text) - 2 * 3000
    assert (tmp_path / "t.db").stat().st_size - payload <= 64 * 3000


def test_query_block(tmp_path):
    make(tmp_path / "t", b"a 1\nbb 2\n")
    table = maps.open(f"hash:{tmp_path}/t")
    out, odd, found = query(table.map, b"A\nzz\nbb\n\xc3\xa4\n" + b"x" * 300 + b"\nbb")
    assert out == b"A\t1\nbb\t2\nbb\t2\n"
    assert found == 3
    assert odd == [(9, b"\xc3\xa4"), (9, b"x" * 300)]


def test_source_larger_than_what_is_read_at_a_time(tmp_path, said):
    """Lines that go over the border of a piece, continued ones and one longer than a piece too; numbers stay right."""
    rows = [b"key%d value %d\n" % (n, n) + b" more\n" * (n % 3) + b"# remark\n" * (n % 5) for n in range(30000)]
    rows[7] = b"key7 " + b"x" * (3 * PIECE) + b"\n"
    rows[20000] = b"odd\n"
    make(tmp_path / "t", b"".join(rows))
    line = b"".join(rows[:20000]).count(b"\n") + 1
    assert said == [f"source, line {line}: expected format: key whitespace value"]
    got = dict(maps.open(f"hash:{tmp_path}/t").items())
    assert len(got) == 29999 and len(got[b"key7"]) == 3 * PIECE
    assert all(got[b"key%d" % n] == b"value %d" % n + b" more" * (n % 3) for n in (0, 1, 2, 9999, 29999))


def test_an_image_of_many_blocks_is_the_same_as_one(tmp_path):
    builder = Builder(seed=bytes(16))
    for n in range(40000):
        builder.add(b"key%d" % n, b"v" * (n % 97))
    builder.add(b"large", b"x" * 3000000)
    assert builder.arrange() == []
    blocks = list(builder.blocks())
    assert len(blocks) > 3
    reader = Reader(b"".join(blocks))
    assert len(reader) == 40001 and reader.find(b"key39999") == b"v" * (39999 % 97)
    assert len(reader.find(b"large")) == 3000000
