"""The envelope as it stands in a log record: one msgpack array, versioned.

Law: docs/queue.md "Envelope". Addresses are bin, names are str; nothing but the types of
model.Envelope passes `unpack`, so that a damaged record is an error and never a strange message.

    [1, queue_id, arrival, sender, flags, size, ret, envid, generation,
     {attribute: value}, [address, original, orcpt, notify, transport, nexthop, ...] (six a recipient),
     [segment, offset, length, ...] (three an extent)]
"""

from libc.stdint cimport int64_t

from pyfix._core.pack cimport Packer
from pyfix._core.unpack cimport Packed, packed, take_bytes, take_list, take_number
from pyfix._core.span cimport Span
from pyfix.message cimport Envelope, Recipient, keep_attributes, text_of

from pyfix.errors import Corrupt

cdef enum:
    VERSION = 1
    FIELDS = 12


def pack(Envelope envelope not None) -> bytes:
    """The bytes of an envelope, to be given to Writer.commit()."""
    cdef Packer out = Packer()
    put_start(out, envelope.queue_id, envelope.arrival, envelope.sender, envelope.flags, envelope.size, envelope.ret,
              envelope.envid, envelope.generation)
    out.value(envelope.attributes, 0)
    put_recipients(out, envelope.recipients)
    put_extents(out, envelope.extents)
    return out.take()


cdef int put_start(Packer out, bytes queue_id, int64_t arrival, bytes sender, int flags, int64_t size, int ret, bytes envid,
                   int64_t generation) except -1:
    """What stands before the attributes."""
    out.array(FIELDS)
    out.integer(VERSION)
    out.binary(queue_id)
    out.integer(arrival)
    out.binary(sender)
    out.integer(flags)
    out.integer(size)
    out.integer(ret)
    out.binary(envid)
    out.integer(generation)
    return 0


cdef int put_recipients(Packer out, list recipients) except -1:
    cdef Recipient one
    out.array(6 * len(recipients))
    for one in recipients:
        out.binary(one.address)
        out.binary(one.original)
        out.binary(one.orcpt)
        out.integer(one.notify)
        out.text(one.transport)
        out.text(one.nexthop)
    return 0


cdef int put_extents(Packer out, list extents) except -1:
    out.array(3 * len(extents))
    for segment, offset, length in extents:
        out.integer(segment)
        out.integer(offset)
        out.integer(length)
    return 0


cdef bytes bytes_of(Packed* at):
    cdef Span span = take_bytes(at)
    return span.p[:span.n] if span.n else b""


cdef int small(Packed* at) except -1:
    """A number of flags or of a kind. Corrupt when it is not one that pack() would have been given."""
    cdef int64_t value = take_number(at)
    if not 0 <= value <= 0x7fffffff:
        raise Corrupt("envelope value out of range")
    return <int>value


cdef list recipients_of(Packed* at):
    cdef list found = []
    cdef int64_t i, n = take_list(at)
    cdef Recipient one
    if n % 6:
        raise Corrupt("recipient list is cut short")
    for i in range(n // 6):
        one = Recipient.__new__(Recipient)
        one.address, one.original, one.orcpt = bytes_of(at), bytes_of(at), bytes_of(at)
        one.notify = small(at)
        one.transport, one.nexthop = text_of(at), text_of(at)
        if at.bad:
            break
        found.append(one)
    return found


cdef list extents_of(Packed* at):
    cdef list found = []
    cdef int64_t i, segment, offset, length, n = take_list(at)
    if n % 3:
        raise Corrupt("extent list is not triples of numbers")
    for i in range(n // 3):
        segment, offset, length = take_number(at), take_number(at), take_number(at)
        if at.bad or segment < 0 or offset < 0 or length < 0:
            raise Corrupt("extent list is not triples of numbers")
        found.append((segment, offset, length))
    return found


cdef Envelope envelope_of(const char* p, size_t n):
    """The envelope in n bytes. Corrupt."""
    cdef Packed at = packed(p, n)
    cdef int64_t arrival, size
    cdef Envelope envelope = Envelope.__new__(Envelope)
    if take_list(&at) != FIELDS or take_number(&at) != VERSION:
        raise Corrupt("envelope has the wrong shape or version")
    envelope.queue_id = bytes_of(&at)
    arrival = take_number(&at)
    envelope.sender = bytes_of(&at)
    envelope.flags = small(&at)
    size = take_number(&at)
    envelope.ret = small(&at)
    envelope.envid = bytes_of(&at)
    envelope.generation = take_number(&at)
    keep_attributes(envelope, &at)
    envelope.recipients = recipients_of(&at)
    envelope.extents = extents_of(&at)
    if at.bad or at.p != at.end:
        raise Corrupt("envelope is not msgpack of the right types")
    if arrival < 0 or size < 0 or envelope.generation < 0 or not envelope.queue_id:
        raise Corrupt("envelope value out of range")
    envelope.arrival, envelope.size = arrival, size
    return envelope


def unpack(const unsigned char[::1] data not None):
    """The Envelope in `data`. Corrupt when it is not exactly one envelope of a version known here."""
    if not data.shape[0]:
        raise Corrupt("envelope is empty")
    try:
        return envelope_of(<const char*>&data[0], data.shape[0])
    except UnicodeDecodeError as trouble:
        raise Corrupt(f"envelope has text that is none: {trouble}") from None
