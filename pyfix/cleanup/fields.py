"""The header of a message where it has to change: fields left out, fields added, addresses rewritten.

Law: cleanup(8), RFC 5322 section 3.6; `local_header_rewrite_clients`, `always_add_missing_headers`,
`message_drop_headers`, `undisclosed_recipients_header` and `header_from_format` of postconf(5). Fields are added
only where addresses are rewritten (or always_add_missing_headers says so), at the end of the header.
"""

import time

from pyfix._core.quote import quote
from pyfix.cleanup.facts import Field
from pyfix.resolve.headers import fields_of, rewrite_fields


async def edited_header(stage, intake, sender: bytes) -> bytes:
    """The Received field and the client's header, edited; `sender` as it is queued. Raises TableError when a mapping fails."""
    received, header = intake.take_header()
    present, drops, overflow = intake.facts
    if overflow or stage.drops_others:
        drops = dropped_ranges(header, stage.drop_names)
    kept = without(header, drops)
    if intake.origin.local or stage.rewrites_remote:
        kept = await rewritten(stage.mapper, kept, intake.origin.local)
    if kept and not kept.endswith(b"\r\n"):
        kept += b"\r\n"
    if intake.origin.local or stage.rewrites_remote or stage.adds_always:
        kept += b"".join(missing(stage, intake, present, sender))
    return received + kept


def without(header: bytes, drops: list[tuple[int, int]]) -> bytes:
    """The header less some ranges (in ascending order)."""
    if not drops:
        return header
    pieces, at = [], 0
    for start, end in drops:
        pieces.append(header[at:start])
        at = end
    pieces.append(header[at:])
    return b"".join(pieces)


def dropped_ranges(header: bytes, names: frozenset[bytes]) -> list[tuple[int, int]]:
    """Where the fields of these (lower-case) names are."""
    found, at = [], 0
    for field in fields_of(header):
        if field.partition(b":")[0].strip().lower() in names:
            found.append((at, at + len(field)))
        at += len(field)
    return found


async def rewritten(mapper, header: bytes, local: bool) -> bytes:
    """The header with its address fields rewritten, field by field; the others stay byte for byte. Raises MappingTrouble."""
    return (await rewrite_fields(header, lambda name, value: mapper.header(name, value, local)))[0]


def missing(stage, intake, present: int, sender: bytes) -> list[bytes]:
    """The fields that a message ought to have and has not, in Postfix's order."""
    resent = bool(present & Field.F_RESENT)
    prefix = b"Resent-" if resent else b""
    out = []
    if not present & (Field.F_RESENT_MESSAGE_ID if resent else Field.F_MESSAGE_ID):
        message_id = new_message_id(stage, intake)
        out.append(b"%bMessage-Id: %b\r\n" % (prefix, message_id))
        stage.log.info(b"%b: %bmessage-id=%b" % (intake.queue_id, prefix.lower(), message_id))
    if resent and not present & Field.F_MESSAGE_ID:
        stage.log.info(b"%b: message-id=<>" % intake.queue_id)
    if not present & (Field.F_RESENT_DATE if resent else Field.F_DATE):
        out.append(b"%bDate: %b\r\n" % (prefix, stage.date()))
    if not present & (Field.F_RESENT_FROM if resent else Field.F_FROM):
        out.append(b"%bFrom: %b\r\n" % (prefix, author(sender, intake.origin.full_name)))
    if not present & (Field.F_TO | Field.F_CC | Field.F_RESENT_RCPT):
        undisclosed = stage.config.undisclosed_recipients_header.encode()
        if undisclosed:
            out.append(undisclosed + b"\r\n")
    return out


def new_message_id(stage, intake) -> bytes:
    """`<YYYYMMDDHHMMSS.QID@host>` in UTC, or `<QID@host>` where queue ids are long and so unique over time."""
    host = stage.config.myhostname.encode()
    if stage.config.enable_long_queue_ids:
        return b"<%b@%b>" % (intake.queue_id, host)
    stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime(intake.arrival / 1_000_000)).encode()
    return b"<%b.%b@%b>" % (stamp, intake.queue_id, host)


def author(sender: bytes, full_name: str) -> bytes:
    """The value of a From field: `Full Name <address>`, the name quoted where it has to be."""
    address = quote(sender) if sender else b"MAILER-DAEMON"
    name = "".join(c if c.isprintable() else " " for c in full_name).strip()
    if not name:
        return address
    if not all(c.isalnum() or c in " !#$%&'*+-/=?^_`{|}~" or ord(c) >= 128 for c in name):
        name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return name.encode("utf-8", "surrogateescape") + b" <" + address + b">"
