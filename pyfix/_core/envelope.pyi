"""Stub of `pyfix._core.envelope`: the arguments of MAIL and RCPT (RFC 5321, RFC 3461)."""

class Arguments:
    """The parameters of the MAIL or RCPT command at hand; None or 0: not given."""

    envid: bytes | None
    orcpt: bytes | None
    auth: bytes | None
    verp: bytes | None
    verp_allowed: bytes | None
    size: int
    notify: int
    ret: int
    eight_bit_mime: bool
    utf8: bool

def path(raw: bytes) -> bytes | None:
    """The address in a plain path, None if the address parser has to look at it."""

def notify(value: bytes) -> int:
    """NOTIFY= to model.NOTIFY_* bits, 0 if malformed."""
