"""Answers of the resolver that still hold."""


cdef class Cache:
    cdef public list _watched           # the tables that answers depend on
    cdef public dict _cache
    cdef public bint _by_sender         # answers depend on the sender too
    cdef public bint _cacheable
    cdef public double _checked         # when the tables were looked at last, monotonic
    cdef public object _generation

    cdef object look(self, bytes address, bytes sender)
