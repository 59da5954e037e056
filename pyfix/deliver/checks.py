"""smtp_header_checks and its like: what a message looks like on the wire may be changed line by line, and nothing else.

Law: header_checks(5) "FILTERS WHILE DELIVERING MAIL", postconf(5) smtp_header_checks, smtp_mime_header_checks,
smtp_nested_header_checks, smtp_body_checks (and lmtp_...). INFO, WARN, PREPEND, REPLACE, STRIP, IGNORE and DUNNO; the actions that decide about
the message as a whole make no sense here and are refused with a warning. A table that fails defers the delivery.
"""

from collections.abc import Iterator
from typing import Any

from pyfix._core import mime
from pyfix._core.chars import printable
from pyfix.errors import ConfigError, QueueError, TableError
from pyfix.filters.checks import action_of, misfit, table_number
from pyfix.maps.maplist import MapList

SUFFIXES = ("header_checks", "mime_header_checks", "nested_header_checks")       # by mime.MAIN, MULT, NEST
LOG_TEXT = 60           # bytes of a header or line that a log line shows
LOGGED = {b"WARN": "warning", b"INFO": "info", b"PREPEND": "prepend", b"REPLACE": "replace", b"STRIP": "strip"}
SILENT = (b"IGNORE", b"DUNNO", b"OK")


class Unchecked(QueueError):
    """A table could not say what is to become of a line."""


class Checks:
    """The tables of one client service under one configuration; false where it has none. `program`: "smtp" or "lmtp".

    Raises ConfigError for a table that asks another process: content is checked while it is sent.
    """

    def __init__(self, config: Any, log: Any, program: str = "smtp") -> None:
        self.log, self.config = log, config
        self.names = tuple(f"{program}_{suffix}" for suffix in (*SUFFIXES, "body_checks"))
        self.tables = tuple(MapList(config[name], config, name) for name in self.names)
        for name, tables in zip(self.names, self.tables):
            if not tables.local:
                raise ConfigError(f"{name}: a table that asks another process can't be used here",
                                  remedy="use pcre, regexp, hash or another file")

    def __bool__(self) -> bool:
        return any(self.tables)


class Checker:
    """One message on its way through the checks; `out` gathers what is left of it, `own` is its own header after them."""

    def __init__(self, checks: Checks, who: bytes, head: bytes | None = None) -> None:
        self.checks, self.who, self.out = checks, who, list[bytes]()
        self.head, self.own, self.in_head = head, b"", True
        config = checks.config
        self.state = mime.MimeState(self, config.header_size_limit, config.mime_nesting_limit, config.mime_boundary_length_limit,
                                    config.line_length_limit, bool(checks.tables[3]), True)

    def take(self) -> bytes:
        """What has come out since the last time."""
        data, self.out = b"".join(self.out), []
        return data

    # -- what the MIME state tells

    def header(self, kind: int, text: bytes, offset: int) -> None:
        """A logical header, LF between its lines."""
        if self.head is not None and self.in_head:
            return
        kept = self.judge(table_number(kind, text), "header", text)
        if kept is not None:
            self.out.append(kept.replace(b"\n", b"\r\n") + b"\r\n")

    def header_end(self) -> None:
        """The message's own header is over."""
        if self.head is not None:
            self.out.append(self.head)
        self.own, self.in_head = b"".join(self.out), False

    def body(self, text: bytes, more: bool, offset: int) -> None:
        """A body line, or a piece of one; an empty line is shown to nobody."""
        kept = self.judge(3, "body", text) if text else text
        if kept is not None:
            self.out.append(kept if more else kept + b"\r\n")

    def raw(self, data: bytes) -> None:
        """Body lines that nobody wants to see."""
        self.out.append(data)

    def trouble(self, kind: int, text: bytes) -> None:
        """Breaks of MIME's rules are no matter here."""

    # -- judgement

    def judge(self, number: int, what: str, text: bytes) -> bytes | None:
        """What is left of a header or line; None: nothing. Raises Unchecked."""
        tables, name = self.checks.tables[number], self.checks.names[number]
        try:
            value = tables.get(text) if tables else None
        except TableError as error:
            self.checks.log.warning(f"{error}")
            self.checks.log.warning(f"{self.who.decode()}: smtp {what} checks lookup error")
            raise Unchecked(f"{name}: {error}") from None
        if value is None:
            return text
        return self.act(*action_of(value), name, what, text, value)

    def act(self, word: bytes, argument: bytes, name: str, what: str, text: bytes, value: bytes) -> bytes | None:
        """Do what a table says."""
        if word not in LOGGED and word not in SILENT:
            self.checks.log.warning(f"unsupported command in {name} map: {value.decode('utf-8', 'replace')}")
            return text
        trouble = misfit(word.decode(), argument, name, what) if word in (b"PREPEND", b"REPLACE") else ""
        if trouble:
            self.checks.log.warning(trouble)
            return text
        if word in LOGGED:
            self.tell(LOGGED[word], what, text, argument)
        if word == b"PREPEND":
            self.out.append(argument + b"\r\n")
        if word == b"REPLACE":
            return argument
        return None if word in (b"STRIP", b"IGNORE") else text

    def tell(self, action: str, what: str, text: bytes, argument: bytes) -> None:
        """Log what an action does."""
        shown = f"{self.who.decode()}: {action}: {what} {printable(text[:LOG_TEXT]).decode()}"
        self.checks.log.info(shown + (f": {printable(argument).decode()}" if argument else ""))


class CheckedContent:
    """Content as the checks leave it, made piece by piece; each attempt to send it runs them again, as in smtp(8).

    `head`: what stands in place of the message's own header, which the checks have seen already; None: they see to it.
    `unchecked`: a table failed.
    """

    data = None

    def __init__(self, content: Any, checks: Checks, who: bytes, head: bytes | None = None) -> None:
        self.content, self.checks, self.who, self.head = content, checks, who, head
        self.size, self.unchecked = content.size, False

    def with_head(self, head: bytes) -> "CheckedContent":
        """The same with another header."""
        return CheckedContent(self.content, self.checks, self.who, head)

    def header(self) -> bytes:
        """The message's own header as the checks leave it. Raises Unchecked."""
        checker = Checker(self.checks, self.who)
        for piece in lines_of(self.content):
            checker.state.feed(piece)
            if not checker.in_head:
                break
        else:
            checker.state.finish()
        return checker.own

    def pieces(self) -> Iterator[bytes]:
        """The content as it is sent. Raises Unchecked."""
        checker = Checker(self.checks, self.who, self.head)
        try:
            for piece in self.content.pieces():
                for at in range(0, len(piece), 65536):
                    checker.state.feed(bytes(piece[at:at + 65536]))
                    out = checker.take()
                    if out:
                        yield out
            checker.state.finish()
        except Unchecked:
            self.unchecked = True
            raise
        yield checker.take()


def lines_of(content: Any) -> Iterator[bytes]:
    """The content line by line."""
    rest = b""
    for piece in content.pieces():
        *lines, rest = (rest + bytes(piece)).split(b"\n")
        yield from (line + b"\n" for line in lines)
    if rest:
        yield rest
