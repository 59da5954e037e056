"""Sender and recipient as the log lines of content checks show them: rewritten and mapped, in external form.

Law: header_checks(5), canonical(5); postconf(5) info_log_address_format. Postfix's cleanup has mapped the envelope before the
first byte of content comes; here that is done at its end, so what a line needs is mapped when it is written. A
table that has to be waited for is not: then the address is shown as the client gave it.
"""

from collections.abc import Coroutine
from typing import Any

from pyfix._core.quote import quote
from pyfix.errors import TableError
from pyfix.ipc.eager import run
from pyfix.resolve.addressmap import MappingTrouble


def at_once(mapping: Coroutine[Any, Any, bytes], given: bytes) -> bytes:
    """What a mapping gives, if it gives it without waiting; else, and where it fails, the address as given."""
    async def guarded() -> bytes:
        try:
            return await mapping
        except (MappingTrouble, TableError):
            return given

    found: list[bytes] = []
    run(guarded(), found.append)
    return found[0] if found else given


def addresses(intake: Any) -> bytes:
    """`from=<sender> to=<last recipient>` of a message; before virtual aliases, as in Postfix."""
    mapper, mapping = intake.stage.mapper, intake.stage.maps_addresses
    sender = at_once(mapper.envelope_sender(intake.sender, mapping), intake.sender)
    shown = b"from=<%b>" % (quote(sender) if sender else b"")
    if intake.recipients:
        last = intake.recipients[-1].address
        shown += b" to=<%b>" % quote(at_once(mapper.recipient_form(last, mapping), last))
    return shown
