"""The plain-Python twin of `pyfix.qmgr.hot`: each message by the whole law of the Manager and its Rounds, without the short way (qmgr(8))."""

from typing import Any

from pyfix.model import HOLD
from pyfix.qmgr.scheduler import Agent, Message, Scheduler


def take(manager: Any, items: list[list[Any]], now: int) -> None:
    """Take the items of a COMMITTED frame."""
    for item in items:
        if len(item) != 10:
            raise ValueError("message of the wrong shape")
        queue_id, arrival, segment, offset, length, size, flags, sender, nrcpt, sites = item
        slot = manager.store.admit(item)
        if not slot or flags & HOLD:
            continue
        if manager.incoming or len(manager.active) >= manager.parameters.active_limit:
            manager.incoming.append(slot)
        else:
            if not all(isinstance(site, list) and [type(part) for part in site] == [str, str, list] for site in sites):
                raise ValueError("site of the wrong shape")
            if sorted(index for site in sites for index in site[2]) != list(range(nrcpt)):
                raise ValueError("sites that are not those of the recipients")
            manager.activate(Message(slot, queue_id, arrival, segment, offset, length, size, flags, sender, nrcpt, now), sites, now)


def answer(manager: Any, agent: Agent, results: list[list[Any]], now: int) -> None:
    """Take the results of an OUTCOME frame."""
    for result in results:
        if len(result) != 3:
            raise ValueError("result of the wrong shape")
        job, trouble, recipients = result
        if type(job) is not int or type(recipients) is not list:
            raise ValueError("result of the wrong shape")
        entry = manager.scheduler.finish(agent, job)
        if entry is not None:
            manager.answered(entry, trouble, recipients, now)


def jobs(entries: list[Any]) -> list[list[Any]]:
    """The jobs of a DELIVER frame."""
    return [[one.job, one.message.queue_id, one.message.segment, one.message.offset, one.message.length, one.site.nexthop,
             one.recipients, one.message.flags, one.message.active_since] for one in entries]


def unsettled(manager: Any) -> bool:
    """Whether something waits for more than its time."""
    agentless = [line for line in manager.scheduler.transports.values() if line.waiting and not line.agents]
    return bool(manager.incoming or manager.due or agentless)


def soonest(scheduler: Scheduler, timer: int, ask_again: int) -> int:
    """When there is something to do: at the first of the scheduler's timers (0: none), or to ask for an agent that is missing."""
    asks = [line.asked + ask_again for line in scheduler.transports.values() if line.waiting and not line.agents and not line.dead]
    return min([*([timer] if timer else []), *asks], default=0)
