"""Access tables: which keys are tried, in which order (access(5), EMAIL, HOST NAME AND ADDRESS PATTERNS).

The law: the whole key may meet any table, a part of it only tables with fixed keys; a table
that fails is 451, never "not found". An OK for a recipient that hides a route becomes
nothing, for who knows where it leads.
"""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING

from pyfix._core.address import strip_extension
from pyfix.access.actions import Result
from pyfix.access.subject import Subject
from pyfix.access.verdict import DUNNO, OK, RECIPIENT, lookup_error
from pyfix.errors import TableError
from pyfix.maps import Table
from pyfix.resolve import FAIL, ROUTED

if TYPE_CHECKING:
    from pyfix.access.engine import Engine

Key = tuple[bytes, bool]        # and: is it the whole of what was asked?
FAILED = b"451 4.3.5 Server configuration error"


class Access:
    """An access table in use by a restriction; `title` is "type:name" as main.cf has it."""

    def __init__(self, engine: "Engine", table: Table, title: str) -> None:
        self.engine, self.table, self.title = engine, table, title.encode()

    async def first(self, keys: Iterator[Key]) -> tuple[bytes, bytes] | None:
        """(key, value) of the first key in the table, None if there is none."""
        table = self.table
        for key, whole in keys:
            if not whole and not table.fixed:
                continue
            try:
                value = table.get(key) if table.local else await table.lookup(key)
            except TableError:
                return key, FAILED + b"\0"
            if value is not None:
                return key, value
        return None

    async def check(self, subject: Subject, keys: Iterator[Key], datum: bytes, name: bytes, kind: bytes,
                    shorthand: str) -> int | None:
        """What the first entry found says; None where there is none."""
        found = await self.first(keys)
        if found is None:
            return None
        key, value = found
        if value.endswith(b"\0"):
            subject.warning(b'%b lookup error for "%b"' % (self.title, key))
            value = FAILED
        return await Result(self.engine, subject, self.title, datum, value, name, kind, shorthand).act()

    async def check_client(self, subject: Subject, name: bytes, shown: bytes, kind: bytes, shorthand: str) -> int:
        """A host's name and parent domains, then its address and networks."""
        for keys, datum in ((self.engine.domain_keys(name, True), name), (address_keys(subject.address), subject.address)):
            status = await self.check(subject, keys, datum, shown, kind, shorthand)
            if status is not None:
                return status
        return DUNNO

    async def check_domain(self, subject: Subject, domain: bytes, kind: bytes, shorthand: str) -> int:
        """A domain and its parents."""
        return await self.check(subject, self.engine.domain_keys(domain, True), domain, domain, kind, shorthand) or DUNNO

    async def check_key(self, subject: Subject, key: bytes, name: bytes, kind: bytes, shorthand: str) -> int:
        """One key as it is."""
        return await self.check(subject, iter([(key.lower(), True)]), name, name, kind, shorthand) or DUNNO

    async def check_address(self, subject: Subject, address: bytes, kind: bytes, shorthand: str) -> int:
        """user+ext@domain, user@domain, domain and parents, user+ext@, user@."""
        resolution = await self.engine.resolve(address, subject.sender or b"")
        if resolution.flags & FAIL:
            raise lookup_error(subject, address)
        if b"@" not in resolution.recipient:
            subject.warning(b"no @domain in address: " + resolution.recipient)
            return DUNNO
        status = await self.check(subject, self.engine.mail_keys(resolution.recipient), address, address, kind, shorthand)
        if status == OK and kind == RECIPIENT and resolution.flags & ROUTED and not self.engine.allow_untrusted_routing:
            return DUNNO
        return status or DUNNO


def address_keys(address: bytes) -> Iterator[Key]:
    """1.2.3.4, 1.2.3, 1.2, 1; the same at the colons of IPv6."""
    mark = b":" if b":" in address else b"."
    yield address, True
    while mark in address:
        address = address.rpartition(mark)[0]
        if mark == b":" and address.endswith(b":") and not address.rstrip(b":"):
            return
        yield address, False


def parent_keys(domain: bytes, dotted: bool, whole: bool) -> Iterator[Key]:
    """sub.example.com, then example.com, com or, `dotted`, .example.com, .com. No parents for an address."""
    name = domain.lower()
    if not name:
        return
    yield name, whole
    if is_address(name):
        return
    at = name.find(b".", 1)
    while at >= 0 and name[at + 1:]:
        yield name[at if dotted else at + 1:], False
        at = name.find(b".", at + 1)


def mail_keys(address: bytes, style: tuple, dotted: bool) -> Iterator[Key]:
    """The key forms of one mail address."""
    address = address.lower()
    user, _, domain = address.rpartition(b"@")
    split = strip_extension(address, *style) if style[0] else None
    yield address, True
    if split:
        yield split[0], False
    yield from parent_keys(domain, dotted, False)
    yield user + b"@", False
    if split:
        yield split[0].rpartition(b"@")[0] + b"@", False


def is_address(name: bytes) -> bool:
    """Is it an IP address?"""
    if not (name[-1:].isdigit() or b":" in name):
        return False
    try:
        return bool(ip_address(name.decode("ascii", "replace")))
    except ValueError:
        return False
