"""CPU and bytes of a tree of processes, the reaped children included."""

import os
import subprocess
import sys

from bench.compare import usage

BURN = "import time\nwhile time.process_time() < 0.3: pass\n"


def test_a_reaped_child_counts() -> None:
    before = usage.used(os.getpid())
    subprocess.run([sys.executable, "-S", "-c", BURN], check=True)
    assert 0.25 < usage.used(os.getpid()).since(before).cpu < 2.0


def test_a_living_grandchild_counts() -> None:
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {BURN + 'input(1)'!r}])"
    child = subprocess.Popen([sys.executable, "-S", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None and child.stdout.read(1) == b"1"        # it has burnt, however long that took
        assert usage.settle(child.pid, quiet=0.2, patience=20).cpu > 0.25
        assert len(usage.tree(child.pid)) == 2
    finally:
        child.communicate(b"\n")


def test_bytes_written_of_a_reaped_child(tmp_path) -> None:
    before = usage.used(os.getpid())
    subprocess.run(["dd", "if=/dev/zero", f"of={tmp_path / 'x'}", "bs=1000", "count=500"], check=True, capture_output=True)
    assert usage.used(os.getpid()).since(before).written >= 500_000


def test_the_peak_of_the_largest_process_outlasts_what_it_held() -> None:
    code = "x = bytearray(60_000_000)\ndel x\nprint(1, flush=True)\ninput()"
    child = subprocess.Popen([sys.executable, "-S", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None and child.stdout.read(1) == b"1"
        assert 60_000_000 < usage.peak(child.pid) < 90_000_000 and usage.used(child.pid, memory=True).pss < 40_000_000
    finally:
        child.communicate(b"\n")


def test_memory_and_a_process_that_is_gone() -> None:
    assert usage.used(os.getpid(), memory=True).pss > 1_000_000
    assert usage.one(2**22 + 1, True) == usage.Usage()
