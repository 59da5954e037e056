"""sendmail -bv: nothing is delivered, the sender gets a report of where each recipient would go.

Law: sendmail(1) -bv, trace(8). The recipient keeps its way as a text for qmgr, whose `trace` transport logs and reports it.
The next system is not asked, unlike in Postfix: the report says how this system sees the address.
"""

from pyfix.model import Recipient

TRACE = "trace"
REFUSING = {"error": "5", "retry": "4"}     # transports whose nexthop is a reason, with an enhanced status code or without


def traced(recipient: Recipient) -> None:
    """Send a routed recipient to `trace`, with an enhanced status code and what would become of it."""
    transport, nexthop = recipient.transport, recipient.nexthop
    if transport in REFUSING:
        coded = nexthop[:1] in "245" and nexthop[1:2] == "."
        text = nexthop if coded else f"{REFUSING[transport]}.0.0 {nexthop}"
    elif transport == "discard":
        text = "2.0.0 is discarded"
    else:
        text = f"2.1.5 goes to {nexthop or 'its own domain'} by transport {transport}; nobody was asked"
    recipient.transport, recipient.nexthop = TRACE, text
