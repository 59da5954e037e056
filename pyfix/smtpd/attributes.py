"""What XCLIENT and XFORWARD carry: attribute=value words (XCLIENT_README, XFORWARD_README).

The law: all words of a command are good or none has an effect. Values are xtext, or plain where
they are no xtext (old clients); a byte that does not print becomes "?", so that nothing of them can
end a line or a header field. An address becomes the one spelling that access lists compare.
"""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

from pyfix._core.chars import printable, valid_hostname
from pyfix.smtpd.names import KNOWN, NONE, TROUBLE, UNKNOWN

UNAVAILABLE, TEMPORARY = b"[UNAVAILABLE]", b"[TEMPUNAVAIL]"
LONGEST, LONGEST_PROTOCOL, LONGEST_PORT = 255, 64, 5
NEUTERED = bytes.maketrans(b' <>()\\";@', b"?" * 9)
HEX = b"0123456789ABCDEFabcdef"


class BadAttribute(Exception):
    """`args[0]`: the reply's text behind "501 "."""


def decoded(value: bytes) -> bytes:
    """xtext decoded; as it is where it is none."""
    first, *rest = value.split(b"+")
    if any(len(piece) < 2 or piece[0] not in HEX or piece[1] not in HEX for piece in rest):
        return printable(value)
    return printable(first + b"".join(bytes([int(piece[:2], 16)]) + piece[2:] for piece in rest))


def pairs(text: bytes, command: bytes, names: frozenset[bytes]) -> dict[bytes, bytes]:
    """{NAME: value} of a command's words. Raises BadAttribute."""
    found = {}
    for word in text.split(b" "):
        name, _, value = word.partition(b"=")
        if not value:
            raise BadAttribute(b"5.5.4 Error: attribute=value expected")
        if len(value) > LONGEST:
            raise BadAttribute(b"5.5.4 Error: attribute value too long")
        if name.upper() not in names:
            raise BadAttribute(b"5.5.4 Bad %b attribute name: %b" % (command, printable(name)))
        found[name.upper()] = decoded(value)
    return found


def bad(name: bytes, value: bytes) -> BadAttribute:
    """A value that can't be one of this attribute."""
    return BadAttribute(b"5.5.4 Bad %b syntax: %b" % (name, value))


def address(name: bytes, value: bytes, allowed: Callable[[bool], bool]) -> bytes:
    """An address as access lists know it. `allowed(six)`: does inet_protocols have that kind? Raises BadAttribute."""
    if value.upper() == UNAVAILABLE:
        return UNKNOWN
    text = value[5:] if value[:5].upper() == b"IPV6:" else value
    try:
        found: IPv4Address | IPv6Address = ip_address(text.decode("ascii", "replace"))
    except ValueError:
        raise bad(name, value) from None
    six = isinstance(found, IPv6Address)
    if six != (text is not value) or (six and found.scope_id):
        raise bad(name, value)
    plain = found.ipv4_mapped or found if isinstance(found, IPv6Address) else found
    if not allowed(isinstance(plain, IPv6Address)):
        raise bad(name, value)
    return str(plain).encode()


def port(name: bytes, value: bytes) -> int:
    """A port, -1 where it is not available. Raises BadAttribute."""
    if value.upper() == UNAVAILABLE:
        return -1
    if not value.isdigit() or len(value) > LONGEST_PORT:
        raise bad(name, value)
    return int(value)


def hostname(name: bytes, value: bytes) -> tuple[bytes, int]:
    """(name, peer code) of XCLIENT's NAME and REVERSE_NAME. Raises BadAttribute."""
    if value.upper() == UNAVAILABLE:
        return UNKNOWN, NONE
    if value.upper() == TEMPORARY:
        return UNKNOWN, TROUBLE
    if not valid_hostname(value):
        raise bad(name, value)
    return value, KNOWN
