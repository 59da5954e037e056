"""Quoting of local parts: internal form to external form and back. Source: RFC 5321 section 4.1.2."""

FLAG_8BITCLEAN: int
FLAG_EXPOSE_AT: int
FLAG_BARE_LOCALPART: int

def quote(address: bytes, flags: int = ...) -> bytes:
    """External form of an internal address: b'a b@c' gives b'"a b"@c'; b"" gives b'""'.

    `flags`: FLAG_8BITCLEAN (the default: bytes >= 0x80 need no quotes), FLAG_EXPOSE_AT
    ("@" needs none), FLAG_BARE_LOCALPART (there is no domain). A route "@a,@b:" in front stays.
    """

def unquote(address: bytes) -> bytes:
    """Internal form of an external address: b'"a b"@c' gives b'a b@c'."""

def is_simple(address: bytes) -> bool:
    """Is it user@domain with one "@", both parts, and nothing that would need quotes, brackets or a route?"""
