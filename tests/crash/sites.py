"""Which of the queue's syncs is which, seen from a recording: each has its own reason, and each must be missed when it is not there."""

from collections import defaultdict
from collections.abc import Iterator

from pyfix import durable
from pyfix._core import frame

from .disk import DATA, NAMES, SECTOR, Op

BEGINS, ENDS = (durable.SYNC_BEGIN, durable.DIR_SYNC_BEGIN), (durable.SYNC_END, durable.DIR_SYNC_END)
MESSAGES, HEAD = 1, 4096


def kinds(ops: list[Op]) -> dict[int, str]:
    """Inode -> what the file is."""
    found: dict[int, str] = {}
    for op in ops:
        if op[0] == durable.CREATE and not op[3].endswith(b".free"):
            stem, _, ending = op[3].decode().partition(".")
            found[op[2]] = ending if ending == "cut" else stem
        elif op[0] == durable.WRITE and op[2] == 0 and (head := frame.segment_read(op[3])) is not None:
            found[op[1]] = "state log" if head[1] != MESSAGES else "copies" if head[4] == b"qmgr.copies" else "messages"
    return found


def syncs(ops: list[Op]) -> dict[str, set[int]]:
    """Name of a sync -> indexes of its BEGINs and ENDs.

    A sync of names is told by what was synced or renamed before it; "free" is that of a file to be used again. (The name of a segment of
    copies counts with those of messages: a checkpoint's sync covers it before anybody relies on it.)
    """
    files, found = kinds(ops), defaultdict(set)
    before, newest, open_ones, headed = "free", "", defaultdict(list), set()
    for i, op in enumerate(ops):
        kind, inode = op[0], op[1]
        if kind == durable.RENAME and op[4].endswith(b".seg"):
            before = newest
        elif kind == durable.WRITE:
            headed = headed | {inode} if op[2] == 0 and len(op[3]) == HEAD else headed - {inode}
        elif kind == durable.SYNC_END and inode in headed:
            newest = files.get(inode, "?").replace("copies", "messages")
        elif kind == durable.SYNC_END and files.get(inode) in ("checkpoint", "cut"):
            before = files[inode]
        elif kind == durable.DIR_SYNC_END:
            before = "free"
        if kind in BEGINS:
            name = files.get(inode, "?") + (", head" if inode in headed else "") if kind == durable.SYNC_BEGIN else f"names, {before}"
            open_ones[kind, inode].append(name)
            found[name].add(i)
        elif kind in ENDS:
            found[open_ones[kind - 1, inode].pop(0)].add(i)
    return dict(found)


def near(ops: list[Op], indexes: set[int], reach: int) -> list[int]:
    """Places to cut at: those in the `reach` operations behind each of these."""
    return sorted({at for i in indexes if ops[i][0] in ENDS for at in range(i + 1, min(i + reach, len(ops)) + 1)})


def states(ops: list[Op], cut: int, must: set[int]) -> Iterator[dict[int, object]]:
    """Disks where a sync that is not there would be missed: nothing unsynced, all of it, all but one name or one late write."""
    loose = [i for i in range(cut) if ops[i][0] in DATA + NAMES and i not in must]
    sure: dict[int, object] = dict.fromkeys(must, True)
    every = sure | dict.fromkeys(loose, True)
    yield sure
    yield every
    for i in [i for i in loose if ops[i][0] in NAMES] + [i for i in loose if ops[i][0] in DATA][-4:]:
        yield {j: True for j in every if j != i}
    names = {i for i in loose if ops[i][0] in NAMES}
    yield {j: True for j in every if j not in names}


def torn(ops: list[Op], cut: int, must: set[int]) -> Iterator[dict[int, object]]:
    """Disks where one sector of one unsynced write is missing."""
    loose = [i for i in range(cut) if ops[i][0] in DATA + NAMES and i not in must]
    every: dict[int, object] = dict.fromkeys(must, True) | dict.fromkeys(loose, True)
    for i in [i for i in loose if ops[i][0] == durable.WRITE]:
        sectors = set(range(ops[i][2] // SECTOR, (ops[i][2] + len(ops[i][3])) // SECTOR + 1))
        for sector in sorted(sectors):
            yield every | {i: sectors - {sector}}
