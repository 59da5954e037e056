"""Rot and failing disks: damage costs the message it hits, a failed sync is never acknowledged, a full disk is survived."""

import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from pyfix.errors import DiskFull, QueueError
from pyfix.model import Envelope, Recipient
from pyfix.queue.books import Books
from pyfix.queue.envelope import pack
from pyfix.queue.reader import Reader
from pyfix.queue.recovery import Disk, recover
from pyfix.queue.space import Space
from pyfix.queue.store import Store
from pyfix.queue.writer import Writer

EPOCH = 1_700_000_000_000_000


def fill(path: Path, count: int, size: int) -> dict[bytes, tuple[int, int, int]]:
    """Commit messages one by one (each a group of its own) and end properly: id -> place."""
    writer = Writer(str(path), "t", segment_size=1 << 16)
    places = {}
    writer.on_group = lambda group: places.update((token, place) for token, place, error in group)
    for i in range(count):
        queue_id = writer.new_id()
        body = bytes([i]) * size
        writer.commit(pack(Envelope(queue_id, EPOCH, b"", 0, size, recipients=[Recipient(b"r@example.com")])), body, queue_id)
        writer.wait()
    writer.close()
    return places


def survivors(path: Path) -> tuple[set[bytes], list[str]]:
    """Ids that recovery finds and that can be read, and what it warns of."""
    warnings: list[str] = []
    books, reader = Books(EPOCH // 1_000_000), Reader(str(path))
    recover(Disk(str(path), warnings.append), books)
    found = set()
    for slot in books.table.walk(0b111110, 0, 1 << 20)[0]:
        try:
            envelope, content = reader.open(books.table.place(slot))
        except QueueError as trouble:
            warnings.append(str(trouble))
            continue
        assert bytes(content) == content.data and envelope.queue_id == books.table.queue_id(slot)
        found.add(envelope.queue_id)
    return found, warnings


def flips(path: Path, offsets: list[int], places: dict[bytes, tuple[int, int, int]]) -> None:
    """Flip one bit at each offset in turn: at most the message that it hits is lost, and never silently."""
    segment = os.open(path / "00000001.seg", os.O_RDWR)
    owner = {at: q for q, (_, offset, length) in places.items() for at in range(offset, offset + (length + 7) // 8 * 8)}
    everything = set(places)
    for at in offsets:
        was = os.pread(segment, 1, at)
        os.pwrite(segment, bytes([was[0] ^ 1 << at % 8]), at)
        found, warnings = survivors(path)
        lost = everything - found
        assert lost <= {owner.get(at)}, f"byte {at} costs more than its own message"
        assert not lost or warnings, f"byte {at}: silent"
        os.pwrite(segment, was, at)
        for copy in os.listdir(path / "corrupt"):
            os.unlink(path / "corrupt" / copy)
    os.close(segment)


def test_a_flipped_bit_costs_one_message(tmp_path: Path) -> None:
    places = fill(tmp_path, 64, 40)
    end = max(offset + length for _, offset, length in places.values()) + 40
    rng = random.Random(1)
    flips(tmp_path, sorted(rng.sample(range(end), 25)), places)


def flip_share(path: str, share: int, shares: int) -> None:
    """Every byte whose number leaves `share`, in a segment of its own (a process of its own has imported this)."""
    places = fill(Path(path), 64, 40)
    flips(Path(path), list(range(share, max(offset + length for _, offset, length in places.values()) + 40, shares)), places)


@pytest.mark.crash
@pytest.mark.timeout(600)
def test_a_flipped_bit_at_every_byte() -> None:
    """All of them, shared out among the processors; in memory where there is a place for it, for copies are synced."""
    shares = os.cpu_count() or 1
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as base, ProcessPoolExecutor(shares, multiprocessing.get_context("spawn")) as pool:
        paths = [Path(base) / str(share) for share in range(shares)]
        for path in paths:
            path.mkdir()
        for done in [pool.submit(flip_share, str(path), share, shares) for share, path in enumerate(paths)]:
            done.result()


SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
static int calls;
int fdatasync(int fd) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    if (++calls == atoi(getenv("FAIL_AT"))) { errno = EIO; return -1; }
    if (calls > atoi(getenv("FAIL_AT")) && getenv("FAIL_ON")) { errno = EIO; return -1; }
    return real(fd);
}
"""

VICTIM = r"""
import sys
from pyfix.model import Envelope, Recipient
from pyfix.queue.envelope import pack
from pyfix.queue.writer import Writer
writer = Writer(sys.argv[1], "t", segment_size=1 << 16)
def on_group(group):
    for token, place, error in group:
        print("ACK" if error is None else "NAK", token.decode(), type(error).__name__)
writer.on_group = on_group
for i in range(8):
    queue_id = writer.new_id() if not writer.broken else b"none%d" % i
    writer.commit(pack(Envelope(queue_id, 1, b"", 0, 3, recipients=[Recipient(b"r")])), b"abc", queue_id)
    try:
        writer.wait()
    except Exception:
        writer.ready()
writer.close()
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shim") / "shim.so"
    (path.parent / "shim.c").write_text(SHIM)
    if shutil.which("gcc") is None:
        pytest.skip("no gcc")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", path, path.parent / "shim.c", "-ldl"], check=True)
    return path


@pytest.mark.parametrize("fail_at", [2, 3, 5])
def test_after_a_failed_sync_nothing_is_acknowledged_or_comes_back(tmp_path: Path, shim: Path, fail_at: int) -> None:
    preload = ":".join(filter(None, [os.environ.get("LD_PRELOAD"), str(shim)]))         # behind a sanitizer's, which must be the first
    environment = os.environ | {"LD_PRELOAD": preload, "FAIL_AT": str(fail_at)}
    result = subprocess.run([sys.executable, "-c", VICTIM, tmp_path], env=environment, capture_output=True, text=True, check=True)
    said = [line.split() for line in result.stdout.splitlines()]
    acked = {words[1].encode() for words in said if words[0] == "ACK"}
    naked = [words for words in said if words[0] == "NAK"]
    assert len(acked) == fail_at - 2 and len(acked) + len(naked) == 8, result.stdout
    assert {words[2] for words in naked} == {"QueueError"}
    found, _ = survivors(tmp_path)
    assert found == acked, "a message that was refused came back"
    assert list(tmp_path.glob("*.cut"))


@pytest.mark.parametrize("data, said", [(b"", False), (bytes(8), False), (b"\x00\x10\x00\x00abcd", True), (b"\x00\x10\x00", True)])
def test_a_cut_that_is_not_whole_costs_nothing(tmp_path: Path, data: bytes, said: bool) -> None:
    """A crash while it was made: nobody was refused yet, and what was acknowledged before stays."""
    places = fill(tmp_path, 8, 40)
    (tmp_path / "00000001.cut").write_bytes(data)
    found, warnings = survivors(tmp_path)
    assert found == set(places) and any("does not count" in line for line in warnings) == said


@pytest.mark.parametrize("reserve", [True, False])
def test_a_full_disk_refuses_mail_and_still_records_deliveries(tmp_path: Path, reserve: bool) -> None:
    """And not without the reserve."""
    mount = tmp_path / "small"
    mount.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", mount], check=False,
                                      capture_output=True).returncode:
        pytest.skip("no small file system can be mounted")
    try:
        if reserve:
            full_disk(mount)
        else:
            with pytest.raises(DiskFull):
                full_disk(mount, lambda: (mount / "reserve").unlink())
    finally:
        subprocess.run(["umount", "-l", mount], check=True)


def full_disk(path: Path, before: Callable[[], None] = lambda: None) -> None:
    """Work on a disk without room; `before` it is filled to the last byte."""
    size = 1 << 16
    now = [EPOCH]
    store = Store(str(path), lambda: now[0], segment_size=size, warn=lambda line: None)
    store.recover()
    now[0] += 61_000_000
    deadline = time.monotonic() + 30
    while not (path / "reserve").exists() and time.monotonic() < deadline:
        now[0] += 1_100_000
        store.maintain()
        store.sync()
    assert (path / "reserve").exists()
    writer = Writer(str(path), "t", segment_size=size)
    results = []
    writer.on_group = results.extend
    body = b"x" * 5000
    while not results or results[-1][2] is None:
        queue_id = writer.new_id()
        writer.commit(pack(Envelope(queue_id, EPOCH, b"", 0, len(body), recipients=[Recipient(b"r")])), body, queue_id)
        writer.wait()
    assert isinstance(results[-1][2], DiskFull) and not writer.broken
    slots = [store.admit([q, EPOCH, *place, len(body), 0, b"", 1]) for q, place, error in results if error is None]
    before()
    (path / "ballast").write_bytes(b"") if os.statvfs(path).f_bavail == 0 else fill_up(path)
    log = store._log.position()[0]
    while store._log.position()[0] == log:          # until another segment is needed
        for slot in slots[2:]:
            store.defer(slot, EPOCH, [(0, "4.0.0", "x" * 40)])
        store.sync()
    for slot in slots[2:]:
        store.done(slot, [0])
        store.remove(slot)
    store.sync()
    for _ in range(100):
        now[0] += 1_100_000
        store.maintain()
        store.sync()
    (path / "ballast").unlink()
    results.clear()
    writer.commit(pack(Envelope(writer.new_id(), EPOCH, b"", 0, 5, recipients=[Recipient(b"r")])), b"again", b"again")
    writer.wait()
    assert results[0][2] is None
    writer.close()
    store.close()


def fill_up(path: Path) -> None:
    """Leave no byte free."""
    with open(path / "ballast", "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def test_space_is_asked_for_before_a_message_is_taken(tmp_path: Path) -> None:
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    assert Space(str(tmp_path), 0, 0).enough()
    assert not Space(str(tmp_path), free * 2, 0).enough()
    assert not Space(str(tmp_path), 0, free * 2).enough()
    assert Space(str(tmp_path), 0, 1000).enough()
