"""Notices to the postmaster: the transcript of a session that went wrong (notify_classes; smtpd(8), postconf(5)).

The law: a reply that says no belongs to one class of trouble; a session is reported when one of its classes is
in notify_classes, once at its end, or when its transcript grows long. The notice comes from
the double bounce address, so that it can't bounce for ever; each line of it that a client had a hand in begins
with a blank and prints. Troubles of ours come in floods: of sessions that no transcript was kept of, one in
a minute is reported, with its last command only.
"""

import textwrap
from typing import Any

from pyfix._core.chars import printable

TRANSCRIPT = frozenset(("protocol", "policy", "bounce", "data"))    # classes for which all sessions are recorded
CLASSES = TRANSCRIPT | {"resource", "software"}
WIDTH, INDENT = 78, "    "
PAUSE = 60.0             # seconds between notices of sessions that were not recorded
MOST_LINES, LONGEST = 4000, 512

# how a reply begins -> its class, "" for none; the first that fits counts
BLAME: tuple[tuple[bytes, str], ...] = (
    (b"451 4.3.5", "software"), (b"452 4.3.1", "resource"), (b"451 4.3.0 Error: queue", "resource"),
    (b"552 5.3.4 Error", "bounce"), (b"554 5.4.0", "bounce"), (b"552 5.3.4", "policy"), (b"452 4.5.3", ""), (b"458", ""),
    (b"459", ""), (b"421 4.4.2", ""), (b"421 4.3.", ""), (b"554 5.5.0", ""), (b"503 5.7.0", "policy"), (b"550 5.7.", "policy"), (b"450 4.7.", "policy"),
    (b"421 4.7.0 Error: too many conn", "policy"))


def blame(reply: bytes, decided: bool) -> str:
    """The class of a reply; `decided`: it is what policy said. "" for one that is nobody's trouble."""
    if reply[:1] not in (b"4", b"5"):
        return ""
    if decided:
        if b"User unknown" in reply:
            return "bounce"
        return "software" if reply.startswith(b"451 4.3.5 Server") else "policy"
    return next((kind for start, kind in BLAME if reply.startswith(start)), "protocol")


class Transcript:
    """What one session said and heard, and which classes of trouble it had."""

    def __init__(self, notices: "Notices", client: Any) -> None:
        self.notices, self.client = notices, client
        self.lines: list[bytes] = []
        self.mask: set[str] = set()
        self.decided = False            # the reply to come is policy's

    def heard(self, line: bytes) -> None:
        """A command."""
        self.add(b"In:  " + line)
        if line[:4].upper() in (b"EHLO", b"HELO", b"RSET"):
            self.flush(self.notices.threshold)

    def said(self, lines: list[bytes]) -> None:
        """A reply."""
        kind = blame(lines[-1], self.decided)
        self.decided = False
        if kind:
            self.mask.add(kind)
        for line in lines:
            self.add(b"Out: " + line)
        if lines[-1].startswith(b"250 2.0.0 Ok") and b"queued as" in lines[-1]:
            self.mask.clear()
            self.flush(self.notices.threshold)

    def add(self, line: bytes) -> None:
        """One line; there is an end to them."""
        if len(self.lines) < MOST_LINES:
            self.lines.append(line[:LONGEST])

    def flush(self, more_than: int, reason: str = "") -> None:
        """Reports what is to be reported if there are more lines than that, and begins anew."""
        if len(self.lines) <= more_than:
            return
        if self.mask & self.notices.classes:
            self.notices.send(self.client(), self.lines, reason, "bounce" in self.mask & self.notices.classes)
        self.lines, self.mask = [], set()


class Notices:
    """Notices under one configuration. `post(sender, recipient, content)` puts a message into the queue."""

    def __init__(self, config: Any, post: Any, clock: Any) -> None:
        self.post, self.clock = post, clock
        self.classes = CLASSES & set(config.words("notify_classes"))
        self.wanted = bool(self.classes & TRANSCRIPT)
        self.threshold = config.smtpd_history_flush_threshold
        origin = config["myorigin"]
        self.mail_name, self.daemon = config["mail_name"], f"MAILER-DAEMON@{origin}"
        self.sender = f"{config['double_bounce_sender']}@{origin}".encode()
        self.recipients = {bounce: address if "@" in address else f"{address}@{origin}" for bounce, address in (
            (False, config["error_notice_recipient"]), (True, config["bounce_notice_recipient"]))}
        self._next = 0.0

    def send(self, client: bytes, lines: list[bytes], reason: str, bounce: bool) -> None:
        """Mails a transcript: lines "In:  ..." and "Out: ..."; `reason`: why the session ended early, or ""."""
        recipient = self.recipients[bounce]
        head = [f"From: Mail Delivery System <{self.daemon}>", f"To: Postmaster <{recipient}>",
                f"Subject: {self.mail_name} SMTP server: errors from {client.decode('utf-8', 'replace')}", "",
                "Transcript of session follows.", ""]
        tail = ["", *([f"Session aborted, reason: {reason}"] if reason else []), "", "For other details, see the local mail logfile"]
        text = [piece for line in lines for piece in wrapped(line)]
        self.post(self.sender, recipient.encode(), "".join(line + "\r\n" for line in head + text + tail).encode("utf-8", "replace"))

    def trouble(self, session: Any, line: bytes) -> None:
        """A reply of a session that is not recorded: reported if it is our own trouble, and not too often."""
        kind = blame(line, line.startswith(b"451 4.3.5"))
        if kind not in ("resource", "software") or kind not in self.classes or self.wanted or self.clock() < self._next:
            return
        self._next = self.clock() + PAUSE
        known = [b"In:  EHLO " + session.helo] if session.helo is not None else []
        if session.sender is not None:
            known.append(b"In:  MAIL FROM:<%b>" % session.sender)
        self.send(session.client.log_name, [*known, b"Out: " + line], "", False)


def wrapped(line: bytes) -> list[str]:
    """A line of the transcript as the notice has it: one blank before it, long ones folded."""
    pieces = textwrap.wrap(printable(line).decode("utf-8", "replace"), WIDTH, subsequent_indent=INDENT, break_long_words=False,
                           break_on_hyphens=False)
    return [" " + piece for piece in pieces] or [" "]
