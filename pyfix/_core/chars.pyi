"""Stub of `pyfix._core.chars`: what bytes are, and how they may stand in a log line."""

def printable(data: bytes) -> bytes:
    """`data` with "?" for each byte that is neither printable ASCII nor part of harmless UTF-8."""

def escaped(data: bytes) -> bytes:
    """`data` with C escapes (\\r \\n \\t ... \\ooo) for all that is not printable ASCII."""

def valid_utf8(data: bytes) -> bool:
    """Is `data` well-formed UTF-8 (RFC 3629)?"""

def valid_hostname(data: bytes) -> bool:
    """Is `data` a domain name that is not a mere number?"""

def is_header(data: bytes) -> bool:
    """Does `data` begin as a header field does (RFC 5322 section 2.2)?"""

def plain_address(data: bytes) -> bool:
    """Is `data` user@domain.with.dots with nothing in it that rewriting would act on?"""
