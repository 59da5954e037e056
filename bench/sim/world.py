"""The real queue, scheduler and retry code on a virtual clock, delivering into a fake Internet.

The law: nothing here decides. Messages are committed by the real Writer, kept by the real Store and Reader (on tmpfs
where there is one), scheduled by the real Manager; only time, the network and the reports to senders are made up.
A run is a function of its seed: `Simulation.trace` is the same for the same seed.
"""

from __future__ import annotations

import gc
import hashlib
import heapq
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyfix._core.slots import make_id, split_id
from pyfix.model import Envelope, Recipient
from pyfix.qmgr.manager import Manager
from pyfix.qmgr.parameters import SECOND, Parameters
from pyfix.qmgr.scheduler import Agent, Entry, Limits
from pyfix.queue.envelope import pack
from pyfix.queue.reader import Reader
from pyfix.queue.store import Store
from pyfix.queue.writer import Writer

from bench.sim.internet import Internet

EPOCH = 1_800_000_000 * SECOND
UPKEEP = 2_000          # turns between two rounds of the store's upkeep
CONTENT = b"Subject: simulated\r\n\r\n.\r\n"


class Clock:
    """Virtual time: `time` in microseconds since the epoch."""

    time = EPOCH

    def now(self) -> int:
        """The time, as pyfix asks for it."""
        return self.time


class Quiet:
    """A log that only counts its lines."""

    def __init__(self) -> None:
        self.count = 0

    def info(self, text: str | bytes) -> None:
        """A line."""
        self.count += 1

    warning = error = info


class Reports:
    """Notifications to senders: queued at once, counted."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()

    def queue(self, message: Any, envelope: Envelope, wanted: list[Any], done: Callable[[set[str]], None]) -> None:
        """As bounce.reports.Reports.queue."""
        self.sent.update(kind for kind, _ in wanted)
        done(set())


class Watched(Store):
    """The Store, telling which message leaves."""

    leaves: Callable[[bytes], None]

    def remove(self, slot: int) -> None:
        """As Store.remove."""
        self.leaves(self.queue_id(slot))
        super().remove(slot)


class Simulation:
    """One run. `parameters` are those of qmgr.parameters.Parameters.

    attempts   {domain: Counter of deliveries begun in each second}
    born, gone {message number: seconds}: when it came, and when it left the queue
    """

    def __init__(self, internet: Internet, limits: Callable[[str], Limits] | None = None, capacity: int = 1000,
                 **parameters: Any) -> None:
        self.internet, self.clock, self.log, self.reports = internet, Clock(), Quiet(), Reports()
        shm = Path("/dev/shm")
        self.folder = tempfile.TemporaryDirectory(prefix="pyfix-sim-", dir=shm if shm.is_dir() else None)
        self.store = Watched(self.folder.name, self.clock.now, segment_size=4 << 20)
        self.store.leaves = self._left
        self.store.recover()
        self.writer = Writer(self.folder.name, "sim.0", None, self._committed, segment_size=4 << 20)
        self.manager = Manager(Parameters(limits=limits or (lambda name: Limits()), **parameters), self.store,
                               Reader(self.folder.name), self.log, Quiet(), self.reports, self.clock)
        self.agent = Agent("smtp", None)
        self.manager.scheduler.join(self.agent)
        self.manager.scheduler.ready(self.agent, capacity)
        self.attempts: dict[str, Counter[int]] = {}
        self.born: dict[int, float] = {}
        self.gone: dict[int, float] = {}
        self.recipients: dict[int, int] = {}
        self.turns = 0
        self.watch: Callable[[str, float], None] = lambda domain, now: None
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._sequence = self._unwritten = 0
        self._notices: list[list[Any]] = []
        self._digest = hashlib.sha256()

    # -- what happens ---------------------------------------------------------------------

    def now(self) -> float:
        """Seconds since the start."""
        return (self.clock.time - EPOCH) / SECOND

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        """Do `action` at this time of the simulation."""
        self._sequence += 1
        heapq.heappush(self._events, (EPOCH + int(seconds * SECOND), self._sequence, action))

    def post(self, *domains: str, sender: bytes = b"sender@example.org", each: int = 1) -> int:
        """A message to `each` recipients of every domain is committed now: its number."""
        number = len(self.born) + 1
        recipients = [Recipient(b"u%d@%b" % (index, domain.encode()), transport="smtp", nexthop=domain)
                      for domain in domains for index in range(each)]
        envelope = Envelope(make_id(number, self.clock.time), self.clock.time, sender, size=len(CONTENT),
                            recipients=recipients)
        self.born[number], self.recipients[number] = self.now(), len(recipients)
        self._unwritten += 1
        self.writer.commit(pack(envelope), CONTENT, (envelope, domains, each))
        return number

    def _committed(self, group: list[Any]) -> None:
        for (envelope, domains, each), place, error in group:
            if error is not None:
                raise error
            sites = [["smtp", domain, list(range(at * each, (at + 1) * each))] for at, domain in enumerate(domains)]
            self._notices.append([envelope.queue_id, envelope.arrival, *place, envelope.size, 0, envelope.sender,
                                  len(envelope.recipients), sites])

    def _left(self, queue_id: bytes) -> None:
        number = split_id(queue_id)[0]
        self.gone[number] = self.now()
        self._note(b"gone %d" % number)

    def _note(self, words: bytes) -> None:
        self._digest.update(b"%d %b\n" % (self.clock.time, words))

    @property
    def trace(self) -> str:
        """A digest of every attempt and every departure with its time."""
        return self._digest.hexdigest()

    # -- time goes on ---------------------------------------------------------------------

    def run(self, until: float, audit: Callable[[], None] | None = None, every: float = 3600.0) -> None:
        """Let time pass up to `until` (seconds); call `audit` at each `every` seconds of it."""
        if audit is not None:
            for number in range(int(self.now() // every) + 1, int(until // every) + 1):
                self.at(number * every, audit)
        end = EPOCH + int(until * SECOND)
        while (when := self._next(end)) < end:
            self.clock.time = max(when, self.clock.time)
            self._happen()
            self._turn()
        self.clock.time = end

    def _next(self, end: int) -> int:
        times = [self._events[0][0] if self._events else end]
        timer = self.manager.next_time()
        if timer is not None:      # the wheel may say "look now" and have nothing yet: never twice at one moment
            times.append(max(timer, self.clock.time + 1000))
        return min(times)

    def _happen(self) -> None:
        while self._events and self._events[0][0] <= self.clock.time:
            heapq.heappop(self._events)[2]()
        if self._unwritten:
            self._unwritten = 0
            self.writer.wait()
        if self._notices:
            notices, self._notices = self._notices, []
            self.manager.committed(notices)

    def _turn(self) -> None:
        self.manager.wake()
        while work := self.manager.dispatch():
            for agent, entries in work:
                for entry in entries:
                    self._begin(agent, entry)
        self.turns += 1
        if self.turns % UPKEEP == 0:
            self.store.maintain()
            self.store.ready()

    def _begin(self, agent: Agent, entry: Entry) -> None:
        now, domain = self.now(), entry.site.nexthop
        provider = self.internet.provider(domain)
        number = split_id(entry.message.queue_id)[0]
        attempt = provider.attempt(number, entry.recipients, now, self.internet.rng)
        self.attempts.setdefault(domain, Counter())[int(now)] += 1
        self._note(b"try %d %b" % (number, domain.encode()))
        self.watch(domain, now)

        def end() -> None:
            provider.closed()
            self.manager.outcomes(agent, [[entry.job, attempt.trouble, attempt.answers]])
        self.at(now + attempt.seconds, end)

    def close(self) -> None:
        """End the run and remove its queue."""
        self.writer.close()
        self.store.close()
        self.folder.cleanup()
        gc.collect()

    def __enter__(self) -> Simulation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
