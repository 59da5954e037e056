"""Stand-ins for what surrounds the queue manager: a clock, a store in memory, logs, reports."""

import tempfile

from pyfix.model import Envelope, Recipient
from pyfix._core.slots import make_id
from pyfix.qmgr.manager import Manager
from pyfix.qmgr.parameters import SECOND, Parameters
from pyfix.qmgr.scheduler import Agent, Limits
from pyfix.queue.states import NAMES
from pyfix.queue.store import Store


class Clock:
    """Virtual time in microseconds."""

    def __init__(self, now=1_000_000 * SECOND):
        self.time = now

    def now(self):
        return self.time


class Log(list):
    """Collects lines; warnings and errors with their label."""

    def info(self, text):
        self.append(text if isinstance(text, str) else text.decode())

    def warning(self, text):
        self.append("warning: " + text)

    def error(self, text):
        self.append("error: " + text)


class MemoryReader:
    """Envelopes by their place: (segment, offset) -> Envelope."""

    def __init__(self):
        self.envelopes, self.reads = {}, 0

    def open(self, place):
        self.reads += 1
        return self.envelopes[place.segment, place.offset], None


class Reports:
    """Notifications that are committed at once, or never (`broken`)."""

    def __init__(self):
        self.sent, self.broken = [], False

    def queue(self, message, envelope, wanted, done):
        if self.broken:
            return done({kind for kind, _ in wanted})
        self.sent += [(kind, message.queue_id, items) for kind, items in wanted]
        return done(set())


class World:
    """A Manager with its surroundings, and agents that the test plays."""

    def __init__(self, limits=None, **parameters):
        self.clock, self.reader = Clock(), MemoryReader()
        self.directory = tempfile.TemporaryDirectory(prefix="qmgr-")
        self.store = Store(self.directory.name, self.clock.now, segment_size=1 << 20)
        self.store.recover()
        self.log, self.error_log, self.reports = Log(), Log(), Reports()
        self.parameters = Parameters(limits=limits or (lambda name: Limits()), **parameters)
        self.manager = Manager(self.parameters, self.store, self.reader, self.log, self.error_log, self.reports,
                               self.clock)
        self.count = 0

    def agent(self, transport="smtp", capacity=1000):
        agent = Agent(transport, None)
        self.manager.scheduler.join(agent)
        self.manager.scheduler.ready(agent, capacity)
        return agent

    def message(self, *recipients, sender=b"s@example.org", flags=0, transport="smtp", size=1000):
        """Commit a message; a recipient is an address or (address, transport, nexthop)."""
        self.count += 1
        queue_id = make_id(self.count, 0)
        items = [item if isinstance(item, Recipient) else Recipient(
            item, transport=transport, nexthop=item.rpartition(b"@")[2].decode()) for item in recipients]
        envelope = Envelope(queue_id, self.clock.time, sender, flags=flags, size=size, recipients=items)
        offset = self.count * 4096
        self.reader.envelopes[1, offset] = envelope
        sites = {}
        for index, item in enumerate(items):
            sites.setdefault((item.transport, item.nexthop), []).append(index)
        self.manager.committed([[queue_id, self.clock.time, 1, offset, 4000, size, flags, sender, len(items),
                                 [[t, n, i] for (t, n), i in sites.items()]]])
        return queue_id

    def state(self, queue_id):
        """The queue a message is in, "" when it has left."""
        return NAMES.get(self.store.state(self.store.find(queue_id)), "")

    def turn(self):
        """One turn of qmgr: [(agent, entry), ...] that went out."""
        self.manager.wake()
        out = []
        while work := self.manager.dispatch():
            out += [(agent, entry) for agent, entries in work for entry in entries]
        return out

    def sleep(self, seconds):
        self.clock.time += int(seconds * SECOND)
        return self.turn()

    def answer(self, agent, entry, status="sent", dsn="2.0.0", text="250 ok", trouble=""):
        self.manager.outcomes(agent, [[entry.job, trouble, [[i, status, dsn, text] for i in entry.recipients]]])

    def refuse(self, agent, entry, text="connect to x[1.2.3.4]:25: Connection refused", dsn="4.4.1"):
        self.answer(agent, entry, "deferred", dsn, text, trouble=[dsn, text])
