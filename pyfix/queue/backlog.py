"""State records that found no room on the disk, the reserve used up too: they wait here, in order, until there is some.

Law: docs/queue.md "Space". What became of a message is known and may not be forgotten because it can't be written now; a message whose
REMOVE waits stays in the tables, so that its segment isn't given free before the disk says that it is gone. A crash
meanwhile costs what a crash before any sync of the state log costs: a duplicate, an early retry.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from pyfix.errors import DiskFull
from pyfix.queue.books import Books
from pyfix.queue.journal import Journal
from pyfix.queue.states import ACTIVE, OP_DEFER, OP_NOTE, OP_REMOVE, pack_op, unpack_op

STATE = 4           # kind of a record
LAZY = 0            # urgency of a record that may get lost
MOST_LAZY = 100_000


class Record(NamedTuple):
    """One that waits: its urgency for the Journal, its operation and the message's number, its bytes."""

    urgency: int
    kind: int
    number: int
    data: bytes


class Backlog:
    """Belongs to a Store. `say` takes lines for the log. True while anything waits."""

    def __init__(self, books: Books, log: Journal, say: Callable[[str], None]) -> None:
        self._books, self._log, self._say = books, log, say
        self._waiting: deque[Record] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, urgency: int, op: tuple[Any, ...], error: DiskFull | None = None) -> None:
        """Keep a record for which there is no room (`error`: seen just now)."""
        if error is not None and not self._waiting:
            self._say(f"state log: {error}: what becomes of messages is kept in memory until there is room")
        if urgency > LAZY or len(self._waiting) < MOST_LAZY:
            self._waiting.append(Record(urgency, op[0], op[1], pack_op(op)))
        if op[0] == OP_REMOVE and (slot := self._books.table.find_number(op[1])):
            self._books.wheel.cancel(slot)
            self._books.table.set_state(slot, ACTIVE)       # nobody may try it again

    def flush(self, most: int = 1 << 62) -> DiskFull | None:
        """Write what there is room for, `most` at a time; the error that stopped it. QueueError: the log has ended."""
        while self._waiting and most > 0:
            record = self._waiting[0]
            try:
                place = self._log.append(STATE, record.data, record.urgency)
            except DiskFull as error:
                return error
            self._waiting.popleft()
            self._written(record, place)
            most -= 1
            if not self._waiting:
                self._say("state log: there is room again: what became of messages is written")
        return None

    def _written(self, record: Record, place: tuple[int, int]) -> None:
        """A record has its place: do what had to wait for that."""
        slot = self._books.table.find_number(record.number)
        if not slot:
            return
        if record.kind == OP_REMOVE:
            self._books.remove(slot)
        elif record.kind in (OP_DEFER, OP_NOTE) and (reasons := unpack_op(record.data)[-1]):
            self._books.note(slot, [reason[0] for reason in reasons], *place)
