"""Who is told what, and that it is in the queue before the original goes on. Manual pages: bounce(8), RFC 3461.

The law: a notification has the null sender, so it makes no other; what bounces from the null sender
goes to 2bounce_notice_recipient from double_bounce_sender, if notify_classes asks for it; what bounces
from double_bounce_sender is dropped with a warning. `queue` calls back only when the reports to the
sender are committed (or say which could not be).
"""

import time
from collections.abc import Callable
from typing import Any

from pyfix import model
from pyfix.bounce import report, template
from pyfix.errors import ConfigError, PyfixError
from pyfix.model import Envelope
from pyfix.resolve import verp

Wanted = list[tuple[str, list[Any]]]
Done = Callable[[set[str]], None]

NAMES = {"failure": "non-delivery", "delay": "delay", "success": "delivery status", "verify": "delivery status"}
_ACTION_OF = {"failure": "failed", "delay": "delayed", "relayed": "relayed", "delivered": "delivered",
              "expanded": "expanded", "sent": "delivered", "cleared": "relayed",
              "deliverable": "deliverable", "undeliverable": "undeliverable", "failed": "failed", "delayed": "delayed"}
_ASKED = {"failure": model.NOTIFY_FAILURE, "delay": model.NOTIFY_DELAY, "success": model.NOTIFY_SUCCESS}
_MAILER = b"MAILER-DAEMON"


class Reports:
    """Makes notifications and gives them to `submit(sender, recipient, content, tell, flags=0)`.

    `submit` queues one message and calls tell(queue id or None) when it is committed or can't be;
    `reader` opens originals; `log` writes as postfix/bounce; `clock.now()` is in microseconds.
    """

    def __init__(self, config: Any, reader: Any, submit: Callable[..., None], log: Any, clock: Any) -> None:
        self.reader, self.submit, self.log, self.clock = reader, submit, log, clock
        self.configure(config)

    def configure(self, config: Any) -> None:
        """Read the parameters and templates anew; a bad template file leaves the built-in ones, loudly."""
        self.config = config
        try:
            found = template.load(config, config["bounce_template_file"], self.log.warning)
            self.templates = template.checked(found, config, self.log.warning)
        except ConfigError as error:
            self.log.warning(str(error))
            self.log.warning("bounce_template_file is not used; built-in templates are")
            self.templates = template.built_in(config)
        self.classes = frozenset(config["notify_classes"].replace(",", " ").split())
        self.double_bounce = f"{config['double_bounce_sender']}@{config['myhostname']}".encode()

    # -- decisions ------------------------------------------------------------------------

    def queue(self, message: Any, envelope: Envelope, wanted: Wanted, done: Done) -> None:
        """Report the outcomes in `wanted` [(kind, [(index, ..., dsn, text)]), ...]; done(kinds that failed)."""
        jobs = []
        for kind, outcomes in wanted:
            jobs += self._letters(kind, envelope, outcomes)
        waiting, failed = len(jobs), set()

        def told(kind: str, vital: bool, label: str, queue_id: bytes | None) -> None:
            nonlocal waiting
            waiting -= 1
            if queue_id is not None:
                self.log.info(f"{envelope.queue_id.decode()}: {label} notification: {queue_id.decode()}")
            elif vital:
                failed.add(kind)
            if not waiting:
                done(failed)

        if not jobs:
            done(failed)
        for kind, vital, label, sender, to, make in jobs:
            tell = lambda queue_id, kind=kind, vital=vital, label=label: told(kind, vital, label, queue_id)  # noqa: E731
            try:
                content = make(message, envelope)
            except (PyfixError, OSError) as error:
                self.log.warning(f"{envelope.queue_id.decode()}: can't make a {label} notification: {error}")
                tell(None)
            else:
                self.submit(sender, to, content, tell, envelope.flags & model.SMTPUTF8)

    def notice(self, subject: str, text: str) -> None:
        """A letter to the postmaster about trouble that no message is to blame for; from the double bounce address, so it makes no other."""
        recipient = self.config["error_notice_recipient"]
        head = (f"From: {self.templates['failure'].sender}\r\nTo: Postmaster <{recipient}>\r\n"
                f"Subject: {''.join(char if char.isprintable() else '?' for char in subject)}\r\n\r\n")
        self.submit(self.double_bounce, recipient.encode(), (head + text).encode("utf-8", "replace"), lambda queue_id: None)

    def _letters(self, kind: str, envelope: Envelope, outcomes: list[Any]) -> list[tuple[Any, ...]]:
        """(kind, must be queued, label, sender, recipient, maker) of each letter to be sent."""
        name, config = NAMES[kind], self.config
        if envelope.sender.lower() == self.double_bounce.lower():
            if kind == "failure":
                self.log.warning(f"{envelope.queue_id.decode()}: undeliverable postmaster notification discarded")
            return []
        items = [self._item(kind, envelope, outcome) for outcome in outcomes]
        if not envelope.sender:
            if kind != "failure" or not self.classes & {"bounce", "2bounce"}:
                return []
            to = config["2bounce_notice_recipient"].encode()
            return [(kind, True, f"postmaster {name}", self.double_bounce, to, self._maker(kind, items, to, True))]
        letters = [(kind, True, f"sender {name}", b"", to, self._maker(kind, part, to, False))
                   for to, part in self._senders(kind, envelope, items, outcomes)]
        copy = {"failure": "bounce", "delay": "delay"}.get(kind)
        if copy in self.classes:
            to = config[f"{copy}_notice_recipient"].encode()
            letters.append((kind, False, f"postmaster {name}", self.double_bounce, to,
                            self._maker(kind, items, to, True)))
        return letters

    def _senders(self, kind: str, envelope: Envelope, items: list[report.Item], outcomes: list[Any]) -> list[tuple[bytes, list[report.Item]]]:
        """Who is told of what: the sender of all of it, of a failure with VERP each recipient's own sender of that one."""
        told = [(outcome[0], item) for outcome, item in zip(outcomes, items, strict=True)
                if outcome[1] == "cleared" or asked(envelope.recipients[outcome[0]].notify, kind)]
        if kind != "failure" or not envelope.flags & model.VERP or self.config.disable_verp_bounces:
            return [(envelope.sender, [item for _, item in told])] if told else []
        return [(verp.sender_of(envelope, index), [item]) for index, item in told]

    def _item(self, kind: str, envelope: Envelope, outcome: Any) -> report.Item:
        recipient, (*_, dsn, reason) = envelope.recipients[outcome[0]], outcome
        action = _ACTION_OF[kind if kind not in ("success", "verify") else outcome[1]]
        remote, diagnostic = report.diagnosis(reason)
        orcpt = recipient.orcpt or b"rfc822;" + (recipient.original or recipient.address)
        return report.Item(recipient.address, recipient.original, orcpt, action, dsn, reason, remote, diagnostic)

    def _maker(self, kind: str, items: list[report.Item], to: bytes, postmaster: bool) -> Callable[..., bytes]:
        return lambda message, envelope: self._make(kind, items, to, postmaster, message, envelope)

    # -- making ---------------------------------------------------------------------------

    def _make(self, kind: str, items: list[report.Item], to: bytes, postmaster: bool, message: Any,
              envelope: Envelope) -> bytes:
        config, now = self.config, self.clock.now()
        headers_only = self._headers_only(kind, postmaster, envelope)
        original = self._original(message, headers_only)
        known = header_values(original) if config["enable_threaded_bounces"] == "yes" else {}
        seven_bit = envelope.attributes.get("encoding") == "7bit" and original.isascii()
        about = report.About(
            envelope.queue_id.decode(), envelope.sender or _MAILER + b"@" + config["myhostname"].encode(), envelope.envid, date(envelope.arrival), config["myhostname"],
            config["mail_name"], headers_only, seven_bit, bool(envelope.flags & model.SMTPUTF8),
            date(envelope.arrival + config.maximal_queue_lifetime * 1_000_000) if kind == "delay" else "",
            bool(known), known.get(b"message-id", b""), known.get(b"references", b""), postmaster)
        chosen = self.templates[kind]
        text = "" if postmaster else template.expand(chosen, config, self.log.warning)
        subject = chosen.postmaster_subject if postmaster else chosen.subject
        boundary = f"{about.queue_id}.{now // 1_000_000}/{about.hostname}"
        to = to if b"@" in to else to + b"@" + config["myorigin"].encode()
        return report.build(about, items, subject, self._from(chosen), to, chosen.charset, text, boundary, original, kind)

    def _headers_only(self, kind: str, postmaster: bool, envelope: Envelope) -> bool:
        limit = self.config.bounce_size_limit
        if kind != "failure" or envelope.ret == model.RET_HEADERS or postmaster and envelope.sender:
            return True
        return 0 < limit < envelope.size

    def _original(self, message: Any, headers_only: bool) -> bytes:
        _, content = self.reader.open(model.Place(message.segment, message.offset, message.length))
        data = bytes(content)
        return data[:report.header_end(data)] if headers_only else data

    def _from(self, chosen: template.Template) -> bytes:
        """The From: header's value, its bare MAILER-DAEMON made complete."""
        full = _MAILER + b"@" + self.config["myorigin"].encode()
        value = chosen.sender.encode()
        return value.replace(_MAILER, full, 1) if _MAILER in value and _MAILER + b"@" not in value else value


def asked(notify: int, kind: str) -> bool:
    """Does NOTIFY= (0: not given) ask for this kind of report? One about a message that was only looked at was asked for."""
    if kind == "verify":
        return True
    if not notify:
        return kind in ("failure", "delay")
    return bool(notify & _ASKED[kind]) and not notify & model.NOTIFY_NEVER


def date(microseconds: int) -> str:
    """A time as RFC 5322 has it, with the zone's name as Postfix writes it."""
    local = time.localtime(microseconds // 1_000_000)
    return time.strftime("%a, %e %b %Y %H:%M:%S %z (%Z)", local)


def header_values(content: bytes) -> dict[bytes, bytes]:
    """Unfolded Message-Id: and References: of a message."""
    values: dict[bytes, bytes] = {}
    name = b""
    for line in content[:report.header_end(content)].split(b"\r\n"):
        if line[:1] in (b" ", b"\t") and name in values:
            values[name] += b" " + line.strip()
        else:
            name, _, value = line.partition(b":")
            name = name.strip().lower()
            if name in (b"message-id", b"references"):
                values[name] = value.strip()
    return {key: b" ".join(value.split()) for key, value in values.items()}
