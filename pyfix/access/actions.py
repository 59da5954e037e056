"""The right-hand side of an access table: access(5), ACCEPT, REJECT and OTHER ACTIONS.

The law: the first word decides; what is no action is a restriction list; a table in a result is a mistake
in the configuration, and a mistake is answered 451, never taken for "yes".
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from pyfix.access.subject import Subject
from pyfix.access.verdict import (DUNNO, END_OF_DATA, OK, defer_if_permit, defer_if_reject, fix_dsn, log_event, reject,
                                  server_error, split_dsn)

if TYPE_CHECKING:
    from pyfix.access.engine import Engine


class Result:
    """One table entry that was found: `table` "type:name", `key` what was looked for, `name` and `kind` for the reply."""

    __slots__ = ("engine", "key", "kind", "name", "shorthand", "subject", "table", "text", "value")

    def __init__(self, engine: "Engine", subject: Subject, table: bytes, key: bytes, value: bytes, name: bytes,
                 kind: bytes, shorthand: str) -> None:
        self.engine, self.subject, self.table, self.key = engine, subject, table, key
        self.value, self.name, self.kind, self.shorthand = value, name, kind, shorthand
        self.text = b""

    async def act(self) -> int:
        """Does what the entry says."""
        value = self.value.strip(b" \t")
        word, _, text = value.replace(b"\t", b" ").partition(b" ")
        self.text = text.strip(b" ")
        action = ACTIONS.get(word.upper())
        if action is not None or value.isdigit():
            status = action(self) if action is not None else OK
            if status == OK and self.engine.permits:
                self.engine.permits.tell(self.subject, word, self.kind, self.name, self.table)
            return status
        if value[:3].isdigit() and value[:1] in (b"4", b"5") and not value[3:4].isdigit():
            self.text = value[3:].strip(b" \t")
            return self.refuse(int(value[:3]), b"%c.7.1" % value[0], b"Access denied")
        return await self.restrictions(value)

    async def restrictions(self, value: bytes) -> int:
        """A list of restrictions in the place of an action."""
        if b":" in value:
            self.warn(b"access table %b entry %b has entry with lookup table: %b" % (self.table, self.key, value))
            raise server_error(self.subject)
        if not value:
            self.warn(b"access table %b entry %b has empty value" % (self.table, self.key))
            return OK
        return await self.engine.run_text(self.subject, value.decode("utf-8", "surrogateescape"), self.name, self.kind,
                                          self.shorthand)

    def warn(self, text: bytes) -> None:
        """A warning for the administrator."""
        self.subject.warning(text)

    def entry(self) -> bytes:
        """How a warning names the entry."""
        return b'access table %b entry "%b"' % (self.table, self.key)

    def refuse(self, code: int, dsn: bytes, default: bytes, how: Callable[..., int] = reject) -> int:
        """A refusal of any sort with the entry's text, or `default`."""
        dsn, text = split_dsn(dsn, self.text)
        dsn = fix_dsn(dsn, self.kind, self.subject.info)
        return how(self.subject, code, dsn, b"<%b>: %b rejected: %b" % (self.name, self.kind, text or default))

    def tell(self, event: bytes, text: bytes) -> None:
        """Logs what an action does."""
        log_event(self.subject, event, b"<%b>: %b %b" % (self.name, self.kind, text))


def do_reject(result: Result) -> int:
    """REJECT, and the 5xx actions without a code of their own."""
    return result.refuse(result.engine.reject_code, b"5.7.1", b"Access denied")


def do_defer(result: Result) -> int:
    """DEFER."""
    return result.refuse(result.engine.defer_code, b"4.7.1", b"Access denied")


def do_defer_if_permit(result: Result) -> int:
    """DEFER_IF_PERMIT: deferred where a later restriction would permit."""
    return result.refuse(result.engine.defer_code, b"4.7.1", b"Service unavailable", defer_if_permit)


def do_defer_if_reject(result: Result) -> int:
    """DEFER_IF_REJECT: deferred where a later restriction would refuse."""
    return result.refuse(result.engine.defer_code, b"4.7.1", b"Service unavailable", defer_if_reject)


def do_dunno(result: Result) -> int:
    """DUNNO: as if the key had not been found."""
    return DUNNO


def do_ok(result: Result) -> int:
    """OK: permitted, as far as this list goes."""
    return OK


def do_filter(result: Result) -> int:
    """FILTER transport:destination, of the whole message."""
    if not result.text:
        result.warn(result.entry() + b" has FILTER entry without value")
    elif b":" not in result.text:
        result.warn(result.entry() + b" requires transport:destination")
    else:
        result.tell(b"filter", b"triggers FILTER " + result.text)
        result.subject.actions["filter"] = result.text
    return DUNNO


def do_hold(result: Result) -> int:
    """HOLD, of the whole message."""
    result.tell(b"hold", result.text or b"triggers HOLD action")
    result.subject.actions["hold"] = True
    return DUNNO


def do_discard(result: Result) -> int:
    """DISCARD: accepted and thrown away."""
    result.tell(b"discard", result.text or b"triggers DISCARD action")
    result.subject.actions["discard"] = result.subject.discard = True
    return OK


def do_redirect(result: Result) -> int:
    """REDIRECT user@domain, of the whole message."""
    if b"@" not in result.text:
        result.warn(result.entry() + b" requires user@domain target")
    else:
        result.tell(b"redirect", b"triggers REDIRECT " + result.text)
        result.subject.actions["redirect"] = result.text
    return DUNNO


def do_bcc(result: Result) -> int:
    """BCC user@domain."""
    if b"@" not in result.text:
        result.warn(result.entry() + b" requires user@domain target")
    else:
        result.tell(b"bcc", b"triggers BCC " + result.text)
        result.subject.actions.setdefault("bcc", []).append(result.text)
    return DUNNO


def do_info(result: Result) -> int:
    """INFO: a log line, no decision."""
    result.tell(b"info", result.text)
    return DUNNO


def do_warn(result: Result) -> int:
    """WARN: a log line, no decision."""
    result.tell(b"warn", result.text)
    return DUNNO


def do_prepend(result: Result) -> int:
    """PREPEND a header field."""
    if result.kind == END_OF_DATA:
        result.warn(result.entry() + b" PREPEND must be used before the end of data")
    elif not result.text:
        result.warn(result.entry() + b" has PREPEND entry without text")
    else:
        result.subject.actions.setdefault("prepend", []).append(result.text)
    return DUNNO


ACTIONS: dict[bytes, Callable[[Result], int]] = {
    b"OK": do_ok, b"RELAY": do_ok, b"DUNNO": do_dunno, b"REJECT": do_reject, b"DEFER": do_defer,
    b"DEFER_IF_PERMIT": do_defer_if_permit, b"DEFER_IF_REJECT": do_defer_if_reject, b"FILTER": do_filter,
    b"HOLD": do_hold, b"DISCARD": do_discard, b"REDIRECT": do_redirect, b"BCC": do_bcc, b"INFO": do_info,
    b"WARN": do_warn, b"PREPEND": do_prepend,
}
