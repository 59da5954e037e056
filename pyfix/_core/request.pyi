"""What a client session is to say: settings, an envelope, addresses. See ext/pyfix/_core/request.pyx."""

from collections.abc import Callable

def external(address: bytes) -> bytes:
    """`address` (internal form) as it stands between the angle brackets of MAIL and RCPT; ValueError for control characters."""

def printable_address(address: bytes) -> bool:
    """Whether `address` holds no control character (below space, or DEL)."""

class Settings:
    """What a ClientCore needs to know of the configuration. Immutable, shared by all sessions of a transport."""

    lmtp: bool
    always_ehlo: bool
    never_ehlo: bool
    skip_5xx_greeting: bool
    skip_quit_response: bool
    helo: bytes
    hostname: bytes
    discard: int
    reply_filter: Callable[[bytes], bytes] | None
    def __init__(self, helo: bytes, *, hostname: bytes = b"", lmtp: bool = False, always_ehlo: bool = True,
                 never_ehlo: bool = False, skip_5xx_greeting: bool = True, skip_quit_response: bool = True,
                 discard: int = 0, reply_filter: Callable[[bytes], bytes] | None = None) -> None: ...

class Request:
    """One message for one session: sender and recipients in external form."""

    sender: bytes
    envid: bytes
    body: bytes
    recipients: list[bytes]
    dsn: list[tuple[int, bytes]] | None
    xforward: list[bytes] | None
    size: int
    ret: int
    utf8: bool
    def __init__(self, sender: bytes, recipients: list[bytes], *, size: int = 0, body: bytes = b"", utf8: bool = False,
                 envid: bytes = b"", ret: int = 0, dsn: list[tuple[int, bytes]] | None = None,
                 xforward: list[bytes] | None = None) -> None: ...
