"""What was sent, what came, and whether the one follows from the other: the books of a storm, kept outside the victim.

The injector writes SENT, then ACK, NAK, UNKNOWN (the connection died after the final dot) or NEVER (no final dot was sent);
the receiver writes each offer and each copy. Every message carries its id in the envelope, the header and the body.
The first word of a recipient's address says what the receiver does with it: ok, late (451 twice), bad (550), never (451 always).
"""

import re
import time
from collections import Counter, defaultdict
from typing import NamedTuple

SENT, ACK, NAK, UNKNOWN, NEVER = "SENT", "ACK", "NAK", "UNKNOWN", "NEVER"
OUTSIDE = re.compile(rb"(?:Received: [^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)+?(?=X-Id: )")
FINAL = re.compile(rb"^Final-Recipient: rfc822; *([^\r\n]+)\r\n.*?^Action: (\w+)", re.M | re.S)
WINDOW = 1.0        # seconds; how long before a kill a delivery may have been answered and still be made again


class Message(NamedTuple):
    """One message as it was sent; content without the final dot."""

    id: bytes
    sender: bytes
    recipients: list[bytes]
    content: bytes


class Copy(NamedTuple):
    """One recipient's copy, as the receiver answered it with 250."""

    time: float
    id: bytes
    recipient: bytes
    whole: bool


class Kill(NamedTuple):
    """A process that was killed."""

    time: float
    program: str


def identity(recipient: bytes) -> bytes:
    """The message id in an address."""
    return recipient.split(b"@")[0].split(b".")[1]


def difference(sent: bytes, came: bytes) -> str:
    """Where two contents part, and what stands there."""
    at = next((at for at, (one, other) in enumerate(zip(sent, came)) if one != other), min(len(sent), len(came)))
    return (f"{len(sent)} bytes were sent, {len(came)} came, the same up to {at}: "
            f"{sent[max(at - 60, 0):at + 60]!r} became {came[max(at - 60, 0):at + 60]!r}")


class Ledger:
    """The books of one run."""

    def __init__(self) -> None:
        self.sent: dict[bytes, Message] = {}
        self.state: dict[bytes, str] = {}
        self.copies: list[Copy] = []
        self.bounces: list[Copy] = []
        self.offers: list[tuple[float, bytes]] = []
        self.kills: list[Kill] = []
        self.deleted: dict[bytes, float] = {}
        self.refused: Counter[bytes] = Counter()
        self.differences: dict[bytes, str] = {}

    # -- writing --------------------------------------------------------------------------

    def message(self, number: int, rng: object, tag: str = "m") -> Message:
        """A new message, SENT from now on."""
        name = b"%b%06d" % (tag.encode(), number)
        kinds = rng.choices([b"ok", b"late", b"bad"], [20, 2, 1], k=rng.choice([1, 1, 1, 2, 4]))
        recipients = [b"%b.%b.%d@r%d.example" % (kind, name, at, rng.randrange(9)) for at, kind in enumerate(kinds)]
        size = rng.choice([200, 900, 4000, 4000, 4000, 60_000, 300_000]) + rng.randrange(200)
        lines = (b"%b line %d %b\r\n" % (name, at, b"." * (at % 70)) for at in range(max(size // 55, 1)))
        content = (b"X-Id: %b\r\nFrom: <s.%b@origin.example>\r\nTo: undisclosed-recipients:;\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n"
                   b"Message-Id: <%b@origin.example>\r\n\r\n.\r\n%b..\r\nend of %b\r\n" % (name, name, name, b"".join(lines), name))
        made = Message(name, b"s.%b@origin.example" % name, recipients, content)
        self.sent[name], self.state[name] = made, SENT
        return made

    def offer(self, recipient: bytes) -> bytes:
        """RCPT at the receiver: its reply."""
        self.offers.append((time.monotonic(), recipient))
        kind = recipient.split(b".")[0]
        self.refused[recipient] += 1
        if kind == b"bad":
            return b"550 5.1.1 no such user\r\n"
        if kind == b"never" or kind == b"late" and self.refused[recipient] <= 2:
            return b"451 4.2.0 come again\r\n"
        return b"250 2.1.5 Ok\r\n"

    def take(self, sender: bytes, recipients: list[bytes], content: bytes) -> None:
        """A message at the receiver; content un-stuffed."""
        now = time.monotonic()
        for recipient in recipients:
            if recipient.startswith(b"s."):
                self.bounces += [Copy(now, identity(recipient), one, action == b"failed")
                                 for one, action in FINAL.findall(content) if b"." in one]
            else:
                self.copies.append(Copy(now, identity(recipient), recipient, self.is_whole(identity(recipient), sender, content)))

    def is_whole(self, name: bytes, sender: bytes, content: bytes) -> bool:
        """Whether the content below our Received lines is what was sent."""
        message = self.sent.get(name)
        head = OUTSIDE.match(content)
        if not message or not head or sender != message.sender:
            self.differences[name] = f"head {content[:300]!r}, sender {sender!r}"
        elif content[head.end():] != message.content:
            self.differences[name] = difference(message.content, content[head.end():])
        else:
            return True
        return False

    # -- reading --------------------------------------------------------------------------

    def due(self) -> set[bytes]:
        """Recipients of acknowledged messages about which nothing was heard yet."""
        heard = {copy.recipient for copy in self.copies} | {copy.recipient for copy in self.bounces}
        return {one for name, state in self.state.items() if state == ACK
                for one in self.sent[name].recipients if one not in heard and not one.startswith(b"never")}

    def faults(self) -> list[str]:
        """All that breaks I1 to I5 (HOSTILE 2.3); empty when nothing does."""
        return [*(f"lost: {one.decode()}" for one in sorted(self.due())), *self._wrong(), *self._halves(), *self._twice(),
                *self._revived()]

    def _wrong(self) -> list[str]:
        found = []
        for copy in self.copies + self.bounces:
            message = self.sent.get(copy.id)
            if message is None or copy.recipient not in message.recipients or self.state[copy.id] in (NAK, NEVER):
                found.append(f"ghost: {copy} {self.state.get(copy.id)}")
            elif not copy.whole:
                found.append(f"partial: {copy}: {self.differences.get(copy.id)}")
        both = {copy.recipient for copy in self.copies} & {copy.recipient for copy in self.bounces}
        return found + [f"delivered and bounced: {one.decode()}" for one in both]

    def _halves(self) -> list[str]:
        heard = {copy.recipient for copy in self.copies} | {copy.recipient for copy in self.bounces}
        found = []
        for name, state in self.state.items():
            came = [one in heard for one in self.sent[name].recipients if not one.startswith(b"never")]
            if state == UNKNOWN and any(came) and not all(came):
                found.append(f"half of an unknown: {name.decode()}")
        return found

    def duplicates(self) -> list[tuple[Copy, float]]:
        """Each copy that was followed by another, and its distance to the nearest kill that can explain it."""
        by_recipient: dict[bytes, list[Copy]] = defaultdict(list)
        for copy in self.copies:
            by_recipient[copy.recipient].append(copy)
        moments = [kill.time for kill in self.kills if kill.program in ("qmgr", "smtp", "master", "tree")]
        return [(copy, min((abs(moment - copy.time) for moment in moments), default=float("inf")))
                for copies in by_recipient.values() for copy in sorted(copies)[:-1]]

    def _twice(self) -> list[str]:
        found = [f"duplicate outside the window: {copy}, {distance:.3f} s from a kill"
                 for copy, distance in self.duplicates() if distance > WINDOW]
        moments = [kill.time for kill in self.kills if kill.program in ("qmgr", "smtp", "master", "tree")]
        count = Counter(copy.recipient for copy in self.bounces)
        for copy in self.bounces:
            # the second report of a refusal whose first one was cut short by a kill may come late: the machine is busy
            times = [copy.time, *(at for at, one in self.offers if one == copy.recipient)] if count[copy.recipient] > 1 else []
            if times and not any(abs(moment - at) < 4 * WINDOW for moment in moments for at in times):
                found.append(f"bounced twice: {copy}")
        return found

    def _revived(self) -> list[str]:
        return [f"offered {moment - self.deleted[identity(one)]:.2f} s after it was deleted: {one.decode()}"
                for moment, one in self.offers if moment > self.deleted.get(identity(one), moment)]

    def summary(self) -> str:
        """One line of numbers."""
        states = Counter(self.state.values())
        return (f"{dict(states)}, {len(self.copies)} copies, {len(self.bounces)} bounces, {len(self.kills)} kills, "
                f"{len(self.duplicates())} duplicates, {len(self.deleted)} deleted")
