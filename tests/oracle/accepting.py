"""The plain-Python twin of `pyfix.cleanup.hot`: which messages take the plain way into the queue, their record's head, their notice.

Law: docs/flow.md steps 5 to 7, docs/queue.md "Envelope", ipc.messages.COMMITTED.
"""

from dataclasses import dataclass, field

import msgpack

from pyfix.model import LOCAL_CLIENT, LOCAL_SUBMISSION, VERP, Envelope, Recipient
from pyfix.resolve.domains import ERROR, FAIL
from tests.oracle import queue_envelope
from tests.oracle.words import plain_address

Known = dict[bytes, tuple[str, str, bytes | None, int] | None]


@dataclass
class Message:
    """One that is complete. `edited`: its header has to change, or something was decided about it."""

    queue_id: bytes
    sender: bytes
    recipients: list[bytes]
    flags: int = 0
    uid: int = -1
    local: bool = False
    attributes: dict[str, str] = field(default_factory=dict)
    encoding: str | None = None
    edited: bool = False


def queued_sender(message: Message, senders: dict[bytes, bytes]) -> bytes | None:
    """The sender as it is queued, None where the mapper has to be asked. The null sender's other name begins with M."""
    plain = plain_address(message.sender) and message.sender[:1].lower() != b"m"
    return senders.get(message.sender, message.sender if plain else None)


def routes(message: Message, known: Known) -> list[tuple[str, str]] | None:
    """Where each recipient goes; None where that has to be found out, or the list has to be changed."""
    if len({address.lower() for address in message.recipients}) < len(message.recipients):
        return None
    places = [known[address] for address in message.recipients]
    if any(place is None or place[3] & (ERROR | FAIL) or place[2] not in (None, address) for place, address in zip(places, message.recipients, strict=True)):
        return None
    return [place[:2] for place in places if place is not None]


def flags_of(message: Message) -> int:
    """Its flags in the queue."""
    return message.flags | (LOCAL_SUBMISSION if message.uid >= 0 else LOCAL_CLIENT if message.local else 0)


def head(message: Message, sender: bytes, places: list[tuple[str, str]], arrival: int, size: int, generation: int) -> bytes:
    """The record's head."""
    attributes = message.attributes | ({"encoding": message.encoding} if message.encoding else {})
    recipients = [Recipient(address, transport=transport, nexthop=nexthop) for address, (transport, nexthop) in zip(message.recipients, places, strict=True)]
    return queue_envelope.pack(Envelope(message.queue_id, arrival, sender, flags_of(message), size, attributes=attributes, generation=generation,
                                        recipients=recipients))


def notice(message: Message, sender: bytes, places: list[tuple[str, str]], arrival: int, size: int, place: tuple[int, int, int]) -> bytes:
    """What qmgr is told: the recipients by where they go; each for itself where the sender's address is each one's own."""
    sites: dict[tuple[str, str, int], list[int]] = {}
    for index, where in enumerate(places):
        sites.setdefault((*where, index if message.flags & VERP else 0), []).append(index)
    return msgpack.packb([message.queue_id, arrival, *place, size, flags_of(message), sender, len(message.recipients),
                          [[transport, nexthop, indexes] for (transport, nexthop, _), indexes in sites.items()]])
