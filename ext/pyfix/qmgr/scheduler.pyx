# cython: boundscheck=True
"""Which delivery goes next: sites, windows, agents and fair turns. No I/O, no clock.

The law: every call takes `now` (microseconds) from its caller, so that the same code
runs on a virtual clock. Concurrency windows, feedback and dead destinations
are those of SCHEDULER_README; rate delays and recipient limits those of qmgr(8).

Fair turns in place of job preemption. Each transport keeps a virtual clock that counts
recipients. A message's first delivery is stamped with the clock's time, each further one
later by the recipients of the one before it; the oldest stamp goes first. So a message of one
recipient never waits behind the rest of a list, however long the list is. While
single messages alone could fill the transport, the clock moves (cost-1)/cost for each recipient:
the list keeps that share, as with Postfix's delivery_slot_cost; a cost of 0 turns this off (all by age).

    Scheduler  -> Transport (name)  -> Site (nexthop) -> Entry (message, recipients)
               -> Agent (a process that delivers for one transport)
"""

from heapq import heappop, heappush

from libc.math cimport sqrt

from pyfix.qmgr.heap cimport Heap, Keyed


cdef class Feedback:
    """A feedback expression of postconf(5): "x", "x / concurrency", "x / sqrt_concurrency"; x is a number or a ratio."""

    def __init__(self, str text):
        parts = [part.strip() for part in text.split("/")]
        names = {"concurrency": 1, "sqrt_concurrency": 2}
        self.per = names.get(parts[len(parts) - 1], 0)
        if self.per:
            parts.pop()
        if len(parts) not in (1, 2) or not all(parts):
            raise ValueError(text)
        self.value = float(parts[0]) / (float(parts[1]) if len(parts) == 2 else 1.0)
        if not 0.0 <= self.value <= 1.0:
            raise ValueError(text)

    cdef double amount(self, long window) noexcept nogil:
        if self.per == 1:
            return self.value / window
        if self.per == 2:
            return self.value / sqrt(<double>window)
        return self.value

    def at(self, long window):
        """The feedback for one delivery at this concurrency (window >= 1)."""
        return self.amount(window if window > 0 else 1)


cdef class Limits:
    """A transport's parameters. Delays in microseconds; concurrency 0 means no limit."""

    def __init__(self, long concurrency=20, long initial=5, long recipients=50, double cohorts=1,
                 positive="1", negative="1", long long rate_delay=0, long long transport_rate_delay=0,
                 double slot_cost=5):
        self.concurrency, self.recipients, self.cohorts = concurrency, recipients, cohorts
        self.initial = min(initial, concurrency) if concurrency > 0 else initial
        self.positive, self.negative = Feedback(positive), Feedback(negative)
        self.rate_delay, self.transport_rate_delay, self.slot_cost = rate_delay, transport_rate_delay, slot_cost
        if rate_delay > 0:
            self.concurrency = self.initial = 1


cdef class Message:
    """A message in the active queue: what qmgr knows of it and what became of its recipients.

    slot: the store's number; arrival, active_since: microseconds since the epoch; segment,
    offset, length: its place; recipients: how many are still to be done in this round.
    """

    def __init__(self, long long slot, bytes queue_id, long long arrival, long long segment, long long offset,
                 long long length, long long size, long flags, bytes sender, long recipients,
                 long long active_since=0):
        self.slot, self.queue_id, self.arrival, self.size, self.flags = slot, queue_id, arrival, size, flags
        self.segment, self.offset, self.length = segment, offset, length
        self.sender, self.recipients, self.active_since = sender, recipients, active_since
        self.entries, self.sent = [], []
        self.deferred = None
        self.bounced = None
        self.reported = None
        self.envelope = None


cdef class Entry(Keyed):
    """One delivery: some recipients of a message at a site. `job` and `agent` are set while it is out."""


cdef class Site(Keyed):
    """A destination of a transport: its window, feedback counters and the deliveries that wait.

    States: open; blocked until a time (rate delay); dead until a time, with the reason.
    """


cdef class Transport:
    """A master.cf delivery service: its agents, and its sites that have work and room."""


cdef class Agent:
    """A process that delivers for `transport`; `link` is the caller's handle of its connection.

    limit: sessions it can carry; busy: jobs it has; jobs: {job: Entry}.
    """

    def __init__(self, str transport, link, long limit=0):
        self.transport, self.link, self.limit = transport, link, limit
        self.jobs = {}


cdef class Scheduler:
    """All transports. `limits_of(name) -> Limits` is asked once for each."""

    def __init__(self, limits_of):
        self.limits_of = limits_of
        self.transports = {}
        self.suspended = []
        self._timers = []
        self._runnable = set()

    @property
    def more(self):
        """Whether assign() has stopped before it was through."""
        return bool(self._runnable)

    # -- what there is --------------------------------------------------------------------

    cpdef Transport transport(self, str name):
        """The transport of this name, made on first use."""
        cdef Transport transport = self.transports.get(name)
        if transport is None:
            transport = Transport()
            transport.name, transport.limits = name, self.limits_of(name)
            transport.agents, transport.sites, transport.suspects = [], {}, []
            transport.ready = Heap()
            self.transports[name] = transport
        return transport

    def refresh(self, limits_of):
        """New parameters after a reload: windows stay, limits apply from now on."""
        cdef Transport transport
        cdef Site site
        self.limits_of = limits_of
        for transport in self.transports.values():
            transport.limits = limits_of(transport.name)
            for site in transport.sites.values():
                if transport.limits.concurrency > 0 and site.window > transport.limits.concurrency:
                    site.window = transport.limits.concurrency
                self._settle(site)

    def site(self, str transport, key):
        """The Site of a key ("nexthop" or (nexthop, recipient)), or None."""
        cdef Transport found = self.transports.get(transport)
        return None if found is None else found.sites.get(key)

    def crowded(self, long most):
        """[(Site, deliveries that wait there or are under way)] of the sites that have more than `most`."""
        cdef Transport transport
        cdef Site site
        return [(site, len(site.todo) + site.busy) for transport in self.transports.values()
                for site in transport.sites.values() if len(site.todo) + site.busy > most]

    def has_others(self, Site site not None):
        """Whether the transport has work for other sites too."""
        return len(site.transport.sites) > 1

    # -- work comes in --------------------------------------------------------------------

    cpdef bint enter(self, Message message, str transport, str nexthop, list recipients, object key, long long now):
        """Queue a message's recipients at one site, as many entries as the recipient limit asks for.

        `key` tells sites apart: the nexthop, or more where concurrency is per recipient. False
        where the site or the transport is dead: the entry is in `suspended`.
        """
        cdef Transport line = self.transport(transport)
        cdef Site site = line.sites.get(key)
        cdef Entry entry
        cdef Py_ssize_t i, n = len(recipients), step = line.limits.recipients if line.limits.recipients > 0 else n
        cdef double tag
        cdef bint dead = line.dead or (site is not None and site.dead)
        if site is None:
            site = self._new_site(line, nexthop, key)
        self._seq += 1
        if dead:
            step = n
        tag = line.clock
        for i in range(0, n, step):
            entry = Entry.__new__(Entry)
            entry.message, entry.site, entry.seq = message, site, self._seq
            entry.recipients = recipients if step >= n else recipients[i:i + step]
            entry.tag = tag
            message.pending += 1
            if dead:
                self.suspended.append(entry)
                continue
            if line.limits.slot_cost > 0:
                tag += len(entry.recipients)
            self._queue(entry)
        return not dead

    cdef Site _new_site(self, Transport transport, str nexthop, object key):
        cdef Site site = Site.__new__(Site)
        site.transport, site.nexthop, site.key = transport, nexthop, key
        site.window = transport.limits.initial if transport.limits.initial > 0 else 1
        site.todo = Heap()
        return site

    cdef void _queue(self, Entry entry):
        cdef Site site = entry.site
        cdef Transport transport = site.transport
        transport.waiting += 1
        self.waiting += 1
        if site.key not in transport.sites:
            transport.sites[site.key] = site
        entry.message.entries.append(entry)
        if entry.message.crashes >= 2:
            transport.suspects.append(entry)
        else:
            site.todo.push(entry)
            if site.index < 0:
                self._settle(site)
            elif site.todo.top() is entry:
                site.tag, site.seq = entry.tag, entry.seq
                transport.ready.moved(site)
        self._runnable.add(transport)

    cdef void _settle(self, Site site):
        """Put the site among the ready ones, at its oldest entry's stamp, or take it away."""
        cdef Heap ready = site.transport.ready
        cdef Keyed head = site.todo.top()
        if head is None or site.busy >= site.window or site.blocked_until:
            ready.remove(site)
            return
        site.tag, site.seq = head.tag, head.seq
        if site.index < 0:
            ready.push(site)
        else:
            ready.moved(site)
        self._runnable.add(site.transport)

    # -- work goes out --------------------------------------------------------------------

    def assign(self, long long now, long most=1000):
        """Give waiting deliveries to agents: [(Agent, [Entry, ...]), ...], at most `most` in all."""
        cdef dict batches = {}
        cdef Transport transport
        cdef Agent agent
        cdef Entry entry
        cdef list batch
        for transport in list(self._runnable):
            while most > 0 and self._open(transport, now):
                agent = self._least_loaded(transport)
                entry = self._next(transport, now) if agent is not None else None
                if entry is None:
                    break
                most -= 1
                self._give(agent, entry)
                batch = batches.get(agent)
                if batch is None:
                    batch = batches[agent] = []
                batch.append(entry)
            if most > 0:
                self._runnable.discard(transport)
        return list(batches.items())

    cdef bint _open(self, Transport transport, long long now):
        return not transport.dead and transport.blocked_until <= now

    cdef Agent _least_loaded(self, Transport transport):
        cdef Agent agent, best = None
        for agent in transport.agents:
            if agent.busy < agent.limit and (best is None or agent.limit - agent.busy > best.limit - best.busy):
                best = agent
        return best

    cdef Entry _next(self, Transport transport, long long now):
        """The entry whose turn it is, taken out, with the virtual clock moved on; None where none may go."""
        cdef Limits limits = transport.limits
        cdef Entry entry
        cdef Site site
        if transport.suspects and transport.suspect is None:
            entry = <Entry>transport.suspects.pop(0)
            transport.suspect = entry
            site = entry.site
        else:
            site = <Site>transport.ready.top()
            if site is None:
                return None
            entry = <Entry>site.todo.pop()
        if limits.slot_cost > 0:
            transport.clock = max(transport.clock + len(entry.recipients) * (limits.slot_cost - 1) / limits.slot_cost,
                                  entry.tag)
        transport.waiting -= 1
        self.waiting -= 1
        site.busy += 1
        self._settle(site)
        if limits.transport_rate_delay > 0:
            transport.blocked_until = now + limits.transport_rate_delay
            self._at(transport.blocked_until, transport)
        return entry

    cdef _give(self, Agent agent, Entry entry):
        self._job += 1
        self.busy += 1
        entry.job, entry.agent = self._job, agent
        agent.busy += 1
        agent.jobs[entry.job] = entry

    # -- answers --------------------------------------------------------------------------

    cpdef Entry finish(self, Agent agent, long long job):
        """An agent is through with a job: its Entry, or None where the agent has no such job.

        The site's slot is free again; say `well` or `failed` for the site next.
        """
        cdef Entry entry = agent.jobs.pop(job, None)
        if entry is None:
            return None
        agent.busy -= 1
        self.busy -= 1
        entry.agent = None
        entry.site.busy -= 1
        if entry.site.transport.suspect is entry:
            entry.site.transport.suspect = None
        self._runnable.add(entry.site.transport)
        return entry

    cpdef void well(self, Site site, long long now):
        """The site could be talked to: positive feedback; a dead one lives again.

        What waits counts as under way: it is, as soon as the outcomes that came together have all been taken.
        """
        cdef Limits limits = site.transport.limits
        cdef double step = 0
        if site.dead:
            self._revive(site)
        else:
            site.fail_cohorts = 0
            if site.window < site.busy + 1 + limits.initial + len(site.todo.items):
                step = limits.positive.amount(<long>site.window)
                site.success += step
                while site.success + step / 2 >= 1:
                    site.window += 1
                    site.success -= 1
                    site.failure = 0
            if limits.concurrency > 0 and site.window > limits.concurrency:
                site.window = limits.concurrency
            if limits.rate_delay > 0 and not site.blocked_until:
                site.blocked_until = now + limits.rate_delay
                self._at(site.blocked_until, site)
            if self.trace is not None:
                self.trace("qmgr_queue_unthrottle", site, step)
        self._settle(site)
        self._forget(site)

    cpdef list failed(self, Site site, object reason, long long now, long long hold):
        """The site could not be talked to. `reason` is (dsn, text), `hold` how long a dead one rests.

        Returns the entries that waited there if it is dead now, else [].
        """
        cdef Limits limits = site.transport.limits
        cdef double step
        if site.dead:
            return []
        site.fail_cohorts += 1.0 / site.window
        if limits.cohorts > 0 and site.fail_cohorts >= limits.cohorts - 1e-9:
            site.dead, site.reason, site.blocked_until = True, reason, now + hold
            self._at(site.blocked_until, site)
            if self.trace is not None:
                self.trace("qmgr_queue_throttle", site, 0)
            return self._drain(site)
        step = limits.negative.amount(<long>site.window)
        site.failure -= step
        while site.failure - step / 2 < 0 and step > 0:
            site.window -= 1
            site.failure += 1
            site.success = 0
        if site.window < 1:
            site.window = 1
        if self.trace is not None:
            self.trace("qmgr_queue_throttle", site, step)
        self._settle(site)
        self._forget(site)
        return []

    cdef list _drain(self, Site site):
        cdef list entries = []
        cdef Keyed entry
        while len(site.todo):
            entry = site.todo.pop()
            entries.append(entry)
        site.transport.waiting -= len(entries)
        self.waiting -= len(entries)
        self._settle(site)
        return entries

    def again(self, Entry entry):
        """Queue an entry that was out with an agent that went away; its turn comes by its old stamp."""
        if entry.site.dead or entry.site.transport.dead:
            self.suspended.append(entry)
        else:
            self._queue(entry)

    cdef void _forget(self, Site site):
        """Drop a site that has nothing more to remember."""
        if not site.busy and not site.blocked_until and not len(site.todo):
            site.transport.sites.pop(site.key, None)

    # -- agents ---------------------------------------------------------------------------

    def join(self, Agent agent):
        """An agent is there; its transport lives."""
        cdef Transport transport = self.transport(agent.transport)
        transport.agents.append(agent)
        if transport.dead:
            transport.blocked_until = 0
        transport.dead, transport.agentless_since, transport.reason = False, 0, None
        self._runnable.add(transport)

    def ready(self, Agent agent, long room):
        """The agent can take `room` more jobs than it has."""
        agent.limit = agent.busy + max(room, 0)
        self._runnable.add(self.transport(agent.transport))

    def leave(self, Agent agent, long long now):
        """An agent went away: its unanswered entries, no longer out. Say `again` for those to be tried again."""
        cdef Transport transport = self.transport(agent.transport)
        cdef list entries = [self.finish(agent, job) for job in list(agent.jobs)]
        cdef Entry entry
        if agent in transport.agents:
            transport.agents.remove(agent)
        if not transport.agents:
            transport.agentless_since = now
        for entry in entries:
            self._settle(entry.site)
        return entries

    def kill(self, Transport transport, object reason, long long now, long long hold):
        """No agent serves the transport: rest it for `hold` and return all its waiting entries."""
        cdef list entries = []
        cdef Site site
        transport.dead, transport.reason, transport.blocked_until = True, reason, now + hold
        self._at(transport.blocked_until, transport)
        for site in list(transport.sites.values()):
            entries += self._drain(site)
            self._forget(site)
        transport.waiting -= len(transport.suspects)
        self.waiting -= len(transport.suspects)
        entries += transport.suspects
        transport.suspects = []
        return entries

    # -- cancelling, time -----------------------------------------------------------------

    def cancel(self, Message message):
        """Take out a message's waiting entries (those that are out finish): how many."""
        cdef Entry entry
        cdef Transport transport
        cdef long taken = 0
        for entry in message.entries:
            transport = entry.site.transport
            if entry.index >= 0:
                entry.site.todo.remove(entry)
                self._settle(entry.site)
                self._forget(entry.site)
            elif entry in transport.suspects:
                transport.suspects.remove(entry)
            else:
                continue
            taken += 1
            transport.waiting -= 1
        message.entries = []
        self.waiting -= taken
        message.pending -= taken
        return taken

    cdef void _at(self, long long when, object what):
        self._seq += 1
        heappush(self._timers, (when, self._seq, what))

    def wake(self, long long now):
        """End the rests that are over."""
        while self._timers and self._timers[0][0] <= now:
            what = heappop(self._timers)[2]
            if isinstance(what, Site):
                self._release(<Site>what, now)
            elif (<Transport>what).blocked_until <= now:
                (<Transport>what).dead = False
                (<Transport>what).blocked_until = 0
                self._runnable.add(what)

    cdef _release(self, Site site, long long now):
        if not site.blocked_until or site.blocked_until > now:
            return
        if site.dead:
            self._revive(site)
        site.blocked_until = 0
        self._settle(site)
        self._forget(site)

    cdef void _revive(self, Site site):
        site.dead, site.reason, site.blocked_until = False, None, 0
        site.window = site.transport.limits.initial if site.transport.limits.initial > 0 else 1
        site.success = site.failure = site.fail_cohorts = 0
        if self.trace is not None:
            self.trace("qmgr_queue_unthrottle", site, 0)

    def flush(self, long long now):
        """postqueue -f: end all rests now."""
        cdef Transport transport
        cdef Site site
        for transport in self.transports.values():
            transport.dead, transport.blocked_until = False, 0
            self._runnable.add(transport)
            for site in list(transport.sites.values()):
                if site.dead:
                    site.blocked_until = now
                    self._release(site, now)
