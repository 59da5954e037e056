"""What commands ask of qmgr: postqueue, postsuper, postcat, mailq. Law: ipc.messages (ASK, ANSWER, END); showq(8).

    list                          ANSWER [record, ...] frames; record as `describe` makes it
    flush | flush_id ID | flush_site SITE
    find ID                       ANSWER [state, segment, offset, length, [pending index, ...]]
    change OP [ID, ...]           ANSWER [ID, ...] that it was done for
    change_all OP [QUEUE, ...]    all messages of these queues
END [count, text] closes each; a text means that it failed. Who may what is said in `callers`. Long answers go out in slices, at the reader's pace.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from pyfix.errors import PeerError, QueueError
from pyfix.ipc.connection import Connection
from pyfix.ipc.messages import ANSWER, END
from pyfix.qmgr.callers import Callers
from pyfix.queue.states import ACTIVE, CORRUPT, DEFERRED, FORCED, HOLD, INCOMING, NAMES

SLICE = 100             # messages listed or changed per turn of the loop
MOST_SITES = 1000       # sites that wait for a walk through the queue
BACKLOG = 1 << 20       # bytes that a slow reader may leave before we wait
LISTED = (ACTIVE, INCOMING, DEFERRED, HOLD)
STATES = {name: state for state, name in NAMES.items()}


class Admin:
    """Answers for one Manager; `wake()` has the server take a turn, `requeue(slot, tell)` resubmits a message."""

    def __init__(self, manager: Any, wake: Callable[[], None], requeue: Callable[..., None],
                 callers: Callers | None = None) -> None:
        self.callers = callers
        self.manager, self.store, self.wake, self.requeue = manager, manager.store, wake, requeue
        self._tasks: set[asyncio.Task[None]] = set()
        self._sites: set[str] = set()          # to be flushed by a walk that has not begun
        self._walk: asyncio.Task[None] | None = None
        self._verbs: dict[str, Callable[..., Any]] = {
            "list": self.listing, "flush": self.flush, "flush_id": self.flush_id, "flush_site": self.flush_site,
            "find": self.find, "change": self.change, "change_all": self.change_all}
        self.operations: dict[str, Callable[[int], bool]] = {
            "delete": self.delete, "hold": self.hold, "release": self.release, "expire": self.expire,
            "expire_release": self.expire_release}

    def answer(self, connection: Connection, arguments: list[Any]) -> None:
        """Serve one ASK frame. Raises PeerError for one that makes no sense."""
        verb = self._verbs.get(arguments[0]) if arguments else None
        if verb is None:
            raise PeerError(f"unknown request {arguments[:1]}")
        task = asyncio.get_running_loop().create_task(self._serve(verb, connection, arguments))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def _serve(self, verb: Callable[..., Any], connection: Connection, arguments: list[Any]) -> None:
        status, text = await self.callers.refusal(connection, arguments[0]) if self.callers is not None else (0, "")
        if text:
            connection.send([END, status, text])
        else:
            await verb(connection, *arguments[1:])

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.manager.log.error(f"a command's request failed: {task.exception()!r}")

    # -- listing --------------------------------------------------------------------------

    async def listing(self, connection: Connection) -> None:
        """All messages, by queue, streamed."""
        count = 0
        async for slots in self._slices(LISTED):
            records = [record for slot in slots if (record := describe(self.store, self.manager.reader, slot))]
            count += len(records)
            await paced(connection, [ANSWER, *records])
            if connection.closed:
                return
        connection.send([END, count, ""])

    async def _slices(self, states: tuple[int, ...]) -> AsyncIterator[list[int]]:
        for state in states:
            cursor = 0
            while True:
                slots, cursor = self.store.scan([state], cursor, SLICE)
                yield slots
                await asyncio.sleep(0)
                if not cursor:
                    break

    async def find(self, connection: Connection, queue_id: bytes) -> None:
        """Where a message is, for postcat -q."""
        slot = self.store.find(queue_id)
        if slot:
            connection.send([ANSWER, [NAMES[self.store.state(slot)], *self.store.place(slot), self.store.pending(slot)]])
        connection.send([END, 1 if slot else 0, ""])

    # -- flushing -------------------------------------------------------------------------

    async def flush(self, connection: Connection) -> None:
        """postqueue -f."""
        self.manager.flush()
        self._finish(connection, 1)

    async def flush_id(self, connection: Connection, queue_id: bytes) -> None:
        """postqueue -i."""
        slot = self.store.find(queue_id)
        if slot:
            self.manager.hasten(slot)
        self._finish(connection, 1 if slot else 0)

    async def flush_site(self, connection: Connection, site: str) -> None:
        """postqueue -s and ETRN: every deferred message with a recipient whose domain or nexthop is `site` is tried. The
        answer comes at once; one walk through the queue serves all the sites that were asked for before it began."""
        if len(self._sites) >= MOST_SITES:
            connection.send([END, 0, "too many sites to flush"])
            return
        self._sites.add(site.lower())
        if self._walk is None:
            self._walk = asyncio.get_running_loop().create_task(self._flush_sites())
            self._walk.add_done_callback(self._done)
        self._finish(connection, 1)

    async def _flush_sites(self) -> None:
        try:
            while self._sites:
                sites, self._sites = self._sites, set()
                async for slots in self._slices((DEFERRED,)):
                    found = [slot for slot in slots if self.store.state(slot) == DEFERRED and self._goes_to(slot, sites)]
                    for slot in found:
                        self.store.hasten(slot)
                    if found:
                        self.manager.hasten(found[0])
                        self.wake()
        finally:
            self._walk = None

    def _goes_to(self, slot: int, sites: set[str]) -> bool:
        try:
            envelope = self.manager.reader.open(self.store.place(slot))[0]
        except QueueError:
            return False
        pending = [envelope.recipients[index] for index in self.store.pending(slot)]
        return any(one.nexthop.lower() in sites or one.nexthop.lower().strip("[]") in sites
                   or one.address.rpartition(b"@")[2].lower().decode("utf-8", "replace") in sites for one in pending)

    # -- changing -------------------------------------------------------------------------

    async def change(self, connection: Connection, operation: str, queue_ids: list[bytes], queues: list[str]) -> None:
        """postsuper with queue ids; only messages in `queues` (all if empty) count."""
        states = {STATES[name] for name in queues} or set(NAMES)
        changed = []
        for queue_id in queue_ids:
            slot = self.store.find(queue_id)
            if slot and self.store.state(slot) in states and await self._apply(operation, slot):
                changed.append(queue_id)
        connection.send([ANSWER, *changed])
        self._finish(connection, len(changed), await self._synced())

    async def change_all(self, connection: Connection, operation: str, queues: list[str]) -> None:
        """postsuper ALL."""
        count = 0
        async for slots in self._slices(tuple(STATES[name] for name in queues) or tuple(NAMES)):
            for slot in slots:
                count += await self._apply(operation, slot)
        self._finish(connection, count, await self._synced())

    async def _apply(self, operation: str, slot: int) -> bool:
        if operation == "requeue":
            told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            self.requeue(slot, lambda done: told.done() or told.set_result(done))
            return await told
        return self.operations[operation](slot)

    async def _synced(self) -> str:
        """Wait until what was changed is on disk; what prevents that."""
        told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.store.synced(lambda error: told.done() or told.set_result(str(error or "")))
        return await told

    def _finish(self, connection: Connection, count: int, trouble: str = "") -> None:
        connection.send([END, 0 if trouble else count, trouble])
        self.wake()

    def delete(self, slot: int) -> bool:
        """postsuper -d."""
        self.manager.withdraw(slot, gone=True)
        self.store.remove(slot)
        return True

    def hold(self, slot: int) -> bool:
        """postsuper -h."""
        if self.store.state(slot) in (HOLD, CORRUPT):
            return False
        self.store.hold(slot)
        self.manager.withdraw(slot, gone=False)
        return True

    def release(self, slot: int) -> bool:
        """postsuper -H."""
        if self.store.state(slot) != HOLD:
            return False
        self.store.release(slot)
        return True

    def expire(self, slot: int) -> bool:
        """postsuper -e."""
        if self.store.message(slot).flags & FORCED:
            return False
        self.store.expire(slot)
        if slot in self.manager.active:
            self.manager.active[slot].expired = True
        return True

    def expire_release(self, slot: int) -> bool:
        """postsuper -f: expired, and off hold."""
        changed = self.expire(slot)
        return self.release(slot) or changed


async def paced(connection: Connection, frame: list[Any]) -> None:
    """Send, and wait while the reader is far behind."""
    connection.send(frame)
    while connection.backlog > BACKLOG and not connection.closed:
        await asyncio.sleep(0.01)


def describe(store: Any, reader: Any, slot: int) -> list[Any] | None:
    """[queue name, queue id, arrival s, size, forced, sender, [[address, reason or ""], ...]]; None where it is gone."""
    if not store.state(slot):
        return None
    known = store.message(slot)
    try:
        envelope = reader.open(known.place)[0]
    except QueueError:
        return None
    reasons = store.reasons(slot)
    recipients = [[envelope.recipients[index].address, reasons[index][1] if index in reasons else ""]
                  for index in store.pending(slot)]
    return [NAMES[known.state], known.queue_id, known.arrival, envelope.size, bool(known.flags & FORCED),
            envelope.sender, recipients]


def describe_all(store: Any, reader: Any) -> Iterator[list[Any]]:
    """The whole listing, for a command that reads the queue itself while qmgr is down."""
    for state in LISTED:
        cursor = 0
        while True:
            slots, cursor = store.scan([state], cursor, 1000)
            for slot in slots:
                record = describe(store, reader, slot)
                if record is not None:
                    yield record
            if not cursor:
                break
