"""Answers of the resolver that still hold."""


cdef class Cache:
    cdef public list _watched           # the tables that answers depend on
    cdef public dict _cache
    cdef public bint _by_sender         # answers depend on the sender too
    cdef public bint _cacheable
    cdef public long long _checked      # when the tables were looked at last, clock.coarse_ms()
    cdef public object _generation
    cdef public bint _by_domain         # what is sent away goes where its domain goes: no table knows more
    cdef dict _routes                   # domain -> (transport, nexthop, None, flags), () where resolve() has to be asked
    cdef bytes _last                    # the domain that was asked for last, and its place
    cdef tuple _last_place

    cdef object look(self, bytes address, bytes sender)
    cdef tuple short(self, bytes address, bytes sender)
    cdef tuple place(self, bytes address)
    cdef int enter(self, bytes domain) except -1
