"""The restrictions themselves: one row each (postconf(5), smtpd_*_restrictions).

A check gets (engine, subject, scope, argument) and says DUNNO, OK or REJECT, or hands
out something to await. A new restriction is a function and a row, nothing else.
"""

from collections.abc import Awaitable
from typing import Any, NamedTuple

from pyfix.access import blocklists, hostrows, offrows
from pyfix.access.engine import DEFAULT_SHORTHANDS, Check, Engine, Scope
from pyfix.access.policyservice import check_policy_service
from pyfix.access.subject import Subject
from pyfix.access.verdict import (DUNNO, HELO, OK, RECIPIENT, SENDER, defer_if_permit, defer_if_reject, lookup_error, reject,
                                  server_error)
from pyfix.errors import TableError

Status = int | Awaitable[int]


class Row(NamedTuple):
    """A restriction: its check, whether a word follows it, whether what comes after it is never reached."""

    check: Check
    argument: bool = False
    final: bool = False


# -- for every list


def permit(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> int:
    """permit."""
    return OK


def refuse(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> int:
    """reject."""
    return reject(subject, engine.config.reject_code, b"5.7.1", b"<%b>: %b rejected: Access denied" % scope[:2])


def defer(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> int:
    """defer."""
    return reject(subject, engine.config.defer_code, b"4.3.2", b"<%b>: %b rejected: Try again later" % scope[:2])


def maybe_defer(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> int:
    """defer_if_permit."""
    return defer_if_permit(subject, 450, b"4.7.0", b"<%b>: %b rejected: defer_if_permit requested" % scope[:2])


def rather_defer(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> int:
    """defer_if_reject."""
    return defer_if_reject(subject, 450, b"4.7.0", b"<%b>: %b rejected: defer_if_reject requested" % scope[:2])


def restriction_class(engine: Engine, subject: Subject, scope: Scope, argument: str) -> Status:
    """A restriction class: the list that its parameter holds."""
    return engine.run_text(subject, engine.classes[argument], *scope)


def table_shorthand(engine: Engine, subject: Subject, scope: Scope, argument: str) -> Status:
    """type:table alone stands for the check_*_access of the list it is in."""
    if not scope.shorthand:
        names = ", ".join(DEFAULT_SHORTHANDS)
        subject.warning(f'specify one of ({names}) before {scope.kind.decode()} restriction "{argument}"'.encode())
        raise server_error(subject)
    return ROWS[scope.shorthand].check(engine, subject, scope, argument)


def unknown(engine: Engine, subject: Subject, scope: Scope, argument: str) -> Status:
    """A word that is no restriction: 451, and a warning."""
    subject.warning(f'unknown smtpd restriction: "{argument}"'.encode())
    raise server_error(subject)


def no_argument(engine: Engine, subject: Subject, scope: Scope, argument: str) -> Status:
    """A restriction whose argument is missing: 451, and a warning."""
    subject.warning(f"restriction {argument} must be followed by an argument".encode())
    raise server_error(subject)


def removed(instead: str) -> Check:
    """A restriction that Postfix 3.9 took out: it must not be taken for "yes" or skipped."""
    def check(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> int:
        subject.warning(instead.encode())
        raise server_error(subject)
    return check


REMOVED = 'support for restriction "{}" has been removed in Postfix 3.9; instead, specify {}'.format


# -- the client


def permit_mynetworks(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> int:
    """permit_mynetworks."""
    try:
        return OK if engine.in_mynetworks(subject) else DUNNO
    except TableError as error:
        subject.warning(str(error).encode())
        raise lookup_error(subject, scope.name) from None


def permit_inet_interfaces(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> int:
    """permit_inet_interfaces."""
    from pyfix.access.networks import plain_address

    return OK if plain_address(subject.address) in engine.resolver.domains.own_addresses else DUNNO


def permit_sasl_authenticated(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> int:
    """permit_sasl_authenticated."""
    return OK if subject.sasl_username else DUNNO


def check_client_access(engine: Engine, subject: Subject, scope: Scope, argument: str) -> Status:
    """check_client_access table."""
    return engine.table(argument).check_client(subject, subject.name, subject.client, b"Client host", scope.shorthand)


def check_reverse_client(engine: Engine, subject: Subject, scope: Scope, argument: str) -> Status:
    """check_reverse_client_hostname_access table."""
    return engine.table(argument).check_client(subject, subject.reverse_name, subject.reverse_name,
                                               b"Unverified Client host", scope.shorthand)


# -- HELO


def check_helo_access(engine: Engine, subject: Subject, scope: Scope, argument: str) -> Status:
    """check_helo_access table."""
    if not subject.helo:
        return DUNNO
    return engine.table(argument).check_domain(subject, subject.helo, HELO, scope.shorthand)


# -- the sender


def check_sender_access(engine: Engine, subject: Subject, scope: Scope, argument: str) -> Status:
    """check_sender_access table."""
    if subject.sender is None:
        return DUNNO
    table = engine.table(argument)
    if subject.sender:
        return table.check_address(subject, subject.sender, SENDER, scope.shorthand)
    return table.check_key(subject, engine.null_key, subject.sender, SENDER, scope.shorthand)


def reject_non_fqdn_sender(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> int:
    """reject_non_fqdn_sender."""
    return non_fqdn(engine, subject, subject.sender, SENDER, b"5.5.2") if subject.sender else DUNNO


def reject_unlisted_sender(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> Status:
    """reject_unlisted_sender."""
    if not subject.sender or subject.checked_sender:
        return DUNNO
    subject.checked_sender = not subject.warn_if_reject
    return engine.recipients.reject_unlisted(subject, subject.sender, SENDER)


# -- the recipient


def check_recipient_access(engine: Engine, subject: Subject, scope: Scope, argument: str) -> Status:
    """check_recipient_access table."""
    if subject.recipient is None:
        return DUNNO
    return engine.table(argument).check_address(subject, subject.recipient, RECIPIENT, scope.shorthand)


def permit_auth_destination(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> Status:
    """permit_auth_destination."""
    return engine.recipients.permit_auth_destination(subject, subject.recipient) if subject.recipient else DUNNO


def reject_unauth_destination(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> Status:
    """reject_unauth_destination."""
    if not subject.recipient:
        return DUNNO
    return engine.recipients.reject_unauth_destination(subject, subject.recipient, engine.recipients.relay_code, b"5.7.1")


def defer_unauth_destination(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> Status:
    """defer_unauth_destination."""
    if not subject.recipient:
        return DUNNO
    return engine.recipients.reject_unauth_destination(subject, subject.recipient, engine.recipients.relay_code - 100,
                                                       b"4.7.1")


def reject_non_fqdn_recipient(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> int:
    """reject_non_fqdn_recipient."""
    return non_fqdn(engine, subject, subject.recipient, RECIPIENT, b"5.5.2") if subject.recipient else DUNNO


def reject_unlisted_recipient(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> Status:
    """reject_unlisted_recipient."""
    if not subject.recipient or subject.checked_recipient:
        return DUNNO
    subject.checked_recipient = not subject.warn_if_reject
    return engine.recipients.reject_unlisted(subject, subject.recipient, RECIPIENT)


def reject_multi_recipient_bounce(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> int:
    """reject_multi_recipient_bounce."""
    if subject.sender or subject.recipients < 2:
        return DUNNO
    return reject(subject, engine.config.multi_recipient_bounce_reject_code, b"5.5.3",
                  b"<%b>: %b rejected: Multi-recipient bounce" % scope[:2])


def non_fqdn(engine: Engine, subject: Subject, address: bytes, kind: bytes, dsn: bytes) -> int:
    """Refuses user@host where host has no dot or is a bare number (resolve_numeric_domain lets it in), and no domain at all."""
    domain = address.rpartition(b"@")[2] if b"@" in address else b""
    if domain.startswith(b"[") or b"." in domain.rstrip(b".") and not domain.replace(b".", b"").isdigit():
        return DUNNO
    return reject(subject, engine.config.non_fqdn_reject_code, dsn,
                  b"<%b>: %b rejected: need fully-qualified address" % (address, kind))


def check_etrn_access(engine: Engine, subject: Subject, scope: Scope, argument: str) -> Status:
    """check_etrn_access."""
    if subject.etrn is None:
        return DUNNO
    return engine.table(argument).check_domain(subject, subject.etrn, b"Etrn command", scope.shorthand)


def never(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> int:
    """What stands for restrictions whose service is not here: no opinion."""
    return DUNNO


ROWS: dict[str, Row] = {
    "permit": Row(permit, final=True), "reject": Row(refuse, final=True), "defer": Row(defer, final=True),
    "defer_if_permit": Row(maybe_defer), "defer_if_reject": Row(rather_defer), "warn_if_reject": Row(never),
    "permit_mynetworks": Row(permit_mynetworks), "permit_inet_interfaces": Row(permit_inet_interfaces),
    "permit_sasl_authenticated": Row(permit_sasl_authenticated),
    "check_client_access": Row(check_client_access, True), "check_helo_access": Row(check_helo_access, True),
    "check_reverse_client_hostname_access": Row(check_reverse_client, True),
    "check_sender_access": Row(check_sender_access, True), "check_recipient_access": Row(check_recipient_access, True),
    "check_etrn_access": Row(check_etrn_access, True),
    "reject_non_fqdn_sender": Row(reject_non_fqdn_sender), "reject_non_fqdn_recipient": Row(reject_non_fqdn_recipient),
    "reject_unlisted_sender": Row(reject_unlisted_sender), "reject_unlisted_recipient": Row(reject_unlisted_recipient),
    "check_recipient_maps": Row(reject_unlisted_recipient), "reject_multi_recipient_bounce": Row(reject_multi_recipient_bounce),
    "permit_auth_destination": Row(permit_auth_destination), "reject_unauth_destination": Row(reject_unauth_destination),
    "defer_unauth_destination": Row(defer_unauth_destination),
    "check_relay_domains": Row(removed(REMOVED("check_relay_domains", '"reject_unauth_destination"'))),
    "permit_naked_ip_address": Row(removed(REMOVED(
        "permit_naked_ip_address", '"permit_mynetworks" or "permit_sasl_authenticated"'))),
    "reject_maps_rbl": Row(removed(REMOVED("reject_maps_rbl", '"reject_rbl_client domain-name"'))),
    # names in the DNS
    "reject_unknown_client_hostname": Row(hostrows.unknown_client), "reject_unknown_client": Row(hostrows.unknown_client),
    "reject_unknown_reverse_client_hostname": Row(hostrows.unknown_reverse_client),
    "reject_invalid_helo_hostname": Row(hostrows.invalid_helo), "reject_invalid_hostname": Row(hostrows.invalid_helo),
    "reject_non_fqdn_helo_hostname": Row(hostrows.non_fqdn_helo), "reject_non_fqdn_hostname": Row(hostrows.non_fqdn_helo),
    "reject_unknown_helo_hostname": Row(hostrows.unknown_helo), "reject_unknown_hostname": Row(hostrows.unknown_helo),
    "reject_unknown_sender_domain": Row(hostrows.unknown_sender_domain),
    "reject_unknown_address": Row(hostrows.unknown_sender_domain),
    "reject_unknown_recipient_domain": Row(hostrows.unknown_recipient_domain),
    "permit_mx_backup": Row(hostrows.permit_mx_backup),
    **{name: Row(check, True) for name, check in hostrows.SERVERS.items()},
    # lists in the DNS
    "reject_rbl_client": Row(blocklists.reject_rbl, True), "reject_rbl": Row(blocklists.reject_rbl, True),
    "permit_dnswl_client": Row(blocklists.permit_dnswl, True), "permit_rhswl_client": Row(blocklists.permit_rhswl, True),
    **{name: Row(check, True) for name, check in blocklists.RHSBL.items()},
    # other servers and the rest
    "check_policy_service": Row(check_policy_service, True), "sleep": Row(hostrows.sleep, True),
    **{name: Row(check) for name, check in offrows.PLAIN.items()},
    **{name: Row(check, True) for name, check in offrows.WITH_TABLE.items()},
    # not words of main.cf
    "type:table": Row(table_shorthand), "class": Row(restriction_class), "unknown": Row(unknown),
    "no argument": Row(no_argument),
}
