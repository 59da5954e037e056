# The scheduler's classes, for those that cimport them; the law is in scheduler.pyx.

from pyfix.qmgr.heap cimport Heap, Keyed


cdef class Feedback:
    cdef readonly double value
    cdef readonly int per         # 0 as is, 1 divided by the concurrency, 2 by its square root
    cdef double amount(self, long window) noexcept nogil


cdef class Limits:
    cdef public long concurrency, initial, recipients
    cdef public double cohorts, slot_cost
    cdef public Feedback positive, negative
    cdef public long long rate_delay, transport_rate_delay


cdef class Message:
    cdef public long long slot, arrival, active_since, size, segment, offset, length
    cdef public bytes queue_id, sender
    cdef public long flags, recipients, crashes
    cdef public long pending      # entries not yet answered
    cdef public bint cancelled, gone, expired
    cdef public list entries      # where it waits or waited in this round
    cdef public list sent         # recipient indexes
    cdef public list deferred     # (index, dsn, text)
    cdef public list bounced      # (index, dsn, text)
    cdef public list reported     # (index, status, dsn, text): success reports asked for
    cdef public object envelope   # Envelope when it was read, else None


cdef class Entry(Keyed):
    cdef readonly Message message
    cdef readonly Site site
    cdef readonly list recipients
    cdef readonly long long job
    cdef readonly object agent


cdef class Site(Keyed):
    cdef readonly Transport transport
    cdef readonly str nexthop
    cdef readonly object key
    cdef readonly long busy
    cdef readonly double window, success, failure, fail_cohorts
    cdef readonly long long blocked_until   # 0: not blocked
    cdef readonly bint dead
    cdef public object reason               # (dsn, text) of the failure that killed it
    cdef Heap todo


cdef class Transport:
    cdef readonly str name
    cdef public Limits limits
    cdef readonly list agents
    cdef readonly double clock
    cdef public long long blocked_until, agentless_since, asked
    cdef readonly bint dead
    cdef public object reason
    cdef Heap ready
    cdef dict sites
    cdef list suspects
    cdef Entry suspect
    cdef readonly long waiting               # entries not yet sent


cdef class Agent:
    cdef readonly str transport
    cdef readonly object link
    cdef readonly long limit, busy
    cdef readonly dict jobs


cdef class Scheduler:
    cdef readonly dict transports
    cdef public object limits_of, suspended
    cdef public object trace      # None, or what is told each step of a window: trace(what, site, step)
    cdef long long _seq, _job
    cdef list _timers
    cdef set _runnable
    cdef readonly long busy, waiting
    cpdef Transport transport(self, str name)
    cpdef bint enter(self, Message message, str transport, str nexthop, list recipients, object key, long long now)
    cdef void _queue(self, Entry entry)
    cdef void _settle(self, Site site)
    cdef bint _open(self, Transport transport, long long now)
    cdef Agent _least_loaded(self, Transport transport)
    cdef Entry _next(self, Transport transport, long long now)
    cpdef Entry finish(self, Agent agent, long long job)
    cpdef void well(self, Site site, long long now)
    cpdef list failed(self, Site site, object reason, long long now, long long hold)
    cdef void _forget(self, Site site)
    cdef void _at(self, long long when, object what)
    cdef Site _new_site(self, Transport transport, str nexthop, object key)
    cdef _give(self, Agent agent, Entry entry)
    cdef list _drain(self, Site site)
    cdef void _revive(self, Site site)
    cdef _release(self, Site site, long long now)
