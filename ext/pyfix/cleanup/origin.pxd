"""Where a message comes from."""

cdef enum:
    UNKNOWN = -1
    NONE = -2


cdef class Origin:
    cdef public bytes received, logged
    cdef public str described
    cdef public bint local
    cdef readonly str full_name
    cdef readonly bint utf8
    cdef readonly int uid
    cdef bytes packed           # `fixed` as msgpack
    cdef int pairs              # how many those are
    cdef int port               # of the client's session; UNKNOWN, or NONE: there is no such attribute
    cdef dict fixed             # shared by all sessions of a client

    cdef str port_text(self)
    cdef int pack(self) except -1


cdef Origin of_session(Origin client, int port)
