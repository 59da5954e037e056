"""The plain-Python twin of `pyfix.queue.ledger`: messages in a dictionary (docs/queue.md "Memory")."""

from dataclasses import dataclass, field

INCOMING, ACTIVE, HOLD = 1, 2, 4
HOLD_FLAG, NULL_SENDER = 16, 0x200


@dataclass
class Segment:
    """Messages alive in a segment, their bytes, how far it is read."""

    live: int = 0
    bytes: int = 0
    tail: int = 0


@dataclass
class Message:
    """One message; `odd`: it is more than plain, or waits in the wheel."""

    segment: int
    length: int
    size: int
    flags: int
    state: int
    tries: int = 0
    odd: bool = False


@dataclass
class Ledger:
    """The books, by the number in the queue id."""

    segments: dict[int, Segment] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict)
    removed: list[int] = field(default_factory=list)

    def admit(self, number: int, notice: list) -> str:
        """"new", "seen", "special" (not plain) or "known" (it is filed already)."""
        _, _, segment, offset, length, size, flags, sender, nrcpt = notice
        entry = self.segments.get(segment)
        if nrcpt != 1 or size > length or entry is None or offset < 0 or offset + length >= 2**32:
            return "special"
        if offset < entry.tail:
            return "seen"
        if number in self.messages:
            return "known"
        self.messages[number] = Message(segment, length, size, flags & 255 | (0 if sender else NULL_SENDER),
                                        HOLD if flags & HOLD_FLAG else INCOMING)
        entry.live += 1
        entry.bytes += length
        entry.tail = -(-(offset + length) // 8) * 8
        return "new"

    def activate(self, number: int) -> int:
        """A delivery begins: how many have."""
        message = self.messages[number]
        message.state, message.tries = ACTIVE, min(message.tries + 1, 255)
        return message.tries

    def remove(self, number: int) -> bool:
        """A plain message is gone; False: it is not plain."""
        message = self.messages[number]
        if message.odd:
            return False
        del self.messages[number]
        self.removed.append(number)
        entry = self.segments[message.segment]
        entry.live -= 1
        entry.bytes -= message.length
        return True
