"""The plain-Python twin of `pyfix.queue.envelope`: msgpack-python, and docs/queue.md "Envelope"."""

import msgpack

from pyfix.model import Envelope, Recipient

VERSION, FIELDS = 1, 12
FORMS = (int, bytes, int, bytes, int, int, int, bytes, int, dict, list, list)


def pack(envelope: Envelope) -> bytes:
    """The bytes of an envelope."""
    e = envelope
    recipients = [field for r in e.recipients for field in (r.address, r.original, r.orcpt, r.notify, r.transport, r.nexthop)]
    return msgpack.packb([VERSION, e.queue_id, e.arrival, e.sender, e.flags, e.size, e.ret, e.envid, e.generation, e.attributes,
                          recipients, [number for extent in e.extents for number in extent]],
                         use_bin_type=True, unicode_errors="surrogateescape")


def unpack(data: bytes) -> Envelope:
    """The envelope in `data`. ValueError: it is none."""
    try:
        found = msgpack.unpackb(data, raw=False, strict_map_key=False, unicode_errors="surrogateescape")
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError from error
    if type(found) is not list or len(found) != FIELDS or tuple(map(type, found)) != FORMS or found[0] != VERSION:
        raise ValueError("shape or version")
    _, queue_id, arrival, sender, flags, size, ret, envid, generation, attributes, recipients, extents = found
    numbers(extents, recipients[3::6], [arrival, size, generation])
    if any(not 0 <= value < 2**31 for value in (flags, ret, *recipients[3::6])) or not queue_id:
        raise ValueError("out of range")
    forms = (bytes, bytes, bytes, int, str, str) * (len(recipients) // 6)
    if len(recipients) % 6 or tuple(map(type, recipients)) != forms or len(extents) % 3 \
            or any(type(part) is not str for pair in attributes.items() for part in pair):
        raise ValueError("types")
    return Envelope(queue_id, arrival, sender, flags, size, ret, envid, attributes, generation,
                    [Recipient(*recipients[at:at + 6]) for at in range(0, len(recipients), 6)],
                    [tuple(extents[at:at + 3]) for at in range(0, len(extents), 3)])


def numbers(*lists: list) -> None:
    """ValueError: something is no number, negative, or of more than 63 bits."""
    for values in lists:
        if any(type(value) is not int or not 0 <= value < 2**63 for value in values):
            raise ValueError("number")
