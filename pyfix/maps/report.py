"""Where tables say what an administrator must read: Postfix's msg_warn(3) for library code.

A process sets `sink` once (`sink(level, text)`, level "warning" or "error"); until then texts go to standard error
in Postfix's form, after the name of the program.
"""

import os
import sys
from collections.abc import Callable


def _stderr(level: str, text: str) -> None:
    label = f"{level}: " if level != "info" else ""
    data = f"{os.path.basename(sys.argv[0]) or 'pyfix'}: {label}{text}\n"
    sys.stderr.flush()
    os.write(2, data.encode("utf-8", "surrogateescape"))


sink: Callable[[str, str], None] = _stderr


def set_sink(function: Callable[[str, str], None]) -> None:
    """Send what tables report to `function(level, text)` from now on; level is info, warning or error."""
    global sink
    sink = function


def info(text: str) -> None:
    """A line without a level (debug: tables)."""
    sink("info", text)


def warning(text: str) -> None:
    """Something is odd but the table works."""
    sink("warning", text)


def error(text: str) -> None:
    """A table does not work: lookups fail until it is repaired."""
    sink("error", text)


def show(data: bytes) -> str:
    """Bytes as text for a report: raw bytes survive as lone surrogates."""
    return data.decode("utf-8", "surrogateescape")
