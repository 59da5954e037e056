"""postconf: warnings and the fatal end, on standard error, after what stands on standard output."""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def warn(text: str) -> None:
    """Print a warning as Postfix's commands do."""
    _error(f"postconf: warning: {text}\n")


def fatal(text: str) -> "NoReturn":
    """Print why, and end with status 1."""
    _error(f"postconf: fatal: {text}\n")
    raise SystemExit(1)


def put(text: str) -> None:
    """Print to standard output; bytes that are no UTF-8 go out as they came."""
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))


def _error(text: str) -> None:
    sys.stdout.flush()
    sys.stderr.buffer.write(text.encode("utf-8", "surrogateescape"))
    sys.stderr.flush()
