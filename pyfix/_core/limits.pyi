"""Stub of `pyfix._core.limits`: what the server core has to know of the configuration."""

from collections.abc import Callable, Container

class Limits:
    """What the core has to know of the configuration. All keywords; the defaults are Postfix's.

    hostname            what replies call us
    line_length         line_length_limit: longer command lines are cut there
    message_size        message_size_limit, 0 none
    recipients, overshoot   smtpd_recipient_limit, smtpd_recipient_overshoot_limit
    soft_errors, hard_errors, junk    smtpd_{soft,hard}_error_limit, smtpd_junk_command_limit
    newlines, bare_code smtpd_forbid_bare_newline (0 no, 1 normalize, 2 note, 3 reject) and its reject code
    features            bits: 1 AUTH 2 STARTTLS 4 XCLIENT 8 XFORWARD
    helo_required, forbid_pipelining, no_vrfy, smtputf8, strict_paths    the parameters of these names
    lmtp, standalone    the protocol; "sendmail -bs"
    forbidden, ignored  smtpd_forbidden_commands, smtpd_noop_commands: containers of upper-case bytes
    path                callable(raw: bytes, sender: bool, utf8: bool) -> bytes | None for paths that are not plain; sender None: VRFY
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
                 ignored: Container[bytes] = ..., path: Callable[[bytes, bool | None, bool], bytes | None] | None = None) -> None: ...
