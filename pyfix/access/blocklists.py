"""DNS block and allow lists: reject_rbl_*, reject_rhsbl_*, permit_dnswl_*, permit_rhswl_* (postconf(5); RFC 5782).

The law: a list that fails to answer refuses nobody and allows nobody; an allow list that fails turns a later refusal into a
deferral. An allow list never opens a relay. A "d.d.d.d" pattern after the list's name says which answers count.
"""

from collections.abc import Awaitable
from ipaddress import ip_address
from typing import Any

from pyfix._core.chars import valid_hostname
from pyfix.access.engine import Engine, Scope
from pyfix.access.expansion import expanded
from pyfix.access.ippattern import Ranges, matches, parse
from pyfix.access.subject import Subject
from pyfix.access.verdict import (CLIENT, DUNNO, HELO, OK, RECIPIENT, REVERSE_CLIENT, SENDER, defer_if_reject,
                                  lookup_error, reject, server_error, split_dsn)
from pyfix.config.idna import domain_to_ascii
from pyfix.dns import resolver as dns
from pyfix.errors import ConfigError, TableError

Status = int | Awaitable[int]
UNKNOWN = b"unknown"
MOST_TEXT = 500


class Listing:
    """What a list said about a name: `status` is dns.OK where it is listed."""

    __slots__ = ("name", "status")

    def __init__(self, status: str, name: bytes = b"") -> None:
        self.status, self.name = status, name


# -- asking


def octets_of(address: bytes) -> bytes:
    """An address as lists are keyed: its octets or nibbles, last first; "unknown" (XCLIENT) as it is."""
    if address == b"unknown":
        return address
    parsed = ip_address(address.decode("ascii"))
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    return parsed.reverse_pointer.rpartition(".in-addr.arpa")[0].encode() if parsed.version == 4 \
        else parsed.reverse_pointer.removesuffix(".ip6.arpa").encode()


def domain_of(what: bytes) -> bytes:
    """The domain of a host name or address as lists are keyed; b"" for one that no list can hold."""
    domain = what.rpartition(b"@")[2]
    if not domain.isascii():
        domain = (domain_to_ascii(domain.decode("utf-8", "replace"), lambda text: None) or "").encode("ascii", "replace")
    if domain.startswith(b"[") or domain.rpartition(b".")[2].isdigit() or not valid_hostname(domain):
        return b""
    return domain


async def look_up(engine: Engine, subject: Subject, key: bytes, where: str) -> Listing:
    """Is `key` in the list `where` ("zone" or "zone=pattern")? Raises Stop for a bad pattern."""
    zone, _, pattern = where.partition("=")
    name = b"%b.%b" % (key, zone.strip().encode())
    answer = await engine.lookups.ask(name, "A", subject.info)
    if answer.status in (dns.NOT_FOUND, dns.INVALID):
        return Listing(dns.NOT_FOUND, name)
    if answer.status != dns.OK:
        subject.warning(b"%b: RBL lookup error: %b" % (name, answer.text.encode()))
        return Listing(dns.RETRY, name)
    wanted = pattern_of(subject, pattern.strip())
    if wanted is not None and not any(matches(wanted, record) for record in answer.records):
        return Listing(dns.NOT_FOUND, name)
    return Listing(dns.OK, name)


def pattern_of(subject: Subject, text: str) -> tuple[Ranges, ...] | None:
    """The fields of a "d.d.d.d" pattern, None where there is none. Raises Stop for one that makes no sense (Postfix's smtpd ends)."""
    try:
        return parse(text) if text else None
    except ConfigError as error:
        subject.warning(b"RBL reply error: " + error.text.encode())
        raise server_error(subject) from None


# -- refusing


async def refuse_listed(engine: Engine, subject: Subject, scope: Scope, listing: Listing, where: str) -> int:
    """The refusal with rbl_reply_maps' or default_rbl_reply's text."""
    if listing.status != dns.OK:
        return DUNNO
    answer = await engine.lookups.ask(listing.name, "TXT", subject.info)
    if answer.status not in (dns.OK, dns.NOT_FOUND):
        subject.warning(b"%b: TXT lookup error: %b" % (listing.name, answer.text.encode()))
    zone = where.partition("=")[0].strip()
    text = answer.records[0][:MOST_TEXT] if answer.status == dns.OK else b""
    extra = {"rbl_code": str(engine.config.maps_rbl_reject_code), "rbl_domain": zone, "rbl_reason": string(text),
             "rbl_txt": string(text), "rbl_what": string(scope.name), "rbl_class": string(scope.kind)}
    template = await template_for(engine, subject, where, zone)
    line = expanded(engine, subject, template, extra)
    if line is None and template != engine.default_rbl_reply:
        subject.warning(b"%b: bad rbl reply template for domain %b: %b" % (b"rbl_reply_maps", zone.encode(), template.encode()))
        line = expanded(engine, subject, engine.default_rbl_reply, extra)
    if line is None:
        subject.warning(b"default_rbl_reply: bad default rbl reply template: " + engine.default_rbl_reply.encode())
        line = b"%d Service unavailable" % engine.config.maps_rbl_reject_code
    return say(subject, line)


def say(subject: Subject, line: bytes) -> int:
    """Refuses with "code [x.y.z] text"."""
    line = line.lstrip(b" \t")
    if not (line[:1] in (b"4", b"5") and line[:3].isdigit() and line[3:4] == b" "):
        subject.warning(b"rbl response code configuration error: " + line)
        return reject(subject, 450, b"4.7.1", b"Service unavailable")
    dsn, text = split_dsn(b"%c.7.1" % line[0], line[4:])
    return reject(subject, int(line[:3]), dsn, text or b"Service unavailable")


async def template_for(engine: Engine, subject: Subject, where: str, zone: str) -> str:
    """The reply's template. Raises Stop where the table fails."""
    if engine.rbl_replies:
        try:
            for key in dict.fromkeys((where, zone)):
                found = await engine.rbl_replies.lookup(key.encode())
                if found is not None:
                    return found.decode("utf-8", "replace")
        except TableError:
            raise lookup_error(subject, where.encode()) from None
    return engine.default_rbl_reply


def string(data: bytes) -> str:
    """For a template."""
    return data.decode("utf-8", "replace")


# -- the rows


async def reject_rbl(engine: Engine, subject: Subject, scope: Scope, argument: str) -> int:
    """reject_rbl_client."""
    listing = await look_up(engine, subject, octets_of(subject.address), argument)
    return await refuse_listed(engine, subject, Scope(subject.address, CLIENT, ""), listing, argument)


class Names:
    """reject_rhsbl_*: `which` tells the name that the list is asked about."""

    def __init__(self, which: str, kind: bytes) -> None:
        self.which, self.kind = which, kind

    def __call__(self, engine: Engine, subject: Subject, scope: Scope, argument: str) -> Status:
        what = getattr(subject, self.which)
        if not what or (self.which in ("name", "reverse_name") and what == UNKNOWN):
            return DUNNO
        return self.ask(engine, subject, argument, what)

    async def ask(self, engine: Engine, subject: Subject, argument: str, what: bytes) -> int:
        """The list's answer."""
        domain = domain_of(what)
        if not domain:
            return DUNNO
        listing = await look_up(engine, subject, domain, argument)
        return await refuse_listed(engine, subject, Scope(what, self.kind, ""), listing, argument)


async def permit_dnswl(engine: Engine, subject: Subject, scope: Scope, argument: str) -> int:
    """permit_dnswl_client."""
    return await allow(engine, subject, subject.address, octets_of(subject.address), argument)


async def permit_rhswl(engine: Engine, subject: Subject, scope: Scope, argument: str) -> int:
    """permit_rhswl_client."""
    domain = b"" if subject.name == UNKNOWN else domain_of(subject.name)
    return await allow(engine, subject, subject.name, domain, argument) if domain else DUNNO


async def allow(engine: Engine, subject: Subject, what: bytes, key: bytes, argument: str) -> int:
    """OK for a client in the list, for mail that we would take from anyone's client anyway."""
    if subject.recipient and await engine.recipients.permit_auth_destination(subject, subject.recipient) != OK:
        return DUNNO
    listing = await look_up(engine, subject, key, argument)
    if listing.status == dns.RETRY:
        defer_if_reject(subject, 450, b"4.7.1", b"<%b>: %b rejected: DNSWL lookup error" % (what, CLIENT))
    return OK if listing.status == dns.OK else DUNNO


RHSBL = {"reject_rhsbl_client": Names("name", CLIENT), "reject_rhsbl_reverse_client": Names("reverse_name", REVERSE_CLIENT),
         "reject_rhsbl_helo": Names("helo", HELO), "reject_rhsbl_sender": Names("sender", SENDER),
         "reject_rhsbl_recipient": Names("recipient", RECIPIENT)}
