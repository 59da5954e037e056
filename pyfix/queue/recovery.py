"""From disk to tables: the checkpoint, the ends of the message segments, then the state log.

Law: docs/queue.md "Recovery". Nothing on disk is changed but for copies put into corrupt/ and the name of a whole
checkpoint, so that a recovery that is cut off and begun again finds the same. A record no later one vouches for is
admitted when it is whole, after a sync; it was perhaps never acknowledged, and perhaps was. So is the checkpoint synced:
after a kill it may be whole for this process, and not on disk.
"""

import os
from collections.abc import Callable

from pyfix.durable import Directory
from pyfix.errors import Corrupt, QueueError
from pyfix.queue import checkpoint
from pyfix.queue.books import Books, Many
from pyfix.queue.envelope import unpack
from pyfix.queue.reader import Reader, SegmentFile
from pyfix.queue.scan import Found, scan
from pyfix.queue.segment import cut_value, try_lock
from pyfix.queue.states import CORRUPT, FINISHED, HOLD, MULTI, unpack_op

MESSAGE, STATE = 1, 4
START = 4096


class Disk:
    """The log directory as recovery and upkeep see it. `warn` takes lines for the log."""

    def __init__(self, path: str, warn: Callable[[str], None]) -> None:
        self.path, self.warn = path, warn
        self.directory = Directory(path)
        self.reader = Reader(path)
        os.makedirs(os.path.join(path, "corrupt"), mode=0o700, exist_ok=True)
        self.corrupt = Directory(os.path.join(path, "corrupt"))

    def numbers(self, suffix: str) -> list[int]:
        """Numbers of the files with a suffix, ascending."""
        return sorted(int(name[:8], 16) for name in os.listdir(self.path)
                      if name[8:] == suffix and len(name) == 8 + len(suffix))

    def cut(self, number: int) -> int:
        """Where a segment was cut after a failed sync, 0: it was not.

        A cut that is not whole does not count: a crash came between, and nobody was refused yet.
        """
        path = os.path.join(self.path, f"{number:08x}.cut")
        try:
            with open(path, "rb") as file:
                data = file.read(9)
        except FileNotFoundError:
            return 0
        offset = cut_value(data, number)
        if not offset and any(data):
            self.warn(f"{path} is damaged and does not count; a message that was refused may be sent")
        return offset

    def open(self, number: int) -> SegmentFile | None:
        """An open segment; None for a file that holds nothing acknowledged or can't be read as a segment (said in the log)."""
        try:
            return SegmentFile(self.directory.fd, number)
        except Corrupt as trouble:
            path = os.path.join(self.path, f"{number:08x}.seg")
            with open(path, "rb") as file:
                file.seek(START)
                written = any(any(piece) for piece in iter(lambda: file.read(1 << 20), b""))
            if written:
                self.warn(f"{path}: {trouble}; left as it is")
            return None

    def keep(self, path: str) -> str:
        """Make a checkpoint durable, for a process may have been killed before it could; its path from now on.

        What follows builds on it, and the next one would take the place of one that is still called .new. The new name is on
        disk before that: the state log's first segment is made in between, which syncs the directory.
        """
        with open(path, "rb") as file:
            self.directory.datasync(file.fileno())
        new, name = (os.path.join(self.path, one.decode()) for one in (checkpoint.NAMES[1], checkpoint.NAMES[0]))
        if path == new:
            checkpoint.promote(self.directory)
        return name if path == new else path

    def holds(self, number: int) -> bool:
        """Whether there is a segment of that number now. None that was freed comes back: no number is used twice."""
        return os.path.exists(os.path.join(self.path, f"{number:08x}.seg"))

    def set_aside(self, number: int, offset: int, end: int, why: str) -> str:
        """Copy bytes of a segment into corrupt/ and say so; the file's path."""
        name = f"{number:08x}-{offset:08x}"
        path = os.path.join(self.corrupt.path, name)
        if not os.path.exists(path):
            with open(os.path.join(self.path, f"{number:08x}.seg"), "rb") as file:
                data = os.pread(file.fileno(), end - offset, offset)
            self.corrupt.replace(name.encode(), data)
            self.warn(f"segment {number:08x}, offset {offset}: {why}; {end - offset} bytes set aside in {path}")
        return path


def choose(disk: Disk) -> tuple[checkpoint.Start | None, str]:
    """The newest whole checkpoint and its path."""
    best: checkpoint.Start | None = None
    best_path = ""
    for name in checkpoint.NAMES:
        path = os.path.join(disk.path, name.decode())
        try:
            start = checkpoint.read_start(path)
        except FileNotFoundError:
            continue
        except (Corrupt, ValueError) as trouble:
            if name != checkpoint.NAMES[1]:         # a .new that is not whole was being written
                disk.warn(f"checkpoint: {trouble}")
            continue
        if best is None or start.sequence > best.sequence:
            best, best_path = start, path
    return best, best_path


def recover(disk: Disk, books: Books) -> int:
    """Fill empty books. Returns the sequence of the checkpoint used, 0 when there was none."""
    start, path = choose(disk)
    if start is not None:
        path = disk.keep(path)
        checkpoint.load(path, books)
        for number, tail, ended in start.tails:
            books.segments[number] = books.segment(number)
            books.segments[number].tail, books.segments[number].ended = tail, ended
    count_live(books)
    states = []
    present = set()
    for number in disk.numbers(".seg"):
        file = disk.open(number)
        if file is None:
            continue
        present.add(number)
        if file.kind == STATE:
            states.append(file)
        elif not books.segment(number).ended:
            catch_up(disk, books, file)
    for file in states:
        if start is None or file.number >= start.state[0]:
            replay(disk, books, file, start.state[1] if start and file.number == start.state[0] else START)
    settle(disk, books, present)
    if start is None and states:
        disk.warn("no checkpoint can be read: what was delivered is not known for sure; the whole queue is put on hold")
        hold_all(books)
    return start.sequence if start else 0


def count_live(books: Books) -> None:
    """Count what the checkpoint's slots refer to."""
    live, reasons = books.table.by_segment()
    for number, (count, length) in live.items():
        entry = books.segment(number)
        entry.live, entry.bytes = count, length
    books.reasons = reasons
    for chunks in books.big.values():
        for number, length in chunks:
            books.place_counts(0, number, length, 1)
    for many in books.many.values():
        for place in many.reasons or ():
            books.count_reason(place >> 32, 1)


def catch_up(disk: Disk, books: Books, file: SegmentFile) -> list[int]:
    """Read a message segment on from where it was read to; the slots of what is new."""
    entry = books.segment(file.number)
    entry.name, entry.size = file.name.decode(errors="replace"), file.size
    alive = not try_lock(file.fileno())
    found = scan(file, max(entry.tail, START), disk.cut(file.number), not alive)
    fresh = [record for record in found.records if record[0] == MESSAGE]
    if any(not vouched for *_, vouched in fresh):
        disk.directory.datasync(file.fileno())
    slots = [slot for record in fresh if (slot := admit_record(disk, books, file.number, record))]
    if not alive:
        report(disk, file.number, found)
        entry.ended = True
    entry.tail = max(entry.tail, (found.end + 7) & ~7)
    return slots


def admit_record(disk: Disk, books: Books, number: int, record: tuple[int, int, int, bytes, bool]) -> int:
    """File the message in a record; its slot, 0 when it is known or no whole message."""
    _, offset, length, head, vouched = record
    try:
        envelope = unpack(head)
        if envelope.extents and not vouched:
            make_sure(disk, (number, offset, length), {extent[0] for extent in envelope.extents})
        return books.admit(envelope.queue_id, envelope.arrival, number, offset, length, envelope.size, envelope.flags,
                           envelope.sender, len(envelope.recipients), envelope.extents)
    except KeyError:
        return 0
    except (Corrupt, ValueError) as trouble:
        if vouched:
            disk.set_aside(number, offset, offset + length, str(trouble))
        else:
            disk.warn(f"segment {number:08x}, offset {offset}: {trouble}; it was not acknowledged for sure and is left out")
        return 0


def make_sure(disk: Disk, place: tuple[int, int, int], segments: set[int]) -> None:
    """Check the long content of a message that nothing vouches for, and put it on disk. Corrupt: it is not all there.

    Where one of its segments was freed, the message was taken and finished once; the state log will say so, or else settle().
    """
    if not all(os.path.exists(os.path.join(disk.path, f"{number:08x}.seg")) for number in segments):
        return
    disk.reader.open(place)[1].verify()
    for number in segments:
        file = SegmentFile(disk.directory.fd, number)
        disk.directory.datasync(file.fileno())


def report(disk: Disk, number: int, found: Found) -> None:
    """Say what is damaged, and set it aside; what is torn at the end is only said."""
    for offset, end in found.damaged:
        disk.set_aside(number, offset, end, "damaged after it was acknowledged")
    for offset, end in found.torn:
        disk.warn(f"segment {number:08x}: the unfinished end from offset {offset} (up to {end - offset} bytes) is cut off")


def replay(disk: Disk, books: Books, file: SegmentFile, offset: int) -> None:
    """Do what the state log says from an offset on."""
    found = scan(file, offset, disk.cut(file.number), True)
    for kind, at, _, head, _ in found.records:
        if kind == STATE:
            try:
                books.apply(unpack_op(head), file.number, at)
            except (Corrupt, IndexError, TypeError, ValueError) as trouble:
                disk.warn(f"state log {file.number:08x}, offset {at}: {trouble}")
    for at, end in found.damaged:
        disk.set_aside(file.number, at, end, "state log damaged: outcomes are lost, some mail may go out twice")


def settle(disk: Disk, books: Books, present: set[int]) -> None:
    """Mark what refers to segments that are not there, complete what a checkpoint caught half-way, file what is due."""
    for number in [n for n in books.segments if n not in present]:
        broken = [slot for slot, chunks in books.big.items() if any(chunk[0] == number for chunk in chunks)]
        for slot in {*books.table.in_segment(number, len(books.table) + 1), *broken}:
            disk.warn(f"{books.table.queue_id(slot).decode()}: its segment {number:08x} is gone")
            books.table.set_state(slot, CORRUPT)
        if books.segments[number].live <= 0:
            del books.segments[number]
    for slot in books.table.flagged(MULTI):
        if slot not in books.many:
            missing_outcomes(disk, books, slot)
    for slot in books.table.flagged(FINISHED | MULTI):
        if not books.pending(slot):
            books.remove(slot)
    books.wheel.refile()


def missing_outcomes(disk: Disk, books: Books, slot: int) -> None:
    """A message with several recipients of which no outcome is known: all are pending."""
    try:
        envelope, _ = disk.reader.open(books.table.place(slot))
        books.many[slot] = Many(bytearray(len(envelope.recipients)))
    except QueueError as trouble:
        disk.warn(f"{books.table.queue_id(slot).decode()}: {trouble}")
        books.table.set_state(slot, CORRUPT)


def hold_all(books: Books) -> None:
    """Put everything on hold."""
    cursor = 0
    while True:
        slots, cursor = books.table.walk(0b1110, cursor, 10000)
        for slot in slots:
            books.wheel.cancel(slot)
            books.table.set_state(slot, HOLD)
        if not cursor:
            return
