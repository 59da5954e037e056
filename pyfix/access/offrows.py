"""Restrictions about what is not there: no SASL, no TLS, no address verification in this process (postconf(5)).

The law: where Postfix without these says something, so do we; what would need address verification answers with a
temporary error that names the reason, since silence would let everything in.
"""

from typing import Any

from pyfix.access.engine import Check, Engine, Scope
from pyfix.access.subject import Subject
from pyfix.access.verdict import DUNNO, reject, server_error


def needs_sasl(name: str) -> Check:
    """A restriction that only SASL gives a meaning: said, and passed over."""
    def check(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> int:
        subject.warning(f"restriction `{name}' ignored: no SASL support".encode())
        return DUNNO
    return check


def needs_verification(name: str) -> Check:
    """A restriction that needs the verify service."""
    def check(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> int:
        subject.warning(f"restriction {name}: address verification is not available; remove the restriction from main.cf".encode())
        raise server_error(subject)
    return check


def nothing(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> int:
    """No client certificate, no login: nothing to say."""
    return DUNNO


def reject_plaintext_session(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> int:
    """Nothing here is encrypted."""
    return reject(subject, engine.config.plaintext_reject_code, b"4.7.1", b"Session encryption is required")


def reject_unauth_pipelining(engine: Engine, subject: Subject, scope: Scope, argument: Any) -> int:
    """The client did not wait where it has to."""
    if not subject.pending or (subject.protocol == b"ESMTP" and subject.where != b"DATA"):
        return DUNNO
    return reject(subject, 503, b"5.5.0", b"<%b>: %b rejected: Improper use of SMTP command pipelining" % scope[:2])


SASL = ("reject_sender_login_mismatch", "reject_authenticated_sender_login_mismatch",
        "reject_known_sender_login_mismatch", "reject_unauthenticated_sender_login_mismatch")
UNVERIFIED = ("reject_unverified_sender", "reject_unverified_address", "reject_unverified_recipient")
PLAIN: dict[str, Check] = {
    **{name: needs_sasl(name) for name in SASL}, **{name: needs_verification(name) for name in UNVERIFIED},
    "permit_tls_clientcerts": nothing, "permit_tls_all_clientcerts": nothing,
    "reject_plaintext_session": reject_plaintext_session, "reject_unauth_pipelining": reject_unauth_pipelining}
WITH_TABLE: dict[str, Check] = {"check_ccert_access": nothing, "check_sasl_access": nothing}
