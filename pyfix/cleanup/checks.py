"""Header and body checks: each logical header and body line is shown to its table, and the table says what becomes of it.

Law: header_checks(5), cleanup(8), postconf(5) header_checks, mime_header_checks, nested_header_checks, body_checks,
body_checks_size_limit and the strict_ MIME parameters. The first REJECT, DISCARD or PASS ends all checks of a message.
A table that fails refuses the message for now. Nothing here runs where no table is configured.
"""

from collections.abc import Callable
from typing import Any

from pyfix._core import mime
from pyfix._core.chars import printable
from pyfix.cleanup.checkactions import ACTIONS
from pyfix.cleanup.shown import addresses
from pyfix.errors import TableError
from pyfix.filters.checks import action_of, table_number
from pyfix.maps import MapList
from pyfix.model import HAS_8BIT, HAS_DOT_LINE, Reply

TABLES = ("header_checks", "mime_header_checks", "nested_header_checks")     # by mime.MAIN, MULT, NEST
LOG_TEXT, LOG_TROUBLE = 200, 100
FAILED = Reply(451, "4.3.0", "Error: queue file write error")
TROUBLE = {mime.NESTING: b"MIME nesting exceeds safety limit", mime.HEADER_LENGTH: b"message header length exceeds safety limit",
           mime.HEADER_8BIT: b"improper use of 8-bit data in message header",
           mime.BODY_8BIT: b"improper use of 8-bit data in message body",
           mime.DOMAIN: b"invalid message/* or multipart/* encoding domain"}


class Checks:
    """The checks of one configuration."""

    def __init__(self, config: Any, log: Any) -> None:
        self.log, self.config = log, config
        self.headers = tuple(MapList(config[name], config, name) for name in TABLES)
        self.body = MapList(config["body_checks"], config, "body_checks")
        self.body_limit = config.body_checks_size_limit
        self.strict = strictness(config)
        if self.strict or any(self.headers):
            self.strict |= mime.NESTING
        self.any = bool(any(self.headers) or self.body or self.strict)

    @classmethod
    def of(cls, config: Any, log: Any) -> "Checks | None":
        """The Checks of a configuration; None where it asks for none."""
        checks = cls(config, log)
        return checks if checks.any else None

    def begin(self, intake: Any, out: Callable[[bytes], None]) -> "Checker":
        """The checks of one message; what is left of its content goes to `out`."""
        return Checker(self, intake, out)


def strictness(config: Any) -> int:
    """The kinds of MIME trouble that refuse a message."""
    kinds = 0
    if config.strict_7bit_headers or config.strict_8bitmime:
        kinds |= mime.HEADER_8BIT
    if config.strict_8bitmime_body or config.strict_8bitmime:
        kinds |= mime.BODY_8BIT
    if config.strict_mime_encoding_domain:
        kinds |= mime.DOMAIN
    return kinds


class Checker:
    """One message on its way through the checks. `hops`: its Received headers; `flags`: model.HAS_* of what was put in."""

    def __init__(self, checks: Checks, intake: Any, out: Callable[[bytes], None]) -> None:
        self.checks, self.intake, self.out = checks, intake, out
        self.hops = self.flags = 0
        self.active = True
        config = checks.config
        self.state = mime.MimeState(self, config.header_size_limit, config.mime_nesting_limit,
                                    config.mime_boundary_length_limit, config.line_length_limit,
                                    bool(checks.body), not config.disable_mime_input_processing)

    def feed(self, data: bytes) -> None:
        """The next bytes of content, CRLF line ends."""
        self.state.feed(data)

    def finish(self) -> None:
        """All content is here."""
        self.state.finish()
        if self.state.declared:
            self.intake.encoding = "8bit"

    # -- what the MIME state tells

    def header(self, kind: int, text: bytes, offset: int) -> None:
        """A logical header, LF between its lines."""
        if kind == mime.MAIN and text[:8].lower() == b"received" and text[8:].lstrip(b" \t").startswith(b":"):
            self.hops += 1
        if self.active:
            number = table_number(kind, text)
            kept = self.judge(self.checks.headers[number], TABLES[number], "header", text)
        else:
            kept = text
        if kept is not None:
            self.put(kept)

    def header_end(self) -> None:
        """The message's own header is over: what is to be said of it is said before what is found in the body."""
        self.intake.header_over()

    def body(self, text: bytes, more: bool, offset: int) -> None:
        """A body line, or a piece of one."""
        limit = self.checks.body_limit
        kept: bytes | None = text
        if self.active and text and (not limit or offset < limit):
            kept = self.judge(self.checks.body, "body_checks", "body", text)
        if kept is not None:
            self.out(kept if more else kept + b"\r\n")

    def raw(self, data: bytes) -> None:
        """Body lines that nobody wants to see."""
        self.out(data)

    def trouble(self, kind: int, text: bytes) -> None:
        """The message breaks a rule of MIME."""
        if kind & self.checks.strict and not self.intake.error:
            what = TROUBLE[kind]
            self.refuse(Reply(550, "5.6.0", what.decode()))
            described = self.intake.origin.described.encode()
            self.checks.log.info(b"%b: reject: mime-error %b: %b from %b; %b" % (
                self.intake.queue_id, what, printable(text[:LOG_TROUBLE]), described, addresses(self.intake)))

    # -- judgement

    def put(self, text: bytes) -> None:
        """Keeps a header."""
        self.out(text.replace(b"\n", b"\r\n") + b"\r\n")

    def insert(self, text: bytes) -> bytes:
        """Text that an action brings in, as content: no line ends of its own."""
        if text.startswith(b"."):
            self.flags |= HAS_DOT_LINE
        if not text.isascii():
            self.flags |= HAS_8BIT
        return text

    def judge(self, table: MapList, name: str, what: str, text: bytes) -> bytes | None:
        """What is left of a header or a line; None: nothing."""
        if not table:
            return text
        try:
            if not table.local:
                raise TableError(name, "a table that asks another process can't be used here: use regexp, pcre or another file")
            value = table.get(text)
        except TableError as error:
            self.warn(f"{self.intake.queue_id.decode()}: {name} map lookup problem -- message not accepted, try again later: {error}")
            self.refuse(FAILED)
            return text
        if value is None:
            return text
        word, argument = action_of(value)
        action = ACTIONS.get(word)
        if action is None:
            self.warn(f"unknown command in {name} map: {value.decode('utf-8', 'replace')}")
            return text
        return action(self, name, what, text, argument)

    def warn(self, text: str) -> None:
        """A mistake in a table."""
        self.checks.log.warning(text)

    def refuse(self, reply: Reply) -> None:
        """The message will not be taken; nothing more is checked."""
        self.active, self.intake.error, self.intake.reply = False, "checks", reply

    def actions(self) -> dict[str, Any]:
        """The message's actions, to add to."""
        if self.intake.actions is None:
            self.intake.actions = {}
        return self.intake.actions

    def tell(self, action: str, what: str, text: bytes, argument: bytes = b"") -> None:
        """Logs what an action does."""
        intake = self.intake
        attributes = intake.origin.attributes
        line = b"%b: %b: %b %b from %b;" % (intake.queue_id, action.encode(), what.encode(), printable(text[:LOG_TEXT]),
                                           intake.origin.described.encode())
        line += b" " + addresses(intake)
        for name, shown in (("protocol", b"proto=%b"), ("helo", b"helo=<%b>")):
            if attributes.get(name) and intake.origin.uid < 0:
                line += b" " + shown % attributes[name].encode()
        self.checks.log.info(line + (b": " + argument if argument else b""))
