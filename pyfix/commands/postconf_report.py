"""postconf: warnings and the fatal end, on standard error, after what stands on standard output."""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def warn(text: str, program: str = "postconf") -> None:
    """Print a warning as Postfix's commands do."""
    _error(f"{program}: warning: {text}".replace("\n", "?") + "\n")


def fatal(text: str, program: str = "postconf") -> "NoReturn":
    """Print why, and end with status 1."""
    _error(f"{program}: fatal: {text}".replace("\n", "?") + "\n")
    raise SystemExit(1)


def put(text: str) -> None:
    """Print to standard output; bytes that are no UTF-8 go out as they came."""
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))


def _error(text: str) -> None:
    """Every byte that is no printable ASCII becomes "?", as in Postfix's messages."""
    sys.stdout.flush()
    octets = text.encode("utf-8", "surrogateescape")
    sys.stderr.buffer.write(bytes(octet if 32 <= octet < 127 else 63 for octet in octets[:-1]) + b"\n")
    sys.stderr.flush()
