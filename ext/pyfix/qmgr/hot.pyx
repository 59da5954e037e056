"""The way of an ordinary message through qmgr, without detours: one site in, "sent" out.

The law is the Manager's (pyfix/qmgr/manager.py): what is done here is what its `activate`, `answered`
and Rounds.close do for the plain case, and everything else is handed to them.
"""

from pyfix._core.quote import is_simple
from pyfix.qmgr.names import external
from pyfix.qmgr.scheduler cimport Agent, Entry, Message, Scheduler

cdef enum:
    HOLD = 16       # model.HOLD


cdef Message message_of(list item, long long slot, long long now):
    """A Message from a COMMITTED item."""
    cdef Message message = Message.__new__(Message)
    message.slot, message.active_since = slot, now
    message.queue_id, message.arrival, message.segment, message.offset = item[0], item[1], item[2], item[3]
    message.length, message.size, message.flags, message.sender = item[4], item[5], item[6], item[7]
    message.recipients = item[8]
    message.entries, message.sent = [], []
    return message


cdef bytes active_line(Message message):
    """The log line of a message that became active."""
    cdef bytes sender = message.sender
    if sender and not is_simple(sender):
        sender = external(sender).encode()
    return b"%b: from=<%b>, size=%d, nrcpt=%d (queue active)" % (
        message.queue_id, sender, message.size, message.recipients)


def take(manager, list items not None, long long now):
    """Take the items of a COMMITTED frame. ValueError, TypeError: malformed."""
    cdef Scheduler scheduler = manager.scheduler
    cdef dict active = manager.active
    cdef object plain = manager.plain
    cdef Py_ssize_t limit = manager.parameters.active_limit
    cdef Message message
    cdef list item, sites, site
    cdef long long slot
    admit, activate, incoming, info = manager.store.admit, manager.store.activate, manager.incoming, manager.log.info
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
        if site is None or len(site) != 3 or not plain[site[0]]:
            manager.activate(message, sites, now)
            continue
        active[slot] = message
        activate(slot)
        info(active_line(message))
        scheduler.enter(message, site[0], site[1], site[2], site[1], now)


def answer(manager, Agent agent, list results not None, long long now):
    """Take the results of an OUTCOME frame. ValueError, TypeError: malformed."""
    cdef Scheduler scheduler = manager.scheduler
    cdef dict active = manager.active
    cdef Entry entry
    cdef Message message
    cdef list result, recipients, one
    remove, done, info = manager.store.remove, manager.store.done, manager.log.info
    for result in results:
        if len(result) != 3:
            raise ValueError("result of the wrong shape")
        recipients = result[2]
        one = recipients[0] if len(recipients) == 1 and type(recipients[0]) is list and len(recipients[0]) > 3 else None
        entry = scheduler.finish(agent, result[0])      # nothing may fail from here on: the delivery is ours again
        if entry is None:
            continue
        if result[1] or one is None or one[1] != "sent" or entry.recipients != [one[0]]:
            manager.answered(entry, result[1], recipients, now)
            continue
        scheduler.well(entry.site, now)
        message = entry.message
        message.pending -= 1
        message.sent.append(one[0])
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
            info(message.queue_id + b": removed")
