"""A model of what a disk may hold after a power cut, made from a recording of durable's calls.

Synced data and synced names are there; of the rest, any part may be, in any order, a write
down to single sectors (HOSTILE: prefixes, lost writes, torn records, grown files of zeros, lost names).
"""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from pyfix import durable

SECTOR = 512
DATA = (durable.WRITE, durable.TRUNCATE, durable.ALLOCATE)
NAMES = (durable.CREATE, durable.RENAME, durable.UNLINK)
Op = tuple[int, int, int, bytes, bytes]


class Base(NamedTuple):
    """What was durable before the recording began: names -> inode, inode -> bytes."""

    names: dict[bytes, int]
    files: dict[int, bytes]


def forced(ops: list[Op], cut: int, ignore: Callable[[Op], bool] = lambda op: False) -> set[int]:
    """Indexes of the operations before `cut` that a completed sync covers (syncs that `ignore` picks do not count)."""
    kept: set[int] = set()
    began: dict[tuple[int, int], list[int]] = {}            # of several at a time the first to end may be the first to begin
    loose: dict[tuple[bool, int], list[int]] = {}           # (name?, inode) -> what no sync covered yet
    for i, op in enumerate(ops[:cut]):
        kind, inode = op[0], op[1]
        if kind in DATA + NAMES:
            loose.setdefault((kind in NAMES, inode), []).append(i)
        elif kind in (durable.SYNC_BEGIN, durable.DIR_SYNC_BEGIN) and not ignore(op):
            began.setdefault((kind, inode), []).append(i)
        elif kind in (durable.SYNC_END, durable.DIR_SYNC_END) and not ignore(op):
            start, what = began[kind - 1, inode].pop(0), (kind == durable.DIR_SYNC_END, inode)
            kept.update(j for j in loose.get(what, ()) if j < start)
            loose[what] = [j for j in loose.get(what, ()) if j >= start]
    return kept


def choices(ops: list[Op], cut: int, must: set[int], rng: random.Random, rounds: int) -> Iterator[dict[int, object]]:
    """Ways the unsynced operations may have survived: index -> True, or a set of sectors of a write."""
    loose = [i for i in range(cut) if ops[i][0] in DATA + NAMES and i not in must]
    sure: dict[int, object] = dict.fromkeys(must, True)
    yield sure
    yield sure | dict.fromkeys(loose, True)
    for i in dict.fromkeys([*loose[-6:], *[i for i in loose if ops[i][0] in NAMES][-4:]]):
        yield sure | {i: True}
        yield sure | {j: True for j in loose if j != i}
    for i in [i for i in loose if ops[i][0] == durable.WRITE][-3:]:
        sectors = range(ops[i][2] // SECTOR, (ops[i][2] + len(ops[i][3])) // SECTOR + 1)
        for n in rng.sample(range(len(sectors)), min(4, len(sectors))):
            yield sure | dict.fromkeys(loose, True) | {i: set(sectors[:n])}
            yield sure | dict.fromkeys(loose, True) | {i: set(sectors) - {sectors[n]}}
    for _ in range(rounds):
        yield sure | {i: True for i in loose if rng.random() < 0.5}


def apply_write(content: bytearray, offset: int, data: bytes, keep: object) -> None:
    """Put a write, or some sectors of it, into a file."""
    end = offset + len(data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    if keep is True:
        content[offset:end] = data
        return
    for sector in keep:                                         # type: ignore[attr-defined]
        first, last = max(offset, sector * SECTOR), min(end, (sector + 1) * SECTOR)
        if first < last:
            content[first:last] = data[first - offset:last - offset]


def image(base: Base, ops: list[Op], kept: dict[int, object], directory: int) -> Base:
    """The disk that results."""
    names = dict(base.names)
    files = {inode: bytearray(data) for inode, data in base.files.items()}
    for i in sorted(kept):
        kind, inode, number, first, second = ops[i]
        if kind == durable.CREATE and inode == directory:
            names[first] = number
        elif kind == durable.RENAME and inode == directory and first in names:
            names[second] = names.pop(first)
        elif kind == durable.UNLINK and inode == directory:
            names.pop(first, None)
        elif kind == durable.WRITE:
            apply_write(files.setdefault(inode, bytearray()), number, first, kept[i])
        elif kind in (durable.TRUNCATE, durable.ALLOCATE):
            content = files.setdefault(inode, bytearray())
            if len(content) < number:
                content.extend(bytes(number - len(content)))
            elif kind == durable.TRUNCATE:
                del content[number:]
    return Base(names, {inode: bytes(data) for inode, data in files.items()})


def write_out(state: Base, path: Path) -> None:
    """Make the directory that the crash left."""
    for old in os.listdir(path):
        if old != "corrupt":
            (path / old).unlink()
    corrupt = path / "corrupt"
    corrupt.mkdir(exist_ok=True)
    for old in os.listdir(corrupt):
        (corrupt / old).unlink()
    for name, inode in state.names.items():
        (path / name.decode()).write_bytes(state.files.get(inode, b""))


def read_in(path: Path) -> Base:
    """What stands in a directory, as durable."""
    names, files = {}, {}
    for entry in os.scandir(path):
        if entry.is_file() and entry.name != "owner":
            names[entry.name.encode()] = entry.inode()
            files[entry.inode()] = Path(entry.path).read_bytes()
    return Base(names, files)
