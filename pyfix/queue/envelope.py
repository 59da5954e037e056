"""The envelope as it stands in a log record: one msgpack array, versioned.

Law: docs/queue.md "Envelope". Addresses are bin, names are str; nothing but the types of
model.Envelope passes `unpack`, so that a damaged record is an error and never a strange message.

    [1, queue_id, arrival, sender, flags, size, ret, envid, generation,
     {attribute: value}, [address, original, orcpt, notify, transport, nexthop, ...] (six a recipient),
     [segment, offset, length, ...] (three an extent)]
"""

import msgpack

from pyfix.errors import Corrupt
from pyfix.model import Envelope, Recipient

VERSION = 1
_FIELDS = (int, bytes, int, bytes, int, int, int, bytes, int, dict, list, list)
_RECIPIENT = (bytes, bytes, bytes, int, str, str)
_pack = msgpack.Packer(use_bin_type=True, unicode_errors="surrogateescape", autoreset=True).pack


def pack(envelope: Envelope) -> bytes:
    """The bytes of an envelope, to be given to Writer.commit()."""
    recipients: list[object] = []
    for r in envelope.recipients:
        recipients += (r.address, r.original, r.orcpt, r.notify, r.transport, r.nexthop)
    extents = [n for extent in envelope.extents for n in extent]
    return _pack((VERSION, envelope.queue_id, envelope.arrival, envelope.sender, envelope.flags, envelope.size,
                  envelope.ret, envelope.envid, envelope.generation, envelope.attributes, recipients, extents))


def unpack(data: bytes | memoryview) -> Envelope:
    """The envelope in `data`. Corrupt when it is not exactly one envelope of a version known here."""
    try:
        fields = msgpack.unpackb(data, raw=False, strict_map_key=True, unicode_errors="surrogateescape")
    except (ValueError, TypeError, RecursionError) as trouble:     # msgpack's own exceptions are ValueErrors
        raise Corrupt(f"envelope is not msgpack: {trouble}") from None
    if type(fields) is not list or len(fields) != len(_FIELDS) or fields[0] != VERSION:
        raise Corrupt("envelope has the wrong shape or version")
    if tuple(map(type, fields)) != _FIELDS:
        raise Corrupt("envelope field of the wrong type")
    _, queue_id, arrival, sender, flags, size, ret, envid, generation, attributes, recipients, extents = fields
    if arrival < 0 or flags < 0 or size < 0 or not queue_id:
        raise Corrupt("envelope value out of range")
    for name, value in attributes.items():
        if type(name) is not str or type(value) is not str:
            raise Corrupt("envelope attribute is not text")
    return Envelope(queue_id, arrival, sender, flags, size, ret, envid, attributes, generation,
                    _recipients(recipients), _extents(extents))


def _recipients(flat: list[object]) -> list[Recipient]:
    if len(flat) % 6:
        raise Corrupt("recipient list is cut short")
    found = []
    for i in range(0, len(flat), 6):
        one = flat[i:i + 6]
        if tuple(map(type, one)) != _RECIPIENT:
            raise Corrupt("recipient field of the wrong type")
        found.append(Recipient(*one))        # type: ignore[arg-type]
    return found


def _extents(flat: list[object]) -> list[tuple[int, int, int]]:
    if len(flat) % 3 or any(type(n) is not int or n < 0 for n in flat):
        raise Corrupt("extent list is not triples of numbers")
    return [(flat[i], flat[i + 1], flat[i + 2]) for i in range(0, len(flat), 3)]     # type: ignore[misc]
