"""A queued message's values, for the cores that every message passes."""

from pyfix._core.unpack cimport Packed


cdef class Recipient:
    cdef public bytes address, original, orcpt
    cdef public long notify
    cdef public str transport, nexthop


cdef class Envelope:
    cdef public bytes queue_id, sender, envid
    cdef public long long arrival, size, generation
    cdef public int flags, ret
    cdef public list recipients, extents
    cdef dict known             # the attributes once somebody asked for them
    cdef bytes packed           # until then: as they lie in the record
    cdef readonly str encoding  # attributes["encoding"] in lower case, "" if it is not there


cdef Recipient make_recipient(bytes address, bytes original, bytes orcpt, long notify)
cdef str text_of(Packed* at)
cdef int keep_attributes(Envelope envelope, Packed* at) except -1
