"""Restrictions about names: is it well formed, does it exist, where do its servers live (postconf(5)).

The law: "no such name" refuses with the administrator's code, "can't tell now" defers as
unknown_*_tempfail_action says; what only the filter took away refuses nobody. A name that leads to trouble by its
mail or name servers may be refused, never allowed: whoever owns a zone can say in it what he likes.
"""

import asyncio
from collections.abc import Awaitable
from ipaddress import ip_address
from typing import Any

from pyfix._core.chars import valid_hostname
from pyfix.access.engine import Engine, Scope
from pyfix.access.lookups import POLICY, reason
from pyfix.access.networks import Networks
from pyfix.access.subject import Subject
from pyfix.access.tables import address_keys
from pyfix.access.verdict import (CLIENT, DUNNO, HELO, OK, RECIPIENT, REVERSE_CLIENT, SENDER, defer_if_permit,
                                  defer_if_reject, lookup_error, reject, server_error)
from pyfix.dns import resolver as dns
from pyfix.errors import TableError
from pyfix.resolve import ALIAS, FAIL, LOCAL, ROUTED, VIRTUAL

Status = int | Awaitable[int]
KNOWN, TEMPORARY = 2, 4
UNKNOWN = b"unknown"


# -- the client's name


def unknown_client(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> int:
    """reject_unknown_client_hostname: no name that maps back to the address."""
    if subject.name_code == KNOWN:
        return DUNNO
    code = 450 if subject.name_code == TEMPORARY else engine.config.unknown_client_reject_code
    return reject(subject, code, b"4.7.1", b"Client host rejected: cannot find your hostname, [%b]" % subject.address)


def unknown_reverse_client(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> int:
    """reject_unknown_reverse_client_hostname: no name at all."""
    if subject.reverse_code == KNOWN:
        return DUNNO
    code = 450 if subject.reverse_code == TEMPORARY else engine.config.unknown_client_reject_code
    return reject(subject, code, b"4.7.1", b"Client host rejected: cannot find your reverse hostname, [%b]" % subject.address)


# -- HELO


def undotted(name: bytes) -> bytes:
    """Without the final dot of a complete name; two dots stay wrong."""
    return name[:-1] if len(name) > 1 and name.endswith(b".") and not name.endswith(b"..") else name


def invalid_literal(engine: Engine, subject: Subject, scope: Scope, name: bytes) -> int:
    """[1.2.3.4] or [IPv6:...] that is none."""
    inner = name[1:-1] if len(name) > 2 and name.endswith(b"]") else name
    if is_literal(inner):
        return DUNNO
    return reject(subject, engine.config.invalid_hostname_reject_code, b"5.5.2",
                  b"<%b>: %b rejected: invalid ip address" % (name, HELO))


def is_literal(inner: bytes) -> bool:
    """Is it what may stand between the brackets of an address literal?"""
    v6 = inner[:5].lower() == b"ipv6:"
    try:
        return ip_address((inner[5:] if v6 else inner).decode("ascii")).version == (6 if v6 else 4)
    except (ValueError, UnicodeDecodeError):
        return False


def invalid_helo(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> int:
    """reject_invalid_helo_hostname."""
    name = subject.helo
    if not name:
        return DUNNO
    if name.startswith(b"["):
        return invalid_literal(engine, subject, scope, name)
    if valid_hostname(undotted(name)):
        return DUNNO
    return reject(subject, engine.config.invalid_hostname_reject_code, b"5.5.2",
                  b"<%b>: %b rejected: Invalid name" % (name, HELO))


def non_fqdn_helo(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> int:
    """reject_non_fqdn_helo_hostname."""
    name = subject.helo
    if not name:
        return DUNNO
    if name.startswith(b"["):
        return invalid_literal(engine, subject, scope, name)
    if valid_hostname(undotted(name)) and b"." in undotted(name):
        return DUNNO
    return reject(subject, engine.config.non_fqdn_reject_code, b"5.5.2",
                  b"<%b>: %b rejected: need fully-qualified hostname" % (name, HELO))


def unknown_helo(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> Status:
    """reject_unknown_helo_hostname."""
    if not subject.helo:
        return DUNNO
    if subject.helo.startswith(b"["):
        return invalid_literal(engine, subject, scope, subject.helo)
    return find_helo(engine, subject, subject.helo)


async def find_helo(engine: Engine, subject: Subject, name: bytes) -> int:
    """Has the name an address or a mail exchanger?"""
    status = await engine.lookups.first(name, (*engine.lookups.families, "MX"), subject.info)
    if status == POLICY:
        subject.warning(name + b": address or MX lookup error: DNS reply filter drops all results")
    if status in (dns.OK, POLICY):
        return DUNNO
    text = b"<%b>: %b rejected: Host not found" % (name, HELO)
    if status == dns.RETRY:
        return tempfail(subject, engine.config["unknown_helo_hostname_tempfail_action"], b"4.7.1", text)
    return reject(subject, engine.config.unknown_hostname_reject_code, b"4.7.1", text)


def tempfail(subject: Subject, action: str, dsn: bytes, text: bytes) -> int:
    """A deferral as unknown_*_tempfail_action wants it."""
    how = defer_if_permit if action.strip().lower() == "defer_if_permit" else reject
    return how(subject, 450, dsn, text)


# -- the domains of sender and recipient


def unknown_sender_domain(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> Status:
    """reject_unknown_sender_domain."""
    return unknown_domain(engine, subject, subject.sender, SENDER) if subject.sender else DUNNO


def unknown_recipient_domain(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> Status:
    """reject_unknown_recipient_domain."""
    return unknown_domain(engine, subject, subject.recipient, RECIPIENT) if subject.recipient else DUNNO


async def unknown_domain(engine: Engine, subject: Subject, address: bytes, kind: bytes) -> int:
    """Refuses an address whose domain has neither mail exchanger nor address, unless its mail ends here."""
    resolution = await engine.resolve(address, subject.sender or b"")
    if resolution.flags & FAIL:
        raise lookup_error(subject, address)
    domain = resolution.recipient.rpartition(b"@")[2]
    if b"@" not in resolution.recipient or resolution.flags & (LOCAL | ALIAS | VIRTUAL) or domain.startswith(b"["):
        return DUNNO
    status = await engine.lookups.first(domain, ("MX", *engine.lookups.families), subject.info, (dns.NULL_MX, POLICY))
    if status == POLICY:
        subject.warning(domain + b": MX or address lookup error: DNS reply filter drops all results")
    if status in (dns.OK, POLICY):
        return DUNNO
    if status == dns.NULL_MX:
        text = b"<%b>: %b rejected: Domain %b does not accept mail (nullMX)" % (address, kind, domain)
        return reject(subject, 550, b"4.7.27", text) if kind == SENDER else reject(subject, 556, b"4.1.10", text)
    dsn = b"4.1.8" if kind == SENDER else b"4.1.2"
    text = b"<%b>: %b rejected: Domain not found" % (address, kind)
    if status == dns.RETRY:
        return tempfail(subject, engine.config["unknown_address_tempfail_action"], dsn, text)
    return reject(subject, engine.config.unknown_address_reject_code, dsn, text)


# -- where a name's servers live


class Server:
    """check_*_{a,mx,ns}_access: `which` tells what name is looked at, `record` whose servers."""

    def __init__(self, which: str, record: str, name: str) -> None:
        self.which, self.record, self.name = which, record, name

    def subject_of(self, subject: Subject) -> tuple[bytes | None, bytes | None, bytes]:
        """(the name looked at, the name in replies, the kind)."""
        if self.which == "client":
            return (None if subject.name == UNKNOWN else subject.name), subject.client, CLIENT
        if self.which == "reverse":
            return (None if subject.reverse_name == UNKNOWN else subject.reverse_name), subject.reverse_name, REVERSE_CLIENT
        value = getattr(subject, self.which)
        return value, value, {"helo": HELO, "sender": SENDER, "recipient": RECIPIENT}[self.which]

    def __call__(self, engine: Engine, subject: Subject, scope: Scope, argument: str) -> Status:
        name, shown, kind = self.subject_of(subject)
        return self.check(engine, subject, Scope(shown, kind, scope.shorthand), argument, name) if name else DUNNO

    async def check(self, engine: Engine, subject: Subject, scope: Scope, argument: str, name: bytes) -> int:
        """The check; an OK from it is a mistake in the table."""
        status = await self.decide(engine, subject, scope, argument, name)
        if status == OK:
            subject.warning(b"restriction %b returns OK for %b" % (self.name.encode(), name))
            subject.warning(b"this is not allowed for security reasons")
            subject.warning(b"use DUNNO instead of OK if you want to make an exception")
            raise server_error(subject)
        return status

    async def decide(self, engine: Engine, subject: Subject, scope: Scope, argument: str, name: bytes) -> int:
        """Asks the table for each server's name and addresses."""
        domain = name.rpartition(b"@")[2]
        table = engine.table(argument)
        if domain.startswith(b"["):
            inner = domain[1:-1]
            found = await by_address(table, subject, scope, inner[5:] if inner[:5].lower() == b"ipv6:" else inner) \
                if is_literal(inner) else None
            return found or DUNNO
        for host in await self.servers(engine, subject, scope, name, domain):
            if self.record != "A":
                found = await table.check(subject, engine.domain_keys(host, True), host, *scope)
                if found is not None:
                    return found
            addresses, why = await engine.lookups.addresses(host, subject.info)
            if why and self.record != "A":
                subject.warning(b"Unable to look up %b host %b for %b %b: %b"
                                % (self.record.encode(), host, scope.kind, scope.name, why.encode()))
            for address in addresses:
                found = await by_address(table, subject, scope, address)
                if found is not None:
                    return found
        return DUNNO

    async def servers(self, engine: Engine, subject: Subject, scope: Scope, name: bytes, domain: bytes) -> list[bytes]:
        """The hosts that serve a domain; a domain without MX is its own, without NS has its parent's."""
        if self.record == "A":
            return [domain]
        at = domain
        answer = await engine.lookups.ask(at, self.record, subject.info)
        if answer.status == dns.NULL_MX:
            return []
        if answer.status == dns.NOT_FOUND and self.record == "MX":
            return [domain]
        while answer.status == dns.NOT_FOUND and self.record == "NS" and at:
            at = at.partition(b".")[2]
            if at:
                answer = await engine.lookups.ask(at, "NS", subject.info)
        if answer.status != dns.OK:
            subject.warning(b"Unable to look up %b host for %b: %b" % (self.record.encode(), at or name,
                                                                       reason(answer).encode()))
            return []
        return [(record[1] if self.record == "MX" else record).encode() for record in answer.records]


async def by_address(table: Any, subject: Subject, scope: Scope, address: bytes) -> int | None:
    """What the table says of an address; None where it says nothing."""
    return await table.check(subject, address_keys(address), address, *scope)


# -- permit_mx_backup


async def permit_mx_backup(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> int:
    """permit_mx_backup: OK for a domain whose mail we relay because its MX records say so."""
    if "permit_mx_backup" not in engine.told:
        engine.told.add("permit_mx_backup")
        subject.warning(b'support for restriction "permit_mx_backup" will be removed from Postfix; instead, '
                        b'specify "relay_domains"')
    recipient = subject.recipient
    if not recipient:
        return DUNNO
    resolution = await engine.resolve(recipient, subject.sender or b"")
    if resolution.flags & FAIL:
        raise lookup_error(subject, recipient)
    if b"@" not in resolution.recipient or resolution.flags & LOCAL:
        return OK
    if resolution.flags & ROUTED and not engine.allow_untrusted_routing:
        return DUNNO
    if resolution.flags & (LOCAL | ALIAS | VIRTUAL):
        return OK
    domain = resolution.recipient.rpartition(b"@")[2]
    return DUNNO if domain.startswith(b"[") else await backup_of(engine, subject, recipient, domain)


async def backup_of(engine: Engine, subject: Subject, recipient: bytes, domain: bytes) -> int:
    """OK where we are a mail exchanger of the domain, and the best one is in permit_mx_backup_networks."""
    answer = await engine.lookups.ask(domain, "MX", subject.info)
    text = b"<%b>: %b rejected: Unable to look up " % (recipient, RECIPIENT)
    if answer.status == dns.NOT_FOUND:
        return OK if await is_me(engine, subject, domain, text) else DUNNO
    if answer.status == dns.NULL_MX:
        return DUNNO
    if answer.status != dns.OK:
        return defer_if_reject(subject, 450, b"4.4.4", text + b"mail exchanger information: " + reason(answer).encode())
    hosts = sorted((preference, host.encode()) for preference, host in answer.records)
    for _, host in hosts:
        if await is_me(engine, subject, host, text):
            break
    else:
        return DUNNO
    networks = Networks(engine.config, "permit_mx_backup_networks")
    best = [host for preference, host in hosts if preference == hosts[0][0]]
    if networks and not await all_in(engine, subject, networks, best, text):
        return DUNNO
    return OK


async def is_me(engine: Engine, subject: Subject, host: bytes, text: bytes) -> bool:
    """Does the host have one of our addresses?"""
    addresses, why = await engine.lookups.addresses(host, subject.info)
    if why.startswith("Temporary"):
        defer_if_reject(subject, 450, b"4.4.4", text + b"host %b as mail exchanger: %b" % (host, why.encode()))
    own = engine.resolver.domains.own_addresses
    return any(ip_address(address.decode()) in own for address in addresses)


async def all_in(engine: Engine, subject: Subject, networks: Networks, hosts: list[bytes], text: bytes) -> bool:
    """Are all addresses of these hosts in the networks?"""
    for host in hosts:
        addresses, why = await engine.lookups.addresses(host, subject.info)
        if why:
            defer_if_reject(subject, 450, b"4.4.4", text + b"host %b as mail exchanger: %b" % (host, why.encode()))
            return False
        try:
            if not all(networks.match(host, address) for address in addresses):
                return False
        except TableError:
            raise lookup_error(subject, host) from None
    return True


async def sleep(engine: Engine, subject: Subject, scope: Scope, argument: str) -> int:
    """`sleep seconds`: the client waits, nobody else does."""
    if not (argument.isascii() and argument.isdigit()):
        subject.warning(b"restriction sleep must be followed by number")
        raise server_error(subject)
    await asyncio.get_running_loop().create_task(asyncio.sleep(min(int(argument), 3600)))
    return DUNNO


SERVERS = {f"check_{word}_{record}_access": Server(which, record.upper(), f"check_{word}_{record}_access")
           for word, which in (("client", "client"), ("reverse_client_hostname", "reverse"), ("helo", "helo"),
                               ("sender", "sender"), ("recipient", "recipient")) for record in ("a", "mx", "ns")}
