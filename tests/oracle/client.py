"""Plain-Python twin of pyfix._core.client: the same dialogue from the RFCs, with lists and strings.

It works on a whole transcript at once and returns the trace: what was sent, what
happened, and the results; see tests/core/test_client.py for how the two are compared.
"""

import re

KEYWORDS = ("PIPELINING", "SIZE", "8BITMIME", "DSN", "SMTPUTF8", "STARTTLS", "AUTH")
LINE_LIMIT, REPLY_LINES, REPLY_BYTES = 2048, 100, 262144


def clean(line: bytes) -> str:
    """Printable text of a reply line, cut at the limit."""
    return "".join(chr(c) if 32 <= c < 127 else "?" for c in line)


class Reply:
    """One reply: code, enhanced code, one-line text, its lines."""

    def __init__(self, lines: list[bytes]) -> None:
        kept, size = [], 0
        for line in lines:
            if size >= LINE_LIMIT:
                break
            kept.append(clean(line))
            size += len(line) + (1 if size else 0)
        self.lines = kept if any(kept) else [""]
        while len(self.lines) > 1 and self.lines[0] == "":
            self.lines.pop(0)           # an empty reply so far takes no separator
        last = lines[-1]
        self.code = int(last[:3])
        found = re.match(rb"[245]\.[0-9]{1,3}\.[0-9]{1,3}(?=[ \t]|\Z)", last[4:].lstrip(b" "))
        self.dsn = found[0].decode() if found and found[0][:1] == last[:1] else ""
        if not self.dsn and self.code // 100 in (2, 4, 5):
            self.dsn = f"{self.code // 100}.0.0"
        self.text = " ".join(self.lines)


class Client:
    """One session with at most one message, run over everything the peer says."""

    def __init__(self, helo: bytes, lmtp: bool = False) -> None:
        self.helo, self.lmtp = helo, lmtp
        self.sent: list[bytes] = []
        self.features: set[str] = set()
        self.stage, self.failure = "greeting", ""
        self.results: list[tuple[str, str, int, str, str] | None] = []
        self.recipients: list[bytes] = []

    def run(self, data: bytes, sender: bytes, recipients: list[bytes]) -> None:
        """Feed the transcript; the message starts as soon as the session is ready."""
        self.sender, self.recipients = sender, recipients
        self.results = [None] * len(recipients)
        lines: list[bytes] = []
        size = 0
        for raw in re.findall(rb"[^\n]*\n|[^\n]+\Z", data):
            size += len(raw)
            if self.failure:
                return
            if size > REPLY_BYTES:
                self.failure = "protocol"
                return
            if not raw.endswith(b"\n"):
                return
            line = raw[:-1][:LINE_LIMIT].rstrip(b"\r")
            lines.append(line)
            if re.match(rb"[0-9]{3}(?: |\Z)", line):
                self.reply(Reply(lines))
                lines, size = [], 0
            elif len(lines) >= REPLY_LINES or ("PIPELINING" in self.features and not re.match(rb"[0-9]{3}-", line)):
                self.failure = "protocol"

    def say(self, *commands: bytes) -> None:
        self.sent += commands

    def reply(self, reply: Reply) -> None:
        getattr(self, "on_" + self.stage)(reply, reply.code // 100 == 2)

    def on_greeting(self, reply: Reply, good: bool) -> None:
        if not good:
            self.failure = "refused"
            return
        self.stage = "lhlo" if self.lmtp else "ehlo"
        self.say((b"LHLO " if self.lmtp else b"EHLO ") + self.helo)

    def on_ehlo(self, reply: Reply, good: bool) -> None:
        if good:
            for line in reply.lines[1:]:
                word = re.match(r"[^ =]*", line[4:])[0].upper()
                if word in KEYWORDS:
                    self.features.add(word)
            self.start()
        elif reply.code == 421 or self.lmtp:
            self.failure = "refused"
        else:
            self.stage = "helo"
            self.say(b"HELO " + self.helo)

    on_lhlo = on_ehlo

    def on_helo(self, reply: Reply, good: bool) -> None:
        if good:
            self.start()
        else:
            self.failure = "refused"

    def start(self) -> None:
        self.stage, self.index, self.refused = "mail", 0, False
        self.piped = "PIPELINING" in self.features
        self.say(b"MAIL FROM:<" + self.sender + b">" + (b" SIZE=0" if "SIZE" in self.features else b""))
        if self.piped:
            self.say(*[b"RCPT TO:<" + r + b">" for r in self.recipients], b"DATA")

    def settle(self, stage: str, reply: Reply, state: str = "failed") -> None:
        for i, result in enumerate(self.results):
            if result is None or result[0] == "accepted":
                self.results[i] = (state, stage, reply.code, reply.dsn, reply.text)

    def on_mail(self, reply: Reply, good: bool) -> None:
        self.stage = "rcpt"
        if not good:
            self.refused = True
            self.settle("mail", reply)
            if not self.piped:
                self.stage = "idle"
        elif not self.piped:
            self.say(b"RCPT TO:<" + self.recipients[0] + b">")

    def on_rcpt(self, reply: Reply, good: bool) -> None:
        if not self.refused:
            self.results[self.index] = (("accepted",) if good else ("failed", "rcpt", reply.code, reply.dsn, reply.text))
        self.index += 1
        if self.index < len(self.recipients):
            if not self.piped:
                self.say(b"RCPT TO:<" + self.recipients[self.index] + b">")
        elif self.piped or self.waiting():
            self.stage = "data"
            if not self.piped:
                self.say(b"DATA")
        else:
            self.stage = "idle"

    def waiting(self) -> list[int]:
        return [i for i, result in enumerate(self.results) if result is not None and result[0] == "accepted"]

    def on_data(self, reply: Reply, good: bool) -> None:
        if reply.code // 100 != 3:
            self.settle("data", reply)
            self.stage = "idle"
        elif self.waiting():
            self.stage = "dot"
            self.say(b"<content>")
        elif self.lmtp:
            self.stage = "idle"
        else:
            self.stage = "dot"
            self.say(b".")

    def on_dot(self, reply: Reply, good: bool) -> None:
        result = ("sent" if good else "failed", "dot", reply.code, reply.dsn, reply.text)
        for i in self.waiting()[:1 if self.lmtp else None]:
            self.results[i] = result
        if not self.waiting():
            self.stage = "idle"

    def on_idle(self, reply: Reply, good: bool) -> None:
        self.failure = "stale"
