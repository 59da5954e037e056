"""Stub of `pyfix._core.limits`: what the server core has to know of the configuration."""

from collections.abc import Callable, Container

class Limits:
    """What the core has to know of the configuration; all keywords, the defaults are Postfix's.

    hostname            what replies call us
    line_length         line_length_limit: longer command lines are cut there
    message_size        message_size_limit, 0 none
    newlines, bare_code smtpd_forbid_bare_newline (0 no, 1 normalize, 2 note, 3 reject) and its reject code
    features            bits: 1 AUTH 2 STARTTLS 4 XCLIENT 8 XFORWARD
    forbidden, ignored  containers of upper-case command names
    path                for paths that are not plain: (raw, is it a sender?, SMTPUTF8?) -> address or None
    """

    hostname: bytes
    line_length: int
    message_size: int
    newlines: int
    def __init__(self, *, hostname: bytes = b"localhost", line_length: int = 2048, message_size: int = 10240000,
                 recipients: int = 1000, overshoot: int = 1000, soft_errors: int = 10, hard_errors: int = 20,
                 junk: int = 100, newlines: int = 1, bare_code: int = 550, features: int = 0, helo_required: bool = False,
                 forbid_pipelining: bool = True, no_vrfy: bool = False, smtputf8: bool = True, strict_paths: bool = False,
                 lmtp: bool = False, standalone: bool = False, forbidden: Container[bytes] = ...,
                 ignored: Container[bytes] = ..., path: Callable[[bytes, bool, bool], bytes | None] | None = None) -> None: ...
