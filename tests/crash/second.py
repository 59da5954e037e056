"""Two lives of a queue: the first is killed, the second goes on from what the kernel still has, and then the power is cut.

After kill -9 a process's successor sees all that was written, synced or not. What it builds on that must be made durable by
it, for the power cut that follows takes the rest away. Both recordings become one, as if one disk had seen them.
"""

from pathlib import Path
from typing import NamedTuple

from pyfix import durable
from pyfix.errors import DiskFull
from pyfix.queue.checkpoint import Image
from pyfix.queue.store import Store

from .disk import DATA, NAMES, Base, Op, image, write_out
from .sites import BEGINS
from .workload import SIZE, Workload

EMPTY = Base({}, {})


def killed(ops: list[Op], cut: int) -> list[Op]:
    """What a process had done when it was killed: a sync under way has never ended."""
    open_ones: dict[tuple[int, int], list[int]] = {}
    for i, op in enumerate(ops[:cut]):
        if op[0] in BEGINS:
            open_ones.setdefault((op[0], op[1]), []).append(i)
        elif (op[0] - 1, op[1]) in open_ones and open_ones[op[0] - 1, op[1]] and op[0] in (durable.SYNC_END, durable.DIR_SYNC_END):
            open_ones[op[0] - 1, op[1]].pop(0)
    never = {i for begun in open_ones.values() for i in begun}
    return [op for i, op in enumerate(ops[:cut]) if i not in never]


def no_room(image: Image) -> bool:
    """In the place of a step of a checkpoint: the disk is full."""
    raise DiskFull("no room for a checkpoint")


def go_on(work: Workload, path: Path, rounds: int, full: bool = False) -> list[Op]:
    """A new qmgr on the directory: recovery, outcomes, upkeep (`full`: but no checkpoint gets further than its name); what it did."""
    step = Image.step
    durable.record()
    work.store = Store(str(path), lambda: work.now, segment_size=SIZE, warn=lambda line: None)
    work.store.recover()
    Image.step = no_room if full else step                          # type: ignore[method-assign]
    for _ in range(rounds):
        marks = [work.deliver(slot) for slot in work.store.scan((1, 3))[0] if work.rng.random() < 0.3]
        work.store.sync()
        for mark in filter(None, marks):
            durable.mark(b"STUCK " + mark)
        work.now += 1_100_000
        for _ in range(3):
            work.store.maintain()
            work.store.ready()
    ops = durable.recorded()
    Image.step = step                                               # type: ignore[method-assign]
    work.store.close()
    return ops


class Lives(NamedTuple):
    """One recording of both lives; where the second begins; what the syncs of its recovery are for -> their indexes."""

    ops: list[Op]
    second: int
    syncs: dict[str, set[int]]


def lives(work: Workload, ops: list[Op], cut: int, inode: int, path: Path, full: bool = False) -> Lives:
    """Kill after `cut` operations, go on in `path`."""
    path.mkdir(exist_ok=True)
    first = killed(ops, cut)
    kernel = image(EMPTY, first, {i: True for i, op in enumerate(first) if op[0] in DATA + NAMES}, inode)
    write_out(kernel, path)
    same = {(path / name.decode()).stat().st_ino: old for name, old in kernel.names.items()} | {path.stat().st_ino: inode}
    second = [(op[0], same.get(op[1], op[1]), *op[2:]) for op in go_on(work, path, 3, full)]
    segments = {old: int(name[:8], 16) for name, old in kernel.names.items() if name.endswith(b".seg")}
    checkpoints = {old for name, old in kernel.names.items() if name.startswith(b"checkpoint")}
    return Lives(first + second, len(first), recovery_syncs(second, len(first), segments, checkpoints))


def recovery_syncs(second: list[Op], at: int, segments: dict[int, int], checkpoints: set[int]) -> dict[str, set[int]]:
    """Recovery syncs files that it has not written to.

    They are the checkpoint, a segment with messages to admit, then older ones that have their content.
    """
    found: dict[str, set[int]] = {"checkpoint": set(), "messages": set(), "content": set()}
    written, newest, purpose = set(), 0, "messages"
    for i, op in enumerate(second, at):
        if op[0] == durable.WRITE:
            written.add(op[1])
        elif op[0] in (durable.SYNC_BEGIN, durable.SYNC_END) and op[1] in checkpoints - written:
            found["checkpoint"].add(i)
        elif op[0] in (durable.SYNC_BEGIN, durable.SYNC_END) and op[1] in segments.keys() - written:
            if op[0] == durable.SYNC_BEGIN:
                purpose = "messages" if segments[op[1]] > newest else "content"
                newest = max(newest, segments[op[1]])
            found[purpose].add(i)
    return found
