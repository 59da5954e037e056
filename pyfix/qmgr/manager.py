"""What becomes of a message: activation, outcomes, the end of a round. No sockets, no loop.

The law: a message is in one state with a next step, always. It enters (`committed`, or `wake`
for one whose time came), waits in the Scheduler, goes out to agents, and when its last delivery
is answered its round is closed: removed, deferred to a time, or set aside. Time comes from
`clock.now()` (microseconds), so that the simulator runs this code too. Manual page: qmgr(8).

`store` is the queue's Store, `reader` its Reader; `closer` ends the rounds that need more than
a "done" (see rounds.py); `log` a Maillog. `outbox` receives (Agent, [Entry, ...]) on `dispatch`.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from pyfix import model
from pyfix.errors import QueueError
from pyfix.qmgr import hot
from pyfix.qmgr.cleared import Cleared
from pyfix.qmgr.feedback import tracer
from pyfix.qmgr.inline import INLINE, Inline
from pyfix.qmgr.names import external
from pyfix.qmgr.parameters import SECOND, Parameters
from pyfix.qmgr.rounds import Rounds
from pyfix.qmgr.routes import Sites, stored
from pyfix.qmgr.scheduler import Agent, Entry, Message, Scheduler, Transport
from pyfix.queue.states import FORCED, INCOMING

SLICE = 500          # messages brought in per turn, so that no turn is long
ASK_AGAIN = 2 * SECOND
PATIENCE = 10 * SECOND   # how long a transport may be without an agent before its mail is deferred
CRASHES = 3          # deliveries of one message that may kill an agent
LOST_AGENT = ("4.3.0", "unknown mail transport error")
NO_AGENT = ("4.3.0", "mail transport unavailable")


class Manager:
    """The queue manager without its sockets."""

    def __init__(self, parameters: Parameters, store: Any, reader: Any, log: Any, error_log: Any,
                 reports: Any, clock: Any) -> None:
        self.parameters, self.store, self.reader = parameters, store, reader
        self.log, self.clock = log, clock
        self.scheduler = Scheduler(parameters.limits)
        self.scheduler.trace = tracer(log) if parameters.feedback_debug else None
        self.plain = Plain(self)
        self.active: dict[int, Message] = {}      # by slot
        self.incoming: deque[int] = deque()
        self.due: deque[int] = deque()
        self.routing = 0                        # messages whose recipients are being resolved
        self.routes: Callable[..., None] = stored
        self.soon: Callable[[], None] = lambda: None        # asks for a turn, when something came outside of one
        self.flush_until = 0                    # defer_transports does not count until then
        self.summon: Callable[[str], str] = lambda transport: ""    # has an agent started, or says why not
        self.inline = Inline(error_log)
        self.rounds = Rounds(self, reports)
        self.cleared = Cleared(self)

    # -- coming in ------------------------------------------------------------------------

    def committed(self, items: list[list[Any]]) -> None:
        """Take the messages of a COMMITTED frame: into the active queue, or behind those that wait."""
        hot.take(self, items, self.clock.now())

    def activate(self, message: Message, sites: list[list[Any]], now: int) -> None:
        """Make a message active and queue its recipients at their sites."""
        self.active[message.slot] = message
        self.store.activate(message.slot)
        self.log.info(f"{message.queue_id.decode()}: from=<{external(message.sender)}>, size={message.size}, "
                      f"nrcpt={message.recipients} (queue active)")
        message.pending = 1     # held until all of its sites are in
        for transport, nexthop, indexes in sites:
            self._enter(message, transport, nexthop, indexes, now)
        message.pending -= 1
        if not message.pending:
            self.rounds.close(message)

    def _enter(self, message: Message, transport: str, nexthop: str, indexes: list[int], now: int) -> None:
        scheduler = self.scheduler
        line = scheduler.transport(transport)
        if transport in INLINE and not line.agents:
            self.inline.deliver(transport, nexthop, self.load(message), message, indexes, now)
        elif transport in self.parameters.defer_transports and now >= self.flush_until:
            self._suspend(message, indexes, "4.3.2", "deferred transport", now)
        elif line.limits.recipients == 1:
            recipients = self.load(message).recipients
            for index in indexes:
                scheduler.enter(message, transport, nexthop, [index], (nexthop, recipients[index].address), now)
        else:
            scheduler.enter(message, transport, nexthop, indexes, nexthop, now)

    def load(self, message: Message) -> model.Envelope:
        """The message's envelope, read when it is first needed in a round."""
        if message.envelope is None:
            place = model.Place(message.segment, message.offset, message.length)
            message.envelope = self.reader.open(place)[0]
        return message.envelope

    def feed(self, now: int) -> None:
        """Bring messages that wait into the active queue, new ones and due ones by turns.

        Due ones leave a fifth of the active queue free for new mail.
        """
        for _ in range(SLICE):
            fresh, retry = self._room()
            if not fresh and not retry:
                return
            if retry:
                self._revive(self.due.popleft(), now)
            if fresh:
                self._revive(self.incoming.popleft(), now)

    def _room(self) -> tuple[bool, bool]:
        """Whether a new message that waits can become active, and one to be tried again."""
        limit = self.parameters.active_limit
        room = limit - len(self.active) if self.routing < SLICE else 0
        return bool(self.incoming) and room > 0, bool(self.due) and room > limit // 5

    def _revive(self, slot: int, now: int) -> None:
        """Activate a message from the store: read its envelope and leave out who is done."""
        store = self.store
        if store.state(slot) != INCOMING or slot in self.active:
            return
        known = store.message(slot)
        try:
            envelope = self.reader.open(known.place)[0]
        except QueueError as error:
            self.log.error(f"{known.queue_id.decode()}: can't read the queued message: {error}; "
                           f"saved as {store.bury(slot, str(error))}")
            return
        indexes = store.pending(slot)
        message = Message(slot, known.queue_id, envelope.arrival, *known.place, envelope.size, known.flags & model.KEPT_FLAGS,
                          envelope.sender, len(indexes), now)
        message.envelope, message.expired, message.pending = envelope, bool(known.flags & FORCED), 1
        self.active[slot] = message
        self.cleared.watch(message)
        self.routing += 1
        self.routes(envelope, indexes, lambda sites: self._routed(message, sites))

    def _routed(self, message: Message, sites: Sites) -> None:
        """It is known where the recipients of a message go; it may have been withdrawn meanwhile."""
        self.routing -= 1
        message.pending -= 1
        if message.cancelled:
            self.rounds.close(message)
        else:
            self.activate(message, sites, self.clock.now())
            message.envelope = None     # it is read again if it should be needed at the end of the round
        self.soon()

    # -- going out ------------------------------------------------------------------------

    def dispatch(self) -> list[tuple[Agent, list[Entry]]]:
        """What goes to the agents now; call it after each batch of news."""
        now = self.clock.now()
        work = self.scheduler.assign(now)
        if self.scheduler.suspended:
            self._settle_suspended(now)
        return work

    def _settle_suspended(self, now: int) -> None:
        entries, self.scheduler.suspended = self.scheduler.suspended, []
        for entry in entries:
            line = entry.site.transport
            dsn, text = entry.site.reason or line.reason or NO_AGENT
            self.give_up(entry, dsn, text if line.dead else f"delivery temporarily suspended: {text}", now)

    def give_up(self, entry: Entry, dsn: str, text: str, now: int) -> None:
        """Defer the recipients of an entry that can't go out in this round."""
        message = entry.message
        self._suspend(message, entry.recipients, dsn, text, now)
        message.pending -= 1
        if not message.pending:
            self.rounds.close(message)

    def _suspend(self, message: Message, indexes: list[int], dsn: str, text: str, now: int) -> None:
        self.inline.deliver("retry", f"{dsn} {text}", self.load(message), message, indexes, now)

    # -- answers --------------------------------------------------------------------------

    def outcomes(self, agent: Agent, results: list[list[Any]]) -> None:
        """Take an OUTCOME frame's results."""
        if self.cleared.messages:
            self.cleared.mark(agent, results)
        hot.answer(self, agent, results, self.clock.now())

    def answered(self, entry: Entry, trouble: Any, recipients: list[list[Any]], now: int) -> None:
        """What became of one delivery, its slot at the site already free again."""
        message = entry.message
        if trouble:
            self._site_failed(entry, trouble, now)
        else:
            self.scheduler.well(entry.site, now)
        answers = sound(entry, recipients)
        self._recipients(message, answers)
        if len(answers) < len(entry.recipients):
            self._unanswered(entry, answers)
        message.pending -= 1
        if not message.pending:
            self.rounds.close(message)
        elif message.sent and not message.cancelled:
            self.store.done(message.slot, message.sent)
            message.sent = []

    def _site_failed(self, entry: Entry, trouble: Any, now: int) -> None:
        dsn, text = trouble if sound_reason(trouble) else LOST_AGENT
        for waiting in self.scheduler.failed(entry.site, (dsn, text), now, self.parameters.minimal_backoff):
            self.scheduler.suspended.append(waiting)

    def _recipients(self, message: Message, recipients: list[list[Any]]) -> None:
        for index, status, dsn, text, *_ in recipients:
            if status == "bounced" and not self.parameters.soft_bounce:
                message.bounced = (message.bounced or []) + [(index, dsn, text)]
            elif status in ("deferred", "bounced"):
                dsn = "4" + dsn[1:]
                message.deferred = (message.deferred or []) + [(index, dsn, text)]
            else:
                message.sent.append(index)
                if status != "sent":
                    message.reported = (message.reported or []) + [(index, status, dsn, text)]

    def _unanswered(self, entry: Entry, recipients: list[list[Any]]) -> None:
        """An agent that forgets a recipient has not delivered it."""
        answered = {recipient[0] for recipient in recipients}
        missing = [index for index in entry.recipients if index not in answered]
        entry.message.deferred = (entry.message.deferred or []) + [(index, *LOST_AGENT) for index in missing]

    def agent_left(self, agent: Agent) -> None:
        """An agent's connection is gone: its jobs are tried again; a message that keeps killing agents is set aside."""
        now = self.clock.now()
        entries = self.scheduler.leave(agent, now)
        prime = [entry for entry in entries if entry.message.crashes >= CRASHES - 1]
        for message in {entry.message for entry in prime or entries}:
            message.crashes += 1
        for entry in entries:
            if entry.message.crashes >= CRASHES:
                self._set_aside(entry)
            else:
                self.scheduler.again(entry)

    def _set_aside(self, entry: Entry) -> None:
        message = entry.message
        message.pending -= 1
        self.scheduler.cancel(message)
        if not message.cancelled:
            self.log.error(f"{message.queue_id.decode()}: {CRASHES} delivery processes died while they delivered this "
                           f"message; it is put on hold: look at it with \"postcat -q\", release it with \"postsuper -H\"")
            self.store.hold(message.slot)
            message.cancelled = True
        if not message.pending:
            self.rounds.close(message)

    # -- time -----------------------------------------------------------------------------

    def wake(self) -> None:
        """Do what is due now: end rests, bring in what waits or is to be tried again."""
        now = self.clock.now()
        self.scheduler.wake(now)
        self.take_due(now)
        self.feed(now)
        for line in list(self.scheduler.transports.values()):
            if line.waiting and not line.agents:
                self._agentless(line, now)

    def take_due(self, now: int) -> None:
        """Messages whose time came; the rest stay in the wheel until these are active."""
        if len(self.due) < SLICE:
            self.due.extend(self.store.due(now, SLICE))

    def next_time(self) -> int | None:
        """When `wake` has something to do (microseconds), or None; a time that is over means at once."""
        if any(self._room()):
            return 0
        due = 0 if self.due else self.store.wake()
        soonest = hot.soonest(self.scheduler, ASK_AGAIN)
        return min(soonest, due) if soonest and due else soonest or due or None

    def _agentless(self, line: Transport, now: int) -> None:
        """Ask for an agent of a transport that has work and none; give up when there can't be one."""
        if line.dead:
            return
        if not line.agentless_since:
            line.agentless_since = now
        if line.asked + ASK_AGAIN > now and now < line.agentless_since + PATIENCE:
            return
        line.asked = now
        trouble = self.summon(line.name)
        if not trouble and now < line.agentless_since + PATIENCE:
            return
        self.log.warning(f"connect to transport private/{line.name}: {trouble or 'Connection timed out'}")
        line.agentless_since = 0
        self.scheduler.suspended += self.scheduler.kill(line, NO_AGENT, now, self.parameters.transport_retry)

    # -- the administrator ----------------------------------------------------------------

    def start(self) -> None:
        """Begin with what recover() found: messages that wait, oldest slot first."""
        cursor = 0
        while True:
            slots, cursor = self.store.scan([INCOMING], cursor, 10000)
            self.incoming.extend(slots)
            if not cursor:
                return

    def flush(self) -> None:
        """postqueue -f: try everything now, dead sites and deferred transports too."""
        now = self.clock.now()
        self.flush_until = now + PATIENCE
        self.scheduler.flush(now)
        self.store.flush()

    def hasten(self, slot: int) -> None:
        """postqueue -i: try one message now."""
        now = self.clock.now()
        self.flush_until = now + PATIENCE
        self.scheduler.flush(now)
        self.store.hasten(slot)

    def withdraw(self, slot: int, gone: bool) -> None:
        """Take a message out of the active queue: it is `gone`, or on hold. What is out with agents finishes."""
        message = self.active.get(slot)
        if message is None:
            return
        message.cancelled, message.gone = True, gone
        if gone:
            del self.active[slot]
        self.scheduler.cancel(message)
        if not message.pending and not gone:
            self.rounds.close(message)

    def dropped(self, message: Message) -> None:
        """The round of a message that was withdrawn is over: keep what was sent, forget the rest."""
        if message.gone:
            return
        del self.active[message.slot]
        finished = message.sent
        if finished and not self.store.done(message.slot, finished):
            self.store.remove(message.slot)
            self.log.info(f"{message.queue_id.decode()}: removed")
        elif self.store.state(message.slot) == INCOMING:
            self.incoming.append(message.slot)

    def reload(self, parameters: Parameters) -> None:
        """New parameters; no message is touched."""
        self.parameters = parameters
        self.plain.clear()
        self.scheduler.refresh(parameters.limits)
        self.scheduler.trace = tracer(self.log) if parameters.feedback_debug else None


TAKEN = ("2.0.0", "taken")      # of a recipient of whom only the index is told: no report will quote it


def sound(entry: Entry, recipients: list[Any]) -> list[list[Any]]:
    """The answers that make sense: one for each recipient of the entry at most."""
    missing = set(entry.recipients)
    answers = []
    for one in recipients:
        if type(one) is int:
            one = [one, "sent", *TAKEN]
        if type(one) is list and len(one) > 3 and type(one[0]) is int and one[0] in missing and sound_reason(one[2:4]) \
                and type(one[1]) is str:
            missing.discard(one[0])
            answers.append(one)
    return answers


def sound_reason(reason: Any) -> bool:
    """Is it [enhanced status code, text]?"""
    return type(reason) is list and len(reason) == 2 and all(type(part) is str for part in reason) and len(reason[0]) > 4


class Plain(dict[str, bool]):
    """Transports whose deliveries need no second look: not ours, not deferred, several recipients at a time."""

    def __init__(self, manager: Manager) -> None:
        self.manager = manager

    def __missing__(self, name: str) -> bool:
        limits, parameters = self.manager.scheduler.transport(name).limits, self.manager.parameters
        self[name] = plain = (name not in INLINE and name not in parameters.defer_transports and limits.recipients != 1)
        return plain
