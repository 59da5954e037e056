"""What the store does besides: checkpoints, recycling and compaction of segments, the reserve.

Law: docs/queue.md "Checkpoint", "Space". Each step() does one small thing. A segment is given free when no message
in it is alive, no writer has it locked, it has been read to its end, and the records that killed its messages
are on disk; before a checkpoint forgets it, the directory is synced.
"""

import os
import threading
from collections.abc import Callable

from pyfix.errors import DiskFull, QueueError
from pyfix.queue import checkpoint
from pyfix.queue.books import Books
from pyfix.queue.envelope import pack
from pyfix.queue.journal import Journal
from pyfix.queue.reader import SegmentFile
from pyfix.queue.recovery import START, STATE, Disk, catch_up
from pyfix.queue.scan import scan
from pyfix.queue.segment import try_lock
from pyfix.queue.states import CORRUPT, OP_DEFER, OP_NOTE, pack_op, unpack_op
from pyfix.queue.writer import Writer

POOL = 4                    # free segments kept for use again
NEARLY_DEAD = 8             # compaction: alive bytes are less than one part in this of a segment
CHECKPOINT_US = 60_000_000  # at least this long between two
PAUSE_US = 1_000_000        # between two looks for something to free
UNTOLD_US = 10_000_000      # between two looks for messages that nobody told of
COPIES = b"qmgr.copies"   # the name of the writer that compaction copies with


class Upkeep:
    """Belongs to a Store. `sequence`: the checkpoint that was read, 0 for none."""

    def __init__(self, disk: Disk, books: Books, segment_size: int, sequence: int, clock: Callable[[], int]) -> None:
        self.disk, self.books, self.segment_size, self.sequence, self._clock = disk, books, segment_size, sequence, clock
        self._log: Journal = None                                   # type: ignore[assignment]
        self._copies: Writer | None = None
        self._image: checkpoint.Image | None = None
        self._thread: threading.Thread | None = None
        self._error: QueueError | None = None
        self._written = False               # all slices of the image are, and wait for the state log
        self._kept_state = (0, 0)           # state log position that the older checkpoint begins at
        self._new_state = (0, 0)
        self._retiring: dict[int, SegmentFile] = {}
        self._copying: set[int] = set()
        self._found: list[int] = []
        self._ends: dict[int, int] = {}     # segment still written to -> where its records ended at the last look
        self._last_image = self._last_look = self._last_ends = clock()
        self._last_state = 0

    # ---- checkpoints

    def _start(self) -> checkpoint.Start:
        segments = [(number, entry.tail, entry.ended) for number, entry in self.books.segments.items()]
        own = self._log.position() if self._log is not None else (0, 4096)
        return checkpoint.Start(self.sequence + 1, own, segments)

    def first_checkpoint(self) -> None:
        """An empty state before there is a state log: from now on a checkpoint always exists."""
        self._image = checkpoint.Image(self.disk.directory, self.books, self._start())
        self._write_out()

    def begin(self, log: Journal) -> None:
        """The state log is open."""
        self._log = log
        for path in checkpoint.NAMES[2:]:
            try:
                self._kept_state = checkpoint.read_start(os.path.join(self.disk.path, path.decode())).state
            except (OSError, QueueError):
                continue

    def _write_out(self) -> None:
        while self._image.step():
            continue
        if self._log is not None:
            self._log.wait()
        self._image.finish()
        self._finished()

    def _finished(self) -> None:
        self.sequence = self._image.start.sequence
        self._kept_state, self._new_state = self._new_state, self._image.start.state
        self._image, self._written = None, False
        self._last_image = self._clock()

    def checkpoint_now(self) -> None:
        """Write one and wait for it. QueueError, DiskFull."""
        if self._written and self._thread is None:
            self._log.wait()                # reports to _image_covered
        self._join()
        if self._image is None:
            self._image = checkpoint.Image(self.disk.directory, self.books, self._start())
        self._write_out()

    def _checkpoint_due(self) -> bool:
        segment = self._log.position()[0]
        old_enough = self._clock() - self._last_image >= CHECKPOINT_US
        return old_enough or segment != self._last_state

    def _join(self) -> None:
        """Wait for a sync under way."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            if self._error is None:
                self._finished()
            else:
                self._abandon(self._error)

    def _abandon(self, error: QueueError) -> None:
        self.disk.warn(f"checkpoint not written: {error}")
        self._image.close()
        self._image, self._error, self._written = None, None, False
        self._last_image = self._clock()

    def _finish(self) -> None:
        try:
            self._image.finish()
        except QueueError as error:
            self._error = error

    def _step_image(self) -> None:
        if self._thread is not None:
            if not self._thread.is_alive():
                self._join()
        elif not self._written and not self._image.step():
            self._written = True
            self._log.barrier(self._image_covered)

    def _image_covered(self, error: Exception | None) -> None:
        """All that the slices may show is in the state log on disk: the image may count."""
        if error is None and self._image is not None and self._thread is None:
            self._thread = threading.Thread(target=self._finish, name="checkpoint")
            self._thread.start()

    # ---- steps

    def step(self) -> list[int]:
        """Do one small thing; slots of messages found on the way."""
        try:
            if self._image is not None:
                self._step_image()
            elif self._checkpoint_due():
                self._last_state = self._log.position()[0]
                self._image = checkpoint.Image(self.disk.directory, self.books, self._start())
            elif self._clock() - self._last_look >= PAUSE_US:
                self._last_look = self._clock()
                self._look()
        except DiskFull as error:
            self.disk.warn(f"upkeep: {error}")
            if self._image is not None:
                self._abandon(error)
        found, self._found = self._found, []        # on a full disk too: nobody else brings these to the scheduler
        return found

    def _look(self) -> None:
        """Free what is dead, thin what is nearly dead, renew the reserve."""
        if self._clock() - self._last_ends >= UNTOLD_US:
            self._last_ends = self._clock()
            self._read_untold()
        self._free_dead()
        self._free_state_log()
        self._compact()
        self._renew_reserve()

    def _read_untold(self) -> None:
        """Take what stood on disk at the last look and no notice has told of since: a message waits for no restart.

        A notice that is only late finds its message taken.
        """
        before, self._ends = self._ends, {}
        own = self._own()
        for number in self.disk.numbers(".seg"):
            entry = self.books.segments.get(number)
            if number in own or entry is not None and entry.ended:
                continue
            file = self.disk.open(number)
            if file is None or file.kind == STATE:
                continue
            tail = max(entry.tail if entry is not None else 0, START)
            if tail < before.get(number, 0) and (fresh := catch_up(self.disk, self.books, file)):
                self.disk.warn(f"segment {number:08x}: {len(fresh)} messages were there and no notice of them came")
                self._found += fresh
            self._ends[number] = scan(file, tail, self.disk.cut(number), False).end

    def catch_up(self, name: str) -> list[int]:
        """Read on in all segments of a writer that are not read to their ends."""
        fresh: list[int] = []
        own = self._own()
        for number in self.disk.numbers(".seg"):
            if number in own or number in self.books.segments and self.books.segments[number].ended:
                continue
            file = self.disk.open(number)
            if file is not None and file.kind != STATE and file.name.decode(errors="replace") == name:
                fresh += catch_up(self.disk, self.books, file)
        return fresh

    def _own(self) -> set[int]:
        own = self._log.using()
        return own | self._copies.using() if self._copies is not None else own

    def _free_dead(self) -> None:
        """Begin to free segments where nothing is alive: lock them, read what is unread, wait for the state log."""
        numbers = self.disk.numbers(".seg")
        own = self._own()
        for number in numbers[:-1]:
            entry = self.books.segments.get(number)
            if number in own or number in self._retiring or entry is not None and (
                    entry.live > 0 or entry.needed_until > self.sequence):
                continue
            file = self.disk.open(number)
            if file is None or file.kind == STATE or self._awaited(file) or not try_lock(file.fileno()):
                continue
            if entry is None or not entry.ended:
                self._found += catch_up(self.disk, self.books, file)
            self._found += self.catch_up(file.name.decode(errors="replace"))      # its content may be a later message's
            if self.books.segment(number).live <= 0:
                self._retiring[number] = file                               # keeps the lock
                self._log.barrier(lambda error, number=number: self._retire(number, error))

    def _retire(self, number: int, error: Exception | None) -> None:
        """The state log is on disk: the segment may go."""
        file = self._retiring.pop(number)
        if error is not None or self.books.segment(number).live > 0 or self._awaited(file):
            return
        self.disk.reader.forget(number)
        size = file.size
        del file            # and the lock: whoever takes the .free file at once must get his
        self._give_free(number, size)
        self.books.segments.pop(number, None)

    def _awaited(self, file: SegmentFile) -> bool:
        """Whether copies may lie there that are on disk and not reported yet: they count for nothing until then."""
        return bool(self._copying) and file.name == COPIES

    def _give_free(self, number: int, size: int) -> None:
        old, free = f"{number:08x}.seg".encode(), f"{number:08x}.free".encode()
        if size == self.segment_size and len(self.disk.numbers(".free")) < POOL:
            self.disk.directory.rename(old, free)
        else:
            self.disk.directory.unlink(old)
        if os.path.exists(os.path.join(self.disk.path, f"{number:08x}.cut")):
            self.disk.directory.unlink(f"{number:08x}.cut".encode())

    # ---- the state log's own segments

    def _free_state_log(self) -> None:
        """Free state log segments before both checkpoints that hold no reason; copy on the last reasons of old ones."""
        own = self._own()
        for number in self.disk.numbers(".seg")[:-1]:
            if number in own or number >= min(self._kept_state[0], self._new_state[0]):
                continue
            file = self.disk.open(number)
            if file is None or file.kind != STATE:
                continue
            if self.books.reasons.get(number, 0) > 0:
                self._copy_reasons(number)
                continue
            self.disk.reader.forget(number)
            self.books.reasons.pop(number, None)
            self._give_free(number, file.size)

    def _copy_reasons(self, number: int) -> None:
        """Write some reasons of an old state log segment anew."""
        table = self.books.table
        slots = table.with_reason_in(number, 200)
        slots += [slot for slot, many in self.books.many.items()
                  if many.reasons and any(place >> 32 == number for place in many.reasons)][:20]
        for slot in slots:
            for place in {place for place in self.books.reason_places(slot).values() if place[0] == number}:
                mine = [i for i, at in self.books.reason_places(slot).items() if at == place]
                op = unpack_op(self.disk.reader.read(*place)[1])
                if op[0] not in (OP_DEFER, OP_NOTE):
                    continue
                reasons = [reason for reason in op[-1] if reason[0] in mine]
                new = self._log.append(STATE, pack_op((OP_NOTE, op[1], reasons)), 0)
                self.books.note(slot, [reason[0] for reason in reasons], *new)

    # ---- compaction

    def _compact(self) -> None:
        """Copy on some messages of a segment that is nearly dead."""
        if self._copying:
            return
        own = self._own()
        for number, entry in list(self.books.segments.items()):
            if 0 < entry.live and number not in own and entry.bytes * NEARLY_DEAD < (entry.size or self.segment_size) and self._ended(number):
                slots = self.books.table.in_segment(number, 50)
                slots += [slot for slot, chunks in self.books.big.items() if any(n == number for n, _ in chunks)]
                for slot in slots[:50]:
                    if self.books.table.state(slot) != CORRUPT:
                        self._copy(slot)
                return

    def _ended(self, number: int) -> bool:
        """Whether a segment is read to an end that no writer will move."""
        entry = self.books.segments[number]
        if not entry.ended:
            file = self.disk.open(number)
            if file is None or not try_lock(file.fileno()):
                return False
            self._found += catch_up(self.disk, self.books, file)
        return entry.ended

    def _copy(self, slot: int) -> None:
        if self._copies is None:
            self._copies = Writer(self.disk.path, COPIES.decode(), None, self._copied, segment_size=self.segment_size)
        try:
            envelope, content = self.disk.reader.open(self.books.table.place(slot))
            extents = [self._copies.chunk(bytes(piece)) for piece in content.pieces()] if envelope.extents else []
        except QueueError as trouble:
            self.disk.warn(f"{self.books.table.queue_id(slot).decode()}: can't be copied: {trouble}")
            return
        envelope.extents = extents
        self._copying.add(slot)
        token = (slot, self.books.table.number(slot), [(n, length) for n, _, length in extents])
        self._copies.copy(pack(envelope), None if extents else bytes(content.data), token, extents)

    def _copied(self, group: list) -> None:
        for (slot, number, chunks), place, error in group:
            self._copying.discard(slot)
            if error is not None:
                self.disk.warn(f"compaction: {error}")
            elif self.books.table.find_number(number) == slot:
                self._keep_for_checkpoints(slot)
                self.books.move(slot, *place, chunks)
                entry = self.books.segment(place.segment)
                entry.tail = max(entry.tail, place.offset + place.length)

    def _keep_for_checkpoints(self, slot: int) -> None:
        """The segments a message moves out of stay until both checkpoints know its new place: only they know it.

        Recovery from an older one finds the message where it was, and so does without the copy.
        """
        begun = self._image.start.sequence if self._image is not None else self.sequence
        for number in {self.books.table.place(slot)[0], *(number for number, _ in self.books.big.get(slot, ()))}:
            self.books.segment(number).needed_until = begun + 2

    def ready(self) -> None:
        """Report copies that are on disk."""
        if self._copies is not None:
            self._copies.ready()

    # ---- the reserve

    def _renew_reserve(self) -> None:
        """Keep a segment's worth of disk for the state log on a full disk."""
        path = os.path.join(self.disk.path, "reserve")
        if os.path.exists(path):
            return
        if os.path.lexists(path + ".new"):
            self.disk.directory.unlink(b"reserve.new")
        fd = self.disk.directory.create(b"reserve.new")
        try:
            self.disk.directory.allocate(fd, self.segment_size)
            self.disk.directory.rename(b"reserve.new", b"reserve")
        finally:
            os.close(fd)

    def close(self) -> None:
        """Let go. Blocks."""
        self._join()
        if self._copies is not None:
            self._copies.close()
            self._copies = None
