"""What access tables and content checks decided about a message: HOLD, REDIRECT, FILTER, and who was replaced by an alias.

Law: access(5), header_checks(5), "ACTIONS"; postconf(5) content_filter, default_filter_nexthop. An action is kept in
`Intake.actions`: hold, discard (true), redirect, filter (bytes), bcc, prepend (lists of bytes).
"""

from copy import copy
from typing import Any

from pyfix.model import HOLD, Recipient, Reply


def with_actions(stage: Any, intake: Any, recipients: list[Recipient]) -> list[Recipient]:
    """The recipients after REDIRECT; HOLD becomes a flag of the message."""
    actions = intake.actions
    if not actions:
        return recipients
    if actions.get("hold"):
        intake.flags |= HOLD
    if "redirect" in actions and recipients:
        return [stage.mapper.redirected(recipients[-1], actions["redirect"])]
    return recipients


def filtered_origin(origin: Any, destination: bytes) -> Any:
    """An origin whose messages have the attribute `content_filter`: they go there, whatever becomes of their recipients' routes."""
    marked = copy(origin)
    marked.change({"content_filter": destination.decode("utf-8", "surrogateescape")})
    return marked


def returned_origin(origin: Any, reply: Reply) -> Any:
    """An origin whose messages have the attribute `returned`: they stay with the error transport, over a restart too."""
    marked = copy(origin)
    marked.change({"returned": f"{reply.dsn} {reply.text}"})
    return marked


def destination(config: Any, filtered: bytes, address: bytes) -> tuple[str, str]:
    """(transport, nexthop) of a content filter "transport:nexthop" for a recipient."""
    transport, _, nexthop = filtered.decode("utf-8", "surrogateescape").partition(":")
    domain = address.rpartition(b"@")[2].decode("utf-8", "surrogateescape") if b"@" in address else config["myhostname"]
    return transport, nexthop or config["default_filter_nexthop"] or domain


def expansions(expanded: list[Recipient]) -> list[Recipient]:
    """Recipients that aliases replaced, for qmgr to report as "expanded" (RFC 3461 section 5.2.7.3)."""
    for one in expanded:
        one.transport, one.nexthop = "expanded", "alias expanded"
        if one.original == one.address:
            one.original = b""
    return expanded
