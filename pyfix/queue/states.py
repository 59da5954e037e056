"""The states of a queued message (Postfix's queue names) and what the store tells about one."""

from typing import NamedTuple

from pyfix.model import Place

INCOMING, ACTIVE, DEFERRED, HOLD, CORRUPT = 1, 2, 3, 4, 5
NAMES = {INCOMING: "incoming", ACTIVE: "active", DEFERRED: "deferred", HOLD: "hold", CORRUPT: "corrupt"}

# Message.flags above model.Envelope.flags
MULTI, NULL_SENDER, FORCED, BIG = 0x100, 0x200, 0x400, 0x800


class Message(NamedTuple):
    """What qmgr knows about a message without reading its record.

    slot       its number in the table (changes when it leaves the queue, and at a restart)
    state      INCOMING ... CORRUPT
    flags      model.Envelope.flags and the bits above
    arrival    seconds since the epoch
    size       content bytes (2**32 - 1: that or more; the envelope knows)
    due        seconds since the epoch of the next attempt, 0 if none is set
    tries      deliveries begun, 255 at most
    """

    slot: int
    queue_id: bytes
    state: int
    flags: int
    arrival: int
    size: int
    due: int
    tries: int
    place: Place


class Recovered(NamedTuple):
    """What recover() found: messages by state, warnings for the log, seconds it took."""

    incoming: int
    deferred: int
    hold: int
    corrupt: int
    warnings: list[str]
    seconds: float
