"""The plain-Python twin of `_core.xtext`, written from RFC 3461 section 4 and RFC 6533 section 3."""

import re

UNIT = re.compile(rb"\+([0-9A-Fa-f]{2})")
POINT = re.compile(rb"\\x\{([0-9A-Fa-f]{1,6})\}")


def printable(value: bytes, utf8: bool) -> bytes | None:
    """The value if no byte of it is a control and what is not ASCII is allowed and UTF-8."""
    if any(c < 32 or c == 127 or (c > 127 and not utf8) for c in value):
        return None
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return value


def unxtext(value: bytes, utf8: bool = False) -> bytes | None:
    """As the core's."""
    first, *rest = value.split(b"+")
    if any(not UNIT.match(b"+" + piece) for piece in rest):
        return None
    return printable(first + b"".join(bytes([int(piece[:2], 16)]) + piece[2:] for piece in rest), utf8)


def unuxtext(value: bytes) -> bytes | None:
    """As the core's."""
    out, at = b"", 0
    while at < len(value):
        if value[at:at + 3] == b"\\x{":
            found = POINT.match(value, at)
            if not found or int(found[1], 16) > 0x10FFFF:
                return None
            out += chr(int(found[1], 16)).encode("utf-8", "surrogatepass")
            at = found.end()
        else:
            out += value[at:at + 1]
            at += 1
    return printable(out, True)


def xtext(value: bytes) -> bytes:
    """As the core's."""
    return b"".join(bytes([c]) if 33 <= c <= 126 and c not in b"+=" else f"+{c:02X}".encode() for c in value)


def uxtext(value: str) -> bytes:
    """As the core's, of text."""
    return b"".join(c.encode() if 33 <= ord(c) <= 126 and c not in "+=\\" else f"\\x{{{ord(c):X}}}".encode() for c in value)
