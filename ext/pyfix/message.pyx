"""One queued message's values, which every stage hands on: its recipients and its envelope (see pyfix.model).

In C because there may be fifty recipients a message, and each is read five times on its way. An envelope
that was read from the queue keeps its attributes packed until somebody asks: hardly anybody does.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t
from libc.string cimport memcmp

from pyfix._core.span cimport Span
from pyfix._core.unpack cimport packed, take_map, take_text

cdef const char* ESCAPE = "surrogateescape"


cdef class Recipient:
    """One recipient of a queued message, resolved when it was accepted."""

    def __init__(self, bytes address not None, bytes original not None=b"", bytes orcpt not None=b"", long notify=0,
                 str transport not None="", str nexthop not None=""):
        self.address, self.original, self.orcpt = address, original, orcpt
        self.notify, self.transport, self.nexthop = notify, transport, nexthop


cdef Recipient make_recipient(bytes address, bytes original, bytes orcpt, long notify):
    """One that has not been routed yet."""
    cdef Recipient recipient = Recipient.__new__(Recipient)
    recipient.address, recipient.original, recipient.orcpt, recipient.notify = address, original, orcpt, notify
    recipient.transport = recipient.nexthop = ""
    return recipient


cdef class Envelope:
    """All of a queued message but its content."""

    def __init__(self, bytes queue_id not None, long long arrival, bytes sender not None, int flags=0,
                 long long size=0, int ret=0, bytes envid not None=b"", dict attributes=None, long long generation=0,
                 list recipients=None, list extents=None):
        self.queue_id, self.arrival, self.sender, self.flags, self.size = queue_id, arrival, sender, flags, size
        self.ret, self.envid, self.generation = ret, envid, generation
        self.attributes = {} if attributes is None else attributes
        self.recipients = [] if recipients is None else recipients
        self.extents = [] if extents is None else extents

    @property
    def attributes(self) -> dict:
        """The attributes; what a caller changes in them stays."""
        cdef Packed at
        if self.known is None:
            at = packed(PyBytes_AS_STRING(self.packed), PyBytes_GET_SIZE(self.packed))
            self.known = attributes_of(&at)
        return self.known

    @attributes.setter
    def attributes(self, dict value not None):
        self.known, self.encoding = value, value.get("encoding", "").lower()


cdef str text_of(Packed* at):
    """A text where it is one; `at.bad` where not."""
    cdef Span span = take_text(at)
    return PyUnicode_DecodeUTF8(span.p, span.n, ESCAPE) if span.n else ""


cdef dict attributes_of(Packed* at):
    cdef dict found = {}
    cdef int64_t i
    cdef str name
    for i in range(take_map(at)):
        name = text_of(at)
        found[name] = text_of(at)
        if at.bad:
            break
    return found


cdef int keep_attributes(Envelope envelope, Packed* at) except -1:
    """Takes the map of attributes as it lies; `at.bad` where it is none of texts."""
    cdef const unsigned char* start = at.p
    cdef Span name, value
    cdef int64_t i
    envelope.encoding = ""
    for i in range(take_map(at)):
        name, value = take_text(at), take_text(at)
        if at.bad:
            return 0
        if name.n == 8 and value.n and memcmp(name.p, b"encoding", 8) == 0:
            envelope.encoding = PyUnicode_DecodeUTF8(value.p, value.n, ESCAPE).lower()
    envelope.packed = start[:at.p - start]
    return 0
