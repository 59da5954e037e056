"""Stub of `pyfix.telemetry.lines`: log lines gathered in one C buffer."""

from collections.abc import Callable

TEXT_LIMIT: int

class Lines:
    """A buffer of log lines for one process.

    host      name in file lines; ignored for syslog
    tag       b"postfix/smtpd[123]"
    facility  syslog facility number (mail is 2), or -1 for the shape of a file
    wake      called without arguments when the first line enters the empty buffer
    """

    dropped: int
    written: int
    wake: Callable[[], None] | None
    def __init__(self, host: bytes, tag: bytes, facility: int = -1, wake: Callable[[], None] | None = None) -> None: ...
    def __len__(self) -> int: ...
    def setup(self, host: bytes, tag: bytes, facility: int = -1) -> None:
        """Take new values for what stands at the head of a line (after a reload)."""
    def share(self, other: "Lines") -> None:
        """Put lines into the buffer of `other` from now on, under our own tag: one process, one order."""
    def info(self, text: str | bytes) -> None:
        """An ordinary line; `text` is without a line end."""
    def warning(self, text: str | bytes) -> None:
        """A line `warning: text`."""
    def error(self, text: str | bytes) -> None:
        """A line `error: text`."""
    def fatal(self, text: str | bytes) -> None:
        """A line `fatal: text`. It only logs; ending the process is the caller's."""
    def panic(self, text: str | bytes) -> None:
        """A line `panic: text`. It only logs; ending the process is the caller's."""
    def pending(self) -> list[bytes]:
        """The gathered lines, without taking them out."""
    def clear(self) -> None:
        """Forget the gathered lines."""
    def write_file(self, fd: int) -> int:
        """Append all lines to the file `fd` with one write; 0, or errno with the lines lost and counted."""
    def send_datagrams(self, fd: int) -> bool:
        """Send the lines to a syslog socket; False when its queue is full. Raises OSError when it is gone."""

def masked(text: bytes) -> bytes:
    """`text` as it would stand in a line: bounded, unprintable bytes as "?"."""
