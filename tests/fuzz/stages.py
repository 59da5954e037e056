"""Fuzz targets of the short ways of stages: a script of events for the short way and for its twin, which keeps to the whole law."""

from collections.abc import Callable
from typing import Any

from pyfix._core.slots import make_id
from pyfix.ipc.messages import DELIVER
from pyfix.model import HOLD, Envelope, Recipient
from pyfix.qmgr import hot
from pyfix.qmgr.manager import ASK_AGAIN
from pyfix.qmgr.scheduler import Agent, Entry, Limits
from tests.fuzz.records import steps
from tests.kit.qmgr import World
from tests.oracle import manager as plain_manager

LIMITS = {"relay": {"recipients": 1}, "smtp": {"recipients": 2, "initial": 2, "concurrency": 3}}
SITES = [("smtp", "a.example"), ("smtp", "b.example"), ("relay", "a.example"), ("error", "5.1.1 nobody"), ("retry", "4.2.1 later"), ("lmtp", "x"),
         ("discard", "gone"), ("smtp", "a.example")]
ANSWERS: list[Callable[[list[int]], Any]] = [
    lambda indexes: indexes, lambda indexes: indexes, lambda indexes: [[i, "sent", "2.0.0", "ok"] for i in indexes],
    lambda indexes: [[i, "deferred", "4.2.0", "busy"] for i in indexes], lambda indexes: [[i, "bounced", "5.1.1", "who"] for i in indexes],
    lambda indexes: indexes[:1], lambda indexes: [*indexes, 99], lambda indexes: [[i, "relayed", "2.0.0", "on"] for i in indexes],
    lambda indexes: [], lambda indexes: [*indexes, *indexes], lambda indexes: None, lambda indexes: "sent", lambda indexes: [["x"], None, *indexes]]
TROUBLES: list[Any] = ["", "", "", "", ["4.4.1", "refused"], "odd", None, [4, 4]]
EVER = 1 << 60


class Link:
    """A connection that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send_now(self, message: list[Any]) -> None:
        assert message[0] == DELIVER
        self.sent += message[1]


class Side(World):
    """One of the two queue managers, with what is out."""

    def __init__(self, twin: bool) -> None:
        super().__init__(limits=lambda name: Limits(**LIMITS.get(name, {})), active_limit=4)
        self.twin, self.agents, self.out = twin, [], []
        if twin:
            self.manager.committed = lambda items: plain_manager.take(self.manager, items, self.clock.now())
            self.manager.outcomes = lambda agent, results: plain_manager.answer(self.manager, agent, results, self.clock.now())

    def commit(self, count: int, flags: int, sites: list[Any], nrcpt: int, shape: int) -> None:
        """A COMMITTED frame, the last item of which may be malformed."""
        items = []
        for _ in range(count):
            self.count += 1
            place, queue_id = (1, self.count * 4096, 4000), make_id(self.count, 0)
            self.keep(queue_id, place, flags, sites, nrcpt)
            items.append([queue_id, self.clock.time, *place, 1000, flags, (b"s@example.org", b"", b'"a b"@x')[shape % 3], nrcpt, sites])
        if shape > 8:
            head = items[-1][:9]
            items[-1] = (head, [*head, None], [*head, [["smtp", b"x", [0]]]], [*head, [*sites, ["smtp", None]]], [*head, []], [*head, [["smtp", "x", []]]],
                         [*head, [*sites, *sites]])[shape - 9]
        self.manager.committed(items)

    def keep(self, queue_id: bytes, place: tuple[int, int, int], flags: int, sites: list[Any], nrcpt: int) -> None:
        """What the reader will find."""
        recipients = [Recipient(b"r%d@%b" % (n, b"a.example")) for n in range(nrcpt)]
        for transport, nexthop, indexes in sites:
            for index in indexes:
                recipients[index].transport, recipients[index].nexthop = transport, nexthop
        self.reader.envelopes[place[:2]] = Envelope(queue_id, self.clock.time, b"s@example.org", flags=flags, size=1000, recipients=recipients)

    def turn_(self) -> None:
        """Work goes out, by the short way as frames."""
        self.manager.wake()
        while work := self.manager.dispatch():
            self.out += [entry for _, entries in work for entry in entries]
            if not self.twin:
                assert hot.hand_out(work, self.log)
                assert [one for agent, _ in work for one in agent.link.sent] == [job for _, entries in work for job in plain_manager.jobs(entries)]
                for agent, _ in work:
                    agent.link.sent.clear()
        self.out.sort(key=lambda entry: (entry.message.queue_id, entry.site.transport.name, entry.site.nexthop, entry.recipients))

    def join(self, transport: str, room: int) -> None:
        agent = Agent(transport, Link())
        self.manager.scheduler.join(agent)
        self.manager.scheduler.ready(agent, room)
        self.agents.append(agent)

    def leave(self, n: int) -> None:
        if self.agents:
            agent = self.agents.pop(n % len(self.agents))
            self.out = [entry for entry in self.out if entry.agent is not agent]
            self.manager.agent_left(agent)

    def reply(self, n: int, m: int, shape: int) -> None:
        """An OUTCOME frame for one or two of the jobs that are out, or for one that never was."""
        picked: list[Entry] = [self.out.pop(n % len(self.out)) for _ in range(1 + shape % 2) if self.out]
        agent = picked[0].agent if picked else self.agents[0] if self.agents else None
        if agent is None:
            return
        results = [[entry.job if entry.agent is agent else 10**6, TROUBLES[m // 16 % 8], ANSWERS[m % len(ANSWERS)](list(entry.recipients))]
                   for entry in picked] + [[10**6, "", [0]]] * (shape % 7 == 0)
        self.out += [entry for entry in picked if entry.agent is not agent]
        if results and shape % 11 == 10:
            results[-1] = results[-1][:2]
        try:
            self.manager.outcomes(agent, results)
        finally:
            self.out += [entry for entry in picked if entry.agent is agent and entry.job in agent.jobs]

    def change(self, n: int, what: int) -> None:
        """The administrator's doing."""
        slot = self.store.find(make_id(1 + n % max(self.count, 1), 0))
        if slot and what % 3 == 0:
            self.manager.withdraw(slot, gone=True)
            self.store.remove(slot)
        elif slot and what % 3 == 1:
            self.store.hold(slot)
            self.manager.withdraw(slot, gone=False)
        elif slot:
            self.store.release(slot)

    def seen(self) -> tuple:
        """All that can be told from outside."""
        manager, scheduler = self.manager, self.manager.scheduler
        ids = [make_id(n, 0) for n in range(1, self.count + 1)]
        timer = hot.soonest(scheduler, EVER)
        timer = timer if timer < EVER else 0
        assert hot.unsettled(manager) == plain_manager.unsettled(manager)
        assert hot.soonest(scheduler, ASK_AGAIN) == plain_manager.soonest(scheduler, timer, ASK_AGAIN)
        return (list(self.log), sorted(self.error_log), self.reports.sent, [self.state(one) for one in ids],
                [self.store.pending(slot) for one in ids if (slot := self.store.find(one))], list(manager.incoming), list(manager.due),
                sorted(manager.active), [m.pending for _, m in sorted(manager.active.items())], scheduler.waiting, scheduler.busy,
                [(agent.transport, agent.busy, agent.limit) for agent in self.agents], manager.next_time(), len(self.out))


def step(side: Side, what: int, n: int, m: int) -> str:
    """One event; the class of its error, as qmgr's server takes it."""
    kind = what % 8
    try:
        if kind < 3:
            nrcpt, sites = 1 + n % 3, {}
            for index in range(nrcpt):
                sites.setdefault(SITES[(m + index * (n // 3)) % 8], []).append(index)
            side.commit(1 + kind // 2, HOLD if n > 240 else 0, [[t, h, i] for (t, h), i in sites.items()], nrcpt, what // 8 % 16)
        elif kind == 3:
            side.turn_()
        elif kind == 4:
            side.reply(n, m, what // 8)
        elif kind == 5:
            side.join(("smtp", "relay", "lmtp")[n % 3], 1 + m % 5) if what // 8 % 4 else side.leave(n)
        elif kind == 6:
            side.clock.time += (1, 20, 300, 4000)[n % 4] * 10**6
            side.turn_()
        else:
            side.change(n, m)
    except (ValueError, TypeError) as error:
        side.manager.start()
        return type(error).__name__
    return ""


def manager(data: bytes) -> None:
    """A script of qmgr's frames and turns."""
    mine, twin = Side(False), Side(True)
    try:
        for what, n, m in list(steps(data, 3))[:60]:
            failed = [step(side, what, n, m) for side in (mine, twin)]
            assert bool(failed[0]) == bool(failed[1]), (what, n, m, failed)
            for one, other in zip(mine.seen(), twin.seen(), strict=True):
                assert one == other, (what, n, m, one, other)
    finally:
        for side in (mine, twin):
            side.store.close()
            side.directory.cleanup()


TARGETS: dict[str, Callable[[bytes], None]] = {"manager": manager}
