"""Addresses in header fields: found, changed one by one, and put back with lines folded.

Law: a field in which no address changes keeps its bytes. One that changes is written anew: a line
break after each comma, then as many addresses to a line as fit 70 columns.

Source: RFC 5322 sections 2.2.3 and 3.6; postconf(5) header_address_token_limit; cleanup(8).
"""

from collections.abc import Awaitable, Callable

from pyfix._core import tok822

SENDER_FIELDS = frozenset((
    b"from", b"sender", b"reply-to", b"errors-to", b"return-receipt-to", b"disposition-notification-to",
    b"resent-from", b"resent-sender", b"resent-reply-to"))
RECIPIENT_FIELDS = frozenset((
    b"to", b"cc", b"bcc", b"apparently-to", b"resent-to", b"resent-cc", b"resent-bcc"))
COLUMNS = 70


def fields_of(header: bytes) -> list[bytes]:
    """The fields of a header block, each with its continuation lines and line ends."""
    found: list[bytes] = []
    for line in header.removesuffix(b"\n").split(b"\n") if header else ():
        line += b"\n"
        if found and line[:1] in (b" ", b"\t"):
            found[-1] += line
        else:
            found.append(line)
    return found


async def rewrite_fields(header: bytes, change: Callable[[bytes, bytes], Awaitable[bytes | None]]) -> tuple[bytes, bool]:
    """(the header with its address fields changed, whether any was); the others stay byte for byte.

    change(name, value): a field's new value, None where it keeps its bytes.
    """
    out, changed = [], False
    for field in fields_of(header):
        name, colon, value = field.partition(b":")
        new = await change(name.rstrip(), value) if colon else None
        changed = changed or new is not None
        out.append(field if new is None else name + b":" + new + b"\r\n")
    return b"".join(out), changed


async def rewrite_value(name: bytes, value: bytes, change: Callable[[bytes], Awaitable[bytes]],
                        limit: int) -> bytes | None:
    """The value of field `name` with change(address in external form) applied to each address; None if none changes.

    `value`: what follows the colon, line ends included; the result has CRLF between its lines, none at the end,
    and a blank in front.
    """
    tree, changed = tok822.parse(value.replace(b"\r\n", b"\n").removesuffix(b"\n"), limit), False
    for i, (kind, members) in enumerate(tree):
        if kind == tok822.OP_ADDR:
            old = tok822.externalize(members, inside=True)
            new = await change(old)
            if new != old:
                tree[i] = (kind, tok822.scan(new))
                changed = True
    if not changed:
        return None
    return fold(name, tok822.externalize(tree, after_comma=b"\n"))


def fold(name: bytes, text: bytes) -> bytes:
    """Joins the lines of `text` (LF between them) up to 70 columns; the others begin with a tab or their own blank, after CRLF."""
    lines, width = [], len(name) + 2
    for piece in text.split(b"\n"):
        if lines and width + 1 + len(piece) < COLUMNS:
            lines[-1] += b" " + piece
            width += 1 + len(piece)
        else:
            width = len(piece) if lines else width + len(piece)
            lines.append(piece)
    return b" " + b"\r\n".join(line if not at or line[:1] in (b" ", b"\t") else b"\t" + line for at, line in enumerate(lines))
