"""milter_header_checks: headers that milters add or change are shown to a table of its own (postconf(5)).

Law: the actions and their texts are those of header_checks(5), the log says milter-header-ACTION. A header that is thrown away
with the message (DISCARD) is not put in; one that refuses it is. Source: header_checks(5), postconf(5) milter_header_checks.
"""

from typing import Any

from pyfix._core.chars import printable
from pyfix.cleanup.checks import Checker
from pyfix.cleanup.shown import addresses
from pyfix.maps import MapList

NAME = "milter_header_checks"
LOG_TEXT = 60


class MilterChecks(Checker):
    """The checks of one message. `intake`: as for Checker; its actions, error and reply get what the table says."""

    def __init__(self, table: MapList, log: Any, intake: Any) -> None:
        self.table, self.log, self.intake = table, log, intake
        self.flags = 0
        self.active = True
        self._before: list[bytes] = []
        #: who gets a copy because of the header judged last (BCC): a recipient as any, unlike those of header_checks
        self.copies: list[bytes] = []

    def judged(self, text: bytes, old: list[bytes]) -> list[bytes]:
        """The headers to put in for a new one, in the place of `old`; those are kept where the message is thrown away."""
        self.copies = []
        if not self.active:
            return [text]
        self._before = []
        earlier = self.actions().pop("bcc", [])
        kept = self.judge(self.table, NAME, "header", text)
        self.copies = self.actions().pop("bcc", [])
        if earlier:
            self.actions()["bcc"] = earlier
        if self.actions().get("discard"):
            return old
        return self._before if kept is None else [*self._before, kept]

    def out(self, data: bytes) -> None:  # type: ignore[override]
        """A header that PREPEND brings in."""
        self._before.append(data.removesuffix(b"\r\n"))

    def warn(self, text: str) -> None:
        """A mistake in the table."""
        self.log.warning(text)

    def tell(self, action: str, what: str, text: bytes, argument: bytes = b"") -> None:
        """Logs what an action does."""
        intake = self.intake
        attributes = intake.origin.attributes
        line = b"%b: milter-header-%b: header %b from %b; %b" % (
            intake.queue_id, action.encode(), printable(text[:LOG_TEXT]), intake.origin.described.encode(), addresses(intake))
        for name, shown in (("protocol", b" proto=%b"), ("helo", b" helo=<%b>")):
            if attributes.get(name):
                line += shown % attributes[name].encode()
        self.log.info(line + b": " + argument)
