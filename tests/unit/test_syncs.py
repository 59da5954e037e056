"""What is put in place outside of the queue (tables, main.cf, a message in maildrop) is on disk first: without any one sync a test here is red.

The queue's own syncs are in tests/crash/test_mutations.py.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pyfix import maps
from pyfix.commands import postconf_edit
from pyfix.maps import flags as F
from pyfix.maps import registry
from tests.unit.test_postdrop import POSTDROP, drop, files, spool

__all__ = ["spool"]
TABLES = ["hash", "btree", "cdb", "lmdb", "sdbm"]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is synced and what gets a name, in order: ("sync" | "name", path)."""
    calls: list[tuple[str, str]] = []
    fsync, rename, replace = os.fsync, os.rename, os.replace

    def naming(real):
        def name(old, new) -> None:
            calls.append(("from", os.fspath(old)))
            calls.append(("name", os.fspath(new)))
            real(old, new)
        return name

    def sync(fd: int) -> None:
        calls.append(("sync", os.readlink(f"/proc/self/fd/{fd}")))
        fsync(fd)
    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "rename", naming(rename))
    monkeypatch.setattr(os, "replace", naming(replace))
    return calls


def safely(calls: list[tuple[str, str]], target: Path, directory: bool = True) -> bool:
    """Whether a file was synced before it got its name, and then its directory."""
    named = calls.index(("name", str(target)))
    old = calls[named - 1][1]
    return ("sync", old) in calls[:named] and (not directory or ("sync", str(target.parent)) in calls[named:])


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_is_on_disk_when_it_gets_its_name(tmp_path: Path, seen: list[tuple[str, str]], kind: str) -> None:
    table = registry.open_spec(f"{kind}:{tmp_path}/t", None, F.LOOKUP, "c")
    table.put(b"key", b"value")
    table.close()
    named = [Path(path) for what, path in seen if what == "name"]
    assert named and all(safely(seen, path) for path in named), seen
    assert maps.open(f"{kind}:{tmp_path}/t").get(b"key") == b"value"


def test_a_change_of_main_cf_is_on_disk_when_it_gets_its_name(tmp_path: Path, seen: list[tuple[str, str]]) -> None:
    (tmp_path / "main.cf").write_text("a = b\n")
    postconf_edit._replace(str(tmp_path / "main.cf"), "a = c\n")
    assert safely(seen, tmp_path / "main.cf", directory=False), seen


SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <sys/stat.h>
int fsync(int fd) {
    struct stat status;
    FILE *log = fopen(SYNC_LOG, "a");
    fstat(fd, &status);
    fprintf(log, "%o %ld\n", status.st_mode & 0777, (long) status.st_size);
    fclose(log);
    return ((int (*)(int)) dlsym(RTLD_NEXT, "fsync"))(fd);
}
"""


@pytest.mark.skipif(not POSTDROP.exists() or shutil.which("gcc") is None, reason="postdrop or gcc is not there")
def test_a_message_in_maildrop_is_on_disk_before_it_can_be_seen(spool: Path) -> None:
    """The bit that makes it a message follows the first sync, and is itself on disk when postdrop says that all is well."""
    (spool / "shim.c").write_text(SHIM)
    subprocess.run(["gcc", "-shared", "-fPIC", f'-DSYNC_LOG="{spool}/syncs"', "-o", spool / "shim.so", spool / "shim.c", "-ldl"], check=True)
    done = drop(spool, env={"LD_PRELOAD": str(spool / "shim.so")})
    [file] = files(spool)
    size = file.stat().st_size
    assert done.returncode == 0
    assert [line.split() for line in (spool / "syncs").read_text().splitlines()] == [["600", str(size)], ["744", str(size)]]
