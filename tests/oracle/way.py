"""The plain-Python twin of `pyfix.deliver.way`: which servers a delivery tries, in which order, and what it says to one (smtp(8)).

Told from smtp_mx_session_limit, smtp_mx_address_limit, smtp_connection_cache_on_demand in postconf(5), not from the Way.
"""

from collections.abc import Callable, Sequence

from pyfix._core.request import external

NOTIFY_SUCCESS = 2


def walk(destinations: Sequence[object], known: dict[object, list], found: dict[object, list], verdict: Callable[[object], str],
         limit: int) -> list[tuple]:
    """What happens, in order, with one delivery.

    known     destination -> addresses that need no lookup
    found     destination -> addresses that a lookup gives; one that is missing can't be reached
    verdict   what becomes of an attempt at an address: "dead" (no connection), "deferred", "sent"

    ("ask", destination) | ("try", address, verdict, final) | ("sent",) | ("gave up",). `final`: no server is left after
    this one; it is asked only where a server was reached.
    """
    trace, tried = [], set()
    for number, destination in enumerate(destinations):
        if destination not in known:
            trace.append(("ask", destination))
            if destination not in found:
                continue
        addresses, sessions = known.get(destination) or found.get(destination, []), 0
        for at, address in enumerate(addresses):
            if address.key in tried or limit and sessions >= limit:
                continue
            tried.add(address.key)
            what = verdict(address)
            sessions += what != "dead"
            left = any(later.key not in tried for later in addresses[at + 1:]) and not (limit and sessions >= limit)
            trace.append(("try", address, what, what != "dead" and number + 1 == len(destinations) and not left))
            if what == "sent":
                return [*trace, ("sent",)]
    return [*trace, ("gave up",)]


def stores(on_demand: bool, just_done: bool, stored: bool, busy: int) -> bool:
    """Whether a connection will be kept, when a delivery begins beside `busy` others: deliveries come back to back,
    or side by side since the last time that they did."""
    return on_demand and (just_done or stored and busy > 0)


def request(envelope: object, indexes: Sequence[int], dsn: bool) -> dict[str, object]:
    """What MAIL and RCPT say, for a server that takes everything; `dsn`: it knows DSN."""
    recipients = [envelope.recipients[index] for index in indexes]
    return {"sender": external(envelope.sender), "size": envelope.size, "envid": envelope.envid, "ret": envelope.ret,
            "recipients": [external(one.address) for one in recipients],
            "body": {"8bit": b"8BITMIME", "7bit": b"7BIT"}.get(envelope.encoding, b""),
            "dsn": [(one.notify, orcpt(one)) for one in recipients] if dsn else None}


def orcpt(recipient: object) -> bytes:
    """What the sender called the recipient, else the name it first had here, else nothing."""
    first = recipient.original and b"rfc822;" + external(recipient.original)
    return recipient.orcpt or first


def outcome(index: int, notify: int, answer: tuple[int, str, str], dsn: bool, without_dsn: str, relay: str) -> list[object]:
    """What qmgr hears of a recipient whose mail was taken; a server without DSN makes no success report: ours will, and names it."""
    if notify & NOTIFY_SUCCESS and not dsn:
        return [index, without_dsn, answer[1], f"delivery via {relay}: {answer[2]}"]
    return [index, "sent", answer[1], answer[2]]
