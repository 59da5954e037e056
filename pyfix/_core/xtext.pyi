"""Stub of `pyfix._core.xtext`: xtext and utf-8-addr-xtext, both ways (RFC 3461, RFC 6533)."""

def xtext(value: bytes) -> bytes:
    """RFC 3461 xtext: bytes outside "!" to "~", and "+" and "=", become +HH."""

def uxtext(value: bytes) -> bytes:
    """RFC 6533 utf-8-addr-xtext: code points outside "!" to "~", and "+", "=" and the backslash, become \\x{HEX}."""

def unxtext(value: bytes, utf8: bool = False) -> bytes | None:
    """Decoded xtext, None if malformed or not printable ASCII; with `utf8` it may be UTF-8."""

def unuxtext(value: bytes) -> bytes | None:
    """Decoded utf-8-addr-xtext, None if malformed or not printable UTF-8."""

def orcpt(value: bytes) -> bytes | None:
    """ORCPT's "type;address" with the address decoded, None if malformed."""

def to_wire(value: bytes) -> bytes:
    """A decoded "type;address" as ORCPT= carries it."""
