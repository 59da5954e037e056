"""A sync fails, the writer refuses what it gathered, and then the power is cut: what was refused stays away, what was taken is there.

Law: docs/queue.md "The writer", HOSTILE 2.3, I9.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from pyfix import durable
from pyfix.errors import QueueError
from pyfix.model import Envelope, Recipient
from pyfix.queue.books import Books
from pyfix.queue.envelope import pack
from pyfix.queue.recovery import Disk, recover
from pyfix.queue.writer import Writer

from .disk import Op, choices, forced, image, write_out
from .sites import syncs
from .test_queue_replay import EMPTY, shared

__all__ = ["shared"]
pytestmark = pytest.mark.crash
EPOCH = 1_700_000_000_000_000


def refusing(path: Path, after: int) -> tuple[list[Op], int]:
    """A writer at work, one of whose syncs fails: the recording, and the directory's inode."""
    path.mkdir()
    durable.record()
    writer = Writer(str(path), "t", segment_size=1 << 16)
    writer.on_group = lambda group: [durable.mark((b"ACK " if error is None else b"NAK ") + token) for token, _, error in group]
    durable.fail_sync(after)
    for number in range(12):
        if writer.broken:
            break
        queue_id = writer.new_id()
        writer.commit(pack(Envelope(queue_id, EPOCH, b"", 0, 700, recipients=[Recipient(b"r@example.com")])), bytes([number]) * 700, queue_id)
        if number % 3 == 2:
            with contextlib.suppress(QueueError):
                writer.wait()
    writer.close()              # the thread has ended, and all is reported
    ops = durable.recorded()
    durable.fail_sync(-1)
    return ops, path.stat().st_ino


def broken(path: Path, ops: list[Op], inode: int, ignore: Callable[[Op], bool] = lambda op: False) -> str:
    """The first promise that some disk breaks, "" when none does."""
    path.mkdir(exist_ok=True)
    rng = Random(1)
    for cut in range(len(ops) // 2, len(ops) + 1):
        marks = [op[3].split() for op in ops[:cut] if op[0] == durable.MARK]
        for kept in choices(ops, cut, forced(ops, cut, ignore), rng, 3):
            write_out(image(EMPTY, ops, kept, inode), path)
            books = Books(EPOCH // 1_000_000)
            recover(Disk(str(path), lambda line: None), books)
            live = {books.table.queue_id(slot) for slot in books.table.walk(0b111110, 0, 1 << 20)[0]}
            for word, queue_id in marks:
                if (word == b"ACK") != (queue_id in live):
                    return f"{word!r} {queue_id!r} after {cut} of {len(ops)} operations"
    return ""


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_what_was_refused_stays_away_and_what_was_taken_is_there(shared: Path, after: int) -> None:
    ops, inode = refusing(shared / f"f{after}", after)
    assert any(op[3].startswith(b"NAK ") for op in ops if op[0] == durable.MARK)
    assert broken(shared / "after", ops, inode) == ""


@pytest.mark.parametrize("name", ["cut", "names, cut"])
def test_without_the_syncs_of_a_cut_it_is_red(shared: Path, name: str) -> None:
    ops, inode = refusing(shared / name.replace(", ", ""), 2)
    ignored = {id(ops[i]) for i in syncs(ops)[name]}
    assert broken(shared / "after", ops, inode, lambda op: id(op) in ignored).startswith("b'NAK'")
