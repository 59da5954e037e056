"""The stages: which list runs when, and what its outcome means (SMTPD_ACCESS_README; smtpd(8)).

The law: with smtpd_delay_reject the client, helo and sender lists run at RCPT, once for each
recipient, so that a refusal can name all there is to name. The relay list runs before the recipient list
and neither skips the other. What defers if nothing refuses is judged when both are
through; unknown users are refused last. "postmaster" without a domain is always heard.
"""

from collections.abc import Callable
from typing import Any

from pyfix import jail
from pyfix.access.engine import Engine
from pyfix.access.subject import Subject
from pyfix.access.verdict import (CLIENT, DATA, DUNNO, END_OF_DATA, ETRN, HELO, RECIPIENT, REJECT, SENDER, Stop,
                                  reject)
from pyfix.errors import ConfigError
from pyfix.resolve import FAIL, Resolver

# what can keep a relay closed; one of them has to be in the relay or the recipient list
GUARDS = ("reject_unauth_destination", "defer_unauth_destination", "reject", "defer", "defer_if_permit")
LISTS = ("client", "helo", "sender", "relay", "recipient", "data", "end_of_data", "etrn")


class Policy:
    """Access control of one configuration. Each stage answers None, or the reply line that refuses."""

    def __init__(self, config: Any, resolver: Resolver, warning: Callable[[bytes], None], guard: bool = True) -> None:
        self.engine = Engine(config, resolver, warning)
        self.lists = {name: config[f"smtpd_{name}_restrictions"] for name in LISTS}
        self.delay_reject = config.smtpd_delay_reject
        self.unlisted_recipient = config.smtpd_reject_unlisted_recipient \
            and "no_unknown_recipient_checks" not in config.words("receive_override_options")
        self.unlisted_sender = config.smtpd_reject_unlisted_sender
        self.relay_first = config.smtpd_relay_before_recipient_restrictions
        self.soft_bounce = config.soft_bounce
        self.prepare()
        if guard:
            self.require_guard()

    def require_guard(self) -> None:
        """Raises ConfigError where nothing at all keeps strangers from relaying: no list holds a restriction that could."""
        for which in ("relay", "recipient"):
            if any(step.name in GUARDS for step in self.engine.compiled(self.lists[which])):
                return
        raise ConfigError("in parameter smtpd_relay_restrictions or smtpd_recipient_restrictions, specify at least one "
                          "working instance of: " + ", ".join(GUARDS),
                          remedy="put reject_unauth_destination into smtpd_relay_restrictions")

    def prepare(self) -> None:
        """Compiles the lists and sees whether clients in mynetworks have a short way."""
        empty = all(not self.engine.compiled(self.lists[name]) for name in ("client", "helo", "sender"))
        self.short_way = (not self.unlisted_sender and not self.engine.permits and (empty or all(
            self.engine.permits_networks_first(self.lists[name]) for name in ("client", "helo", "sender"))) and all(
            self.engine.permits_networks_first(self.lists[name]) for name in ("relay", "recipient")))
        self.has = {name: bool(self.engine.compiled(self.lists[name])) for name in LISTS}
        self.has["sender"] = self.has["sender"] or self.unlisted_sender
        if jail.preparing:
            self.engine.open_tables(self.lists.values())

    # -- one list

    async def apply(self, subject: Subject, which: str, name: bytes, kind: bytes, shorthand: str) -> int:
        """Runs a list, with the flags that last for one list only set back."""
        subject.depth = subject.warn_if_reject = 0
        subject.defer_if_reject = None
        subject.soft_bounce = self.soft_bounce
        try:
            return await self.engine.run_text(subject, self.lists[which], name, kind, shorthand)
        except Stop as stop:
            return stop.args[0]
        finally:
            subject.depth = subject.warn_if_reject = 0

    def postponed(self, subject: Subject, status: int) -> int:
        """A deferral that waited for a refusal which did not come."""
        if status == REJECT or subject.defer_if_permit is None:
            return status
        deferral, subject.defer_if_permit = subject.defer_if_permit, None
        return reject(subject, *deferral)

    async def unlisted(self, subject: Subject, address: bytes, kind: bytes) -> int:
        """The implied check for unknown users."""
        try:
            return await self.engine.recipients.reject_unlisted(subject, address, kind)
        except Stop as stop:
            return stop.args[0]

    # -- the stages

    async def client(self, subject: Subject) -> bytes | None:
        """At connect."""
        subject.defer_if_permit = None
        status = await self.apply(subject, "client", subject.client, CLIENT, "check_client_access")
        subject.permit_marks[0] = subject.defer_if_permit
        return subject.reply if status == REJECT else None

    async def helo(self, subject: Subject) -> bytes | None:
        """At HELO or EHLO."""
        if subject.helo is None:
            subject.permit_marks[1] = subject.permit_marks[0]
            return None
        subject.defer_if_permit = subject.permit_marks[0]
        status = await self.apply(subject, "helo", subject.helo, HELO, "check_helo_access")
        subject.permit_marks[1] = subject.defer_if_permit
        return subject.reply if status == REJECT else None

    async def mail(self, subject: Subject) -> bytes | None:
        """At MAIL."""
        if subject.sender is None:
            subject.permit_marks[2] = subject.permit_marks[1]
            return None
        subject.defer_if_permit = subject.permit_marks[1]
        subject.checked_sender = False
        status = await self.apply(subject, "sender", subject.sender, SENDER, "check_sender_access")
        subject.permit_marks[2] = subject.defer_if_permit
        if status != REJECT and self.unlisted_sender and subject.sender and not subject.checked_sender \
                and not subject.discard:
            status = await self.unlisted(subject, subject.sender, SENDER)
        return subject.reply if status == REJECT else None

    async def rcpt(self, subject: Subject) -> bytes | None:
        """At RCPT and VRFY; `subject.recipient` is set."""
        recipient = subject.recipient
        if recipient is None or recipient.lower() == b"postmaster":
            return None
        subject.checked_recipient = False
        if self.delay_reject:
            refusal = await self.client(subject) or await self.helo(subject) or await self.mail(subject)
            if refusal:
                return refusal
        subject.defer_if_permit = subject.permit_marks[2]
        status = DUNNO
        for which in ("relay", "recipient") if self.relay_first else ("recipient", "relay"):
            status = await self.apply(subject, which, recipient, RECIPIENT, "check_recipient_access")
            if status == REJECT:
                return subject.reply
        status = self.postponed(subject, status)
        if status != REJECT and self.unlisted_recipient and not subject.checked_recipient and not subject.discard:
            status = await self.unlisted(subject, recipient, RECIPIENT)
        return subject.reply if status == REJECT else None

    async def etrn(self, subject: Subject) -> bytes | None:
        """At ETRN; `subject.etrn` is set."""
        if self.delay_reject:
            refusal = await self.client(subject) or await self.helo(subject)
            if refusal:
                return refusal
        subject.defer_if_permit = subject.permit_marks[1]
        status = await self.apply(subject, "etrn", subject.etrn, ETRN, "check_etrn_access")
        status = self.postponed(subject, status)
        return subject.reply if status == REJECT else None

    async def data(self, subject: Subject) -> bytes | None:
        """At DATA and the first BDAT."""
        return await self.late(subject, "data", b"DATA", DATA)

    async def end_of_data(self, subject: Subject) -> bytes | None:
        """When all content is here."""
        return await self.late(subject, "end_of_data", b"END-OF-MESSAGE", END_OF_DATA)

    async def late(self, subject: Subject, which: str, name: bytes, kind: bytes) -> bytes | None:
        subject.defer_if_permit = subject.permit_marks[2]
        status = self.postponed(subject, await self.apply(subject, which, name, kind, ""))
        return subject.reply if status == REJECT else None
