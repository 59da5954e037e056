"""What a tree of processes has used: CPU time, bytes written, memory (proc(5): stat, io, smaps_rollup).

The law: a child that has died and been waited for counts with its parent (the kernel adds its CPU time and its I/O there),
so the sum over the living is that of all that ever ran, and differences of two sums are true whatever came and went between.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

TICK = os.sysconf("SC_CLK_TCK")


class Usage(NamedTuple):
    """Sums over a tree: seconds of CPU, bytes sent to the disk, bytes given to write(2), proportional set size in bytes, processes."""

    cpu: float = 0.0
    disk: int = 0
    written: int = 0
    pss: int = 0
    processes: int = 0

    def since(self, before: Usage) -> Usage:
        """What came on top of `before`; memory and processes are those of now."""
        return Usage(self.cpu - before.cpu, self.disk - before.disk, self.written - before.written, self.pss, self.processes)


def tree(root: int) -> list[int]:
    """`root` and all its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := stat_fields(int(entry))):
            children.setdefault(int(fields[1]), []).append(int(entry))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; [] if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def one(pid: int, memory: bool) -> Usage:
    """One process with its reaped children."""
    fields = stat_fields(pid)
    if not fields:
        return Usage()
    cpu = sum(int(field) for field in fields[11:15]) / TICK
    return Usage(cpu, *io(pid), pss(pid) if memory else 0, 1)


def io(pid: int) -> tuple[int, int]:
    """write_bytes and wchar."""
    try:
        rows = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    except OSError:
        return 0, 0
    return int(rows["write_bytes"]), int(rows["wchar"])


def pss(pid: int) -> int:
    """Memory with shared pages divided among those who share them."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def peak(root: int) -> int:
    """Peak resident bytes (VmHWM) of the largest process of a tree: what grows with the load shows here, whenever it was."""
    sizes = [0]
    for pid in tree(root):
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        sizes += [int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")]
    return max(sizes)


def used(root: int, memory: bool = False) -> Usage:
    """The tree below `root` by now. Memory is looked at on demand: it costs."""
    parts = [one(pid, memory) for pid in tree(root)]
    return Usage(*(sum(column) for column in zip(*parts, strict=True)))


def settle(root: int, quiet: float = 0.3, patience: float = 60.0) -> Usage:
    """Waits until the tree uses less than 5 % of one core, so that work left behind the last message counts too."""
    deadline = time.monotonic() + patience
    before = used(root)
    while time.monotonic() < deadline:
        time.sleep(quiet)
        now = used(root)
        if now.cpu - before.cpu <= 0.05 * quiet + 1 / TICK:
            return now
        before = now
    return before
