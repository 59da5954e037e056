"""sdbm: and dbm: on disk, and beside the programs that own the formats: Perl, Apache's library, the GDBM library."""

import ctypes
import ctypes.util
import os
import random
import shutil
import subprocess
import time

import pytest

from pyfix import maps
from pyfix.errors import TableConfigError, TableError
from pyfix.maps import flags as F
from pyfix.maps import registry, report
from pyfix.maps.dbm import Library
from pyfix.maps.sdbmfile import SdbmFile, build, sdbm_hash

PERL = shutil.which("perl")
APACHE = ctypes.util.find_library("aprutil-1")


def has_gdbm():
    try:
        return bool(Library())
    except OSError:
        return False


KINDS = ["sdbm", pytest.param("dbm", marks=pytest.mark.skipif(not has_gdbm(), reason="no GDBM library"))]
PAIRS = [(b"key%d@example%d.com" % (n, n % 7), b"value %d" % n * (n % 5 + 1)) for n in range(800)]


def make(spec, pairs, flags=F.LOOKUP, mode="c"):
    table = registry.open_spec(spec, None, flags, mode)
    for key, value in pairs:
        table.put(key, value)
    table.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("nul", [0, F.TRY0NULL, F.TRY1NULL])
def test_round_trip(kind, nul, tmp_path):
    make(f"{kind}:{tmp_path}/t", PAIRS, F.LOOKUP | nul)
    assert sorted(os.listdir(tmp_path)) == ["t.dir", "t.pag"]
    table = maps.open(f"{kind}:{tmp_path}/t")
    assert sorted(table.items()) == sorted(PAIRS)
    assert [table.get(key.upper()) for key, _ in PAIRS] == [value for _, value in PAIRS]
    assert table.get(b"none") is None


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_table(kind, tmp_path):
    make(f"{kind}:{tmp_path}/t", [])
    table = maps.open(f"{kind}:{tmp_path}/t")
    assert table.get(b"a") is None and list(table.items()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_edit(kind, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(report, "sink", lambda level, text: said.append(text))
    make(f"{kind}:{tmp_path}/t", [(b"a", b"1"), (b"A", b"2")], F.LOOKUP | F.DUP_WARN)
    assert said == [f'{tmp_path}/t: duplicate entry: "a"']
    make(f"{kind}:{tmp_path}/t", [(b"B", b"3")], mode="i")
    table = registry.open_spec(f"{kind}:{tmp_path}/t", None, F.LOOKUP, "w")
    assert table.delete(b"a") and not table.delete(b"zz")
    table.close()
    assert list(maps.open(f"{kind}:{tmp_path}/t").items()) == [(b"b", b"3")]


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_table_is_a_configuration_error(kind, tmp_path):
    for mode in "rw":
        with pytest.raises(TableConfigError, match="No such file"):
            registry.open_spec(f"{kind}:{tmp_path}/none", None, F.LOOKUP, mode)


@pytest.mark.parametrize("kind", KINDS)
def test_a_reader_moves_over_to_new_files(kind, tmp_path):
    make(f"{kind}:{tmp_path}/t", [(b"k", b"old")])
    table = maps.open(f"{kind}:{tmp_path}/t")
    before = table.generation
    make(f"{kind}:{tmp_path}/t", [(b"k", b"new")])
    assert table.get(b"k") == b"old"
    deadline = time.monotonic() + 5
    while table.generation == before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert table.get(b"k") == b"new"


@pytest.mark.parametrize("kind", KINDS)
def test_a_failed_write_leaves_the_old_table(kind, tmp_path, monkeypatch):
    make(f"{kind}:{tmp_path}/t", [(b"k", b"old")])

    def fail(*_):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr("pyfix.maps.twofiles.settle", fail)
    with pytest.raises(TableError, match="No space"):
        make(f"{kind}:{tmp_path}/t", [(b"k", b"new")])
    assert sorted(os.listdir(tmp_path)) == ["t.dir", "t.pag"]
    assert maps.open(f"{kind}:{tmp_path}/t").get(b"k") == b"old"


def test_hash_takes_bytes_for_signed_numbers():
    assert sdbm_hash(b"a") == 97
    assert sdbm_hash(b"ab") == 97 * 65599 + 98
    assert sdbm_hash(b"\xff") == 0xFFFFFFFF


def test_what_does_not_fit_is_refused(tmp_path):
    with pytest.raises(TableError, match="more than 1008 bytes"):
        make(f"sdbm:{tmp_path}/t", [(b"k", b"v" * 1008)])
    make(f"sdbm:{tmp_path}/t", [(b"k", b"v" * 1005)])
    assert maps.open(f"sdbm:{tmp_path}/t").get(b"k") == b"v" * 1005
    assert os.listdir(tmp_path) and len(os.listdir(tmp_path)) == 2


def test_damage_is_an_error_and_no_crash():
    rng = random.Random(3)
    directory, pages = build(PAIRS)
    good = b"".join(pages.get(n, bytes(1024)) for n in range(max(pages) + 1))
    broken = 0
    for _ in range(300):
        bad = bytearray(good)
        for _ in range(rng.randrange(1, 9)):
            at = rng.randrange(len(bad)) // 1024 * 1024 + rng.randrange(40)
            bad[at % len(bad)] = rng.randrange(256)
        try:
            held = SdbmFile(directory, bytes(bad[:rng.choice((len(bad), rng.randrange(len(bad))))]), "sdbm:t")
            for key, _ in PAIRS[:60]:
                held.find(key)
            list(held.items())
        except TableError:
            broken += 1
    assert broken > 100


PROGRAM = """
use Fcntl; use %s; tie(my %%h, '%s', $ARGV[0], $ARGV[1] eq 'w' ? O_RDWR|O_CREAT : O_RDONLY, 0644) or die $!;
if ($ARGV[1] eq 'w') { while (<STDIN>) { chomp; my ($k, $v) = split /=/, $_, 2; $h{$k} = $v } }
else { while (my ($k, $v) = each %%h) { print "$k=$v\\n" } while (my $l = <STDIN>) { chomp $l; die $l unless defined $h{$l} } }
"""


def perl(module, path, mode, text):
    done = subprocess.run([PERL, "-e", PROGRAM % (module, module), path, mode], input=text, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def lines(pairs):
    return b"".join(key + b"=" + value + b"\n" for key, value in pairs)


@pytest.mark.skipif(not PERL, reason="no perl")
@pytest.mark.parametrize("kind, module", [("sdbm", "SDBM_File"), ("dbm", "NDBM_File")])
def test_perl_reads_ours_and_we_read_perls(kind, module, tmp_path):
    pairs = [*PAIRS, ("Ä".encode(), b"high"), (b"empty", b"")]
    perl(module, f"{tmp_path}/p", "w", lines(pairs))
    table = maps.open(f"{kind}:{tmp_path}/p", flags=0)
    assert [table.get(key) for key, _ in pairs] == [value for _, value in pairs]
    assert sorted(table.items()) == sorted(pairs)
    make(f"{kind}:{tmp_path}/t", pairs, F.TRY0NULL)
    keys = b"".join(key + b"\n" for key, _ in pairs)
    assert sorted(perl(module, f"{tmp_path}/t", "r", keys).splitlines()) == sorted(lines(pairs).splitlines())


@pytest.mark.skipif(not APACHE, reason="no libaprutil")
def test_apaches_databases_are_read(tmp_path):
    class Datum(ctypes.Structure):
        _fields_ = [("text", ctypes.c_char_p), ("size", ctypes.c_int)]

    library = ctypes.CDLL(APACHE)
    base = ctypes.CDLL(ctypes.util.find_library("apr-1"))
    pool, handle = ctypes.c_void_p(), ctypes.c_void_p()
    assert base.apr_initialize() == 0
    assert base.apr_pool_create_ex(ctypes.byref(pool), None, None, None) == 0
    library.apr_sdbm_store.argtypes = [ctypes.c_void_p, Datum, Datum, ctypes.c_int]
    # read, write, create; the system's permissions
    assert library.apr_sdbm_open(ctypes.byref(handle), f"{tmp_path}/a".encode(), 0x7, 0x0fff, pool) == 0
    for key, value in PAIRS:
        assert library.apr_sdbm_store(handle, Datum(key, len(key)), Datum(value, len(value)), 0) == 0
    library.apr_sdbm_close(handle)
    table = maps.open(f"sdbm:{tmp_path}/a", flags=0)
    assert [table.get(key) for key, _ in PAIRS] == [value for _, value in PAIRS]
    assert sorted(table.items()) == sorted(PAIRS)
