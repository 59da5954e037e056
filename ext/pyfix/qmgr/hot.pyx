"""The way of an ordinary message through qmgr, without detours: one site in, "sent" out.

The law is the Manager's (pyfix/qmgr/manager.py): what is done here is what its `activate`, `answered`
and Rounds.close do for the plain case, and everything else is handed to them.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdio cimport snprintf

from pyfix._core.quote import is_simple
from pyfix.clock cimport wall_us
from pyfix.ipc.messages import DELIVER
from pyfix.qmgr.names import external
from pyfix.qmgr.scheduler cimport Agent, Entry, Message, Scheduler, Transport
from pyfix.telemetry.lines cimport Lines

cdef enum:
    HOLD = 16       # model.HOLD
    INFO = 6        # syslog severity
    ROOM = 2100     # bytes of a log line, cut to 2000 by the log


cdef class Clock:
    """The real time."""

    def now(self) -> int:
        """Microseconds since the epoch."""
        return wall_us()


cdef Message message_of(list item, long long slot, long long now):
    """A Message from a COMMITTED item."""
    cdef Message message = Message.__new__(Message)
    message.slot, message.active_since = slot, now
    message.queue_id, message.arrival, message.segment, message.offset = item[0], item[1], item[2], item[3]
    message.length, message.size, message.flags, message.sender = item[4], item[5], item[6], item[7]
    message.recipients = item[8]
    message.entries, message.sent = [], []
    return message


cdef list sound_sites(list sites, long recipients):
    """Sites as a frame has them, each recipient once in all; else ValueError: what is active must have its next step, for everybody."""
    cdef list found = []
    for site in sites:
        if type(site) is not list or len(site) != 3 or type(site[0]) is not str or type(site[1]) is not str or type(site[2]) is not list:
            raise ValueError("site of the wrong shape")
        found += site[2]
    if sorted(found) != list(range(recipients)):
        raise ValueError("sites that are not those of the recipients")
    return sites


cdef int say(object log, char* line, int length) except -1:
    """Log a line that was made here."""
    if isinstance(log, Lines):
        return (<Lines>log).put(INFO, line, min(length, ROOM - 1))
    log.info(line[:min(length, ROOM - 1)])
    return 0


cdef int say_active(object log, Message message) except -1:
    """The log line of a message that became active."""
    cdef char[ROOM] line
    cdef bytes sender = message.sender
    if sender and not is_simple(sender):
        sender = external(sender).encode()
    return say(log, line, snprintf(line, ROOM, "%.60s: from=<%.*s>, size=%lld, nrcpt=%ld (queue active)",
                                   PyBytes_AS_STRING(message.queue_id), <int>PyBytes_GET_SIZE(sender),
                                   PyBytes_AS_STRING(sender), message.size, message.recipients))


cdef int say_removed(object log, Message message) except -1:
    """The log line of a message that is gone."""
    cdef char[ROOM] line
    return say(log, line, snprintf(line, ROOM, "%.60s: removed", PyBytes_AS_STRING(message.queue_id)))


def take(manager, list items not None, long long now):
    """Take the items of a COMMITTED frame. ValueError, TypeError: malformed."""
    cdef Scheduler scheduler = manager.scheduler
    cdef dict active = manager.active
    cdef object plain = manager.plain
    cdef Py_ssize_t limit = manager.parameters.active_limit
    cdef Message message
    cdef list item, sites, site
    cdef long long slot
    admit, activate, incoming, log = manager.store.admit, manager.store.activate, manager.incoming, manager.log
    for item in items:
        if len(item) != 10:
            raise ValueError("message of the wrong shape")
        sites = item[9]
        slot = admit(item)
        if not slot or <long>item[6] & HOLD:
            continue
        if incoming or len(active) >= limit:
            incoming.append(slot)
            continue
        message = message_of(item, slot, now)
        site = sites[0] if len(sites) == 1 else None
        if site is None or len(site) != 3 or not plain[site[0]] or len(site[2]) != message.recipients:
            manager.activate(message, sound_sites(sites, message.recipients), now)
            continue
        scheduler.enter(message, site[0], site[1], site[2], site[1], now)       # first: a malformed site is refused here
        active[slot] = message
        activate(slot)
        say_active(log, message)


def answer(manager, Agent agent, list results not None, long long now):
    """Take the results of an OUTCOME frame. ValueError, TypeError: malformed."""
    cdef Scheduler scheduler = manager.scheduler
    cdef dict active = manager.active
    cdef Entry entry
    cdef Message message
    cdef list result, recipients
    remove, done, log = manager.store.remove, manager.store.done, manager.log
    for result in results:
        if len(result) != 3 or result[2] is None:
            raise ValueError("result of the wrong shape")
        recipients = result[2]
        entry = scheduler.finish(agent, result[0])      # nothing may fail from here on: the delivery is ours again
        if entry is None:
            continue
        if result[1] or recipients != entry.recipients:     # not all sent
            manager.answered(entry, result[1], recipients, now)
            continue
        scheduler.well(entry.site, now)
        message = entry.message
        message.pending -= 1
        message.sent += recipients
        if message.pending:
            if not message.cancelled:
                done(message.slot, message.sent)
                message.sent = []
        elif message.deferred or message.bounced or message.reported or message.cancelled:
            manager.rounds.close(message)
        else:
            del active[message.slot]
            message.entries.clear()
            remove(message.slot)
            say_removed(log, message)


cdef list job(Entry entry):
    """An entry as the DELIVER frame has it."""
    cdef Message message = entry.message
    return [entry.job, message.queue_id, message.segment, message.offset, message.length, entry.site.nexthop,
            entry.recipients, message.flags, message.active_since]


def hand_out(list work not None, log):
    """Send [(Agent, [Entry, ...]), ...] to the agents, behind the log lines that go before it. Whether there was any."""
    cdef Agent agent
    cdef Entry entry
    cdef list entries
    if isinstance(log, Lines) and (<Lines>log).length:
        log.flush()
    for agent, entries in work:
        agent.link.send_now([DELIVER, [job(entry) for entry in entries]])
    return len(work) > 0


def unsettled(manager):
    """Whether something waits for more than its time: for room in the active queue, or for an agent."""
    cdef Scheduler scheduler = manager.scheduler
    cdef Transport line
    if manager.incoming or manager.due:
        return True
    for line in scheduler.transports.values():
        if line.waiting and not line.agents:
            return True
    return False


def soonest(Scheduler scheduler not None, long long ask_again):
    """When the scheduler has something to do next, 0: never. `ask_again`: how often to look for agents that are missing."""
    cdef Transport line
    cdef long long when = scheduler._timers[0][0] if scheduler._timers else 0
    for line in scheduler.transports.values():
        if line.waiting and not line.agents and not line.dead and (not when or line.asked + ask_again < when):
            when = line.asked + ask_again
    return when
