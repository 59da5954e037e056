"""The states of a queued message (Postfix's queue names), what the store tells about one, and the records of the state log.

A state record is one msgpack array [operation, queue id number, ...]; the numbers never change:

    [DONE, number, [recipient index, ...]]
    [DEFER, number, due, tries, [[index, dsn, text], ...]]      state becomes deferred; due in seconds
    [NOTE, number, [[index, dsn, text], ...]]                   reasons only; the state stays
    [REMOVE, number]
    [HOLD | RELEASE, number, due]
    [EXPIRE, number]
    [BURY, number]
    [WARN, number]                                              the sender was told of the delay
"""

from typing import NamedTuple

import msgpack

from pyfix.errors import Corrupt
from pyfix.model import Place

INCOMING, ACTIVE, DEFERRED, HOLD, CORRUPT = 1, 2, 3, 4, 5
NAMES = {INCOMING: "incoming", ACTIVE: "active", DEFERRED: "deferred", HOLD: "hold", CORRUPT: "corrupt"}

# Message.flags beside model.KEPT_FLAGS
MULTI, NULL_SENDER, FORCED, BIG, FINISHED, WARNED = 0x100, 0x200, 0x400, 0x800, 0x2000, 0x4000

OP_DONE, OP_DEFER, OP_NOTE, OP_REMOVE, OP_HOLD, OP_RELEASE, OP_EXPIRE = range(1, 8)
OP_BURY, OP_WARN = 9, 10

pack_op = msgpack.Packer(use_bin_type=True, unicode_errors="surrogateescape", autoreset=True).pack


def unpack_op(data: bytes) -> list:
    """The operation in a state record. Corrupt when it is none."""
    try:
        op = msgpack.unpackb(data, raw=False, unicode_errors="surrogateescape")
    except (ValueError, TypeError) as trouble:
        raise Corrupt(f"state record is not msgpack: {trouble}") from None
    if type(op) is not list or len(op) < 2 or type(op[0]) is not int or type(op[1]) is not int:
        raise Corrupt("state record has the wrong shape")
    return op


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
