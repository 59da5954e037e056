"""Destinations that ETRN and postqueue -s name: host names and address literals (RFC 1985; flush(8))."""

from ipaddress import ip_address

from pyfix._core.chars import valid_hostname


def is_site(name: bytes) -> bool:
    """A host name, or an address literal in its brackets."""
    if name[:1] != b"[":
        return bool(valid_hostname(name))
    inner = name[1:-1] if name[-1:] == b"]" else b""
    six = inner[:5].upper() == b"IPV6:"
    try:
        return ip_address((inner[5:] if six else inner).decode("ascii", "replace")).version == (6 if six else 4)
    except ValueError:
        return False
