"""The mail log: Postfix's lines, to syslog or to `maillog_file`.

Law: postlogd(8), syslog(3); `maillog_file`, `syslog_name`, `syslog_facility` of postconf(5).
Lines gather (telemetry.lines) and leave once per turn of the event loop, in one write
for a file and in batches of datagrams for syslog. Without a loop (commands) each line
leaves at once. Inside a service the file's descriptor comes from master, which opened
it before privileges were dropped; `reopened` takes its successor.
"""

import contextlib
import os
import socket
import sys
import time
from typing import TYPE_CHECKING, Protocol

from pyfix.errors import ConfigError
from pyfix.telemetry.lines import Lines, masked

if TYPE_CHECKING:
    import asyncio              # a command has no loop, and need not load one

DEV_LOG = "/dev/log"
LINGER = 0.002              # seconds that lines gather; who tells another process of something flushes first
PERMISSIONS = {"0600": 0o600, "600": 0o600, "0640": 0o640, "640": 0o640, "0644": 0o644, "644": 0o644}
SYSLOG_PATIENCE = 100       # tries of 10 ms that a command gives a full syslog queue

FACILITIES = {name: number for number, name in enumerate(
    "kern user mail daemon auth syslog lpr news uucp cron authpriv ftp".split())}
FACILITIES |= {f"local{number}": 16 + number for number in range(8)}


class LogSettings(Protocol):
    """What the log wants from a configuration."""

    maillog_file: str
    syslog_name: str
    syslog_facility: str
    myhostname: str


def open_log_file(path: str, permissions: str = "0600") -> int:
    """Open `maillog_file` for appending, made with these permissions if absent; the descriptor is close-on-exec.

    "/dev/stdout" is standard output. Raises OSError.
    """
    if path == "/dev/stdout":
        return os.dup(1)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY
    try:
        fd = os.open(path, flags | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(path, flags, 0o600)
    os.fchmod(fd, PERMISSIONS.get(permissions, 0o600))
    return fd


def tag_of(config: LogSettings, process_name: str) -> bytes:
    """`postfix/smtpd[123]`: syslog_name, the program's name, our process id."""
    return f"{config.syslog_name}/{process_name}[{os.getpid()}]".encode("utf-8", "surrogateescape")


def host_of(config: LogSettings) -> bytes:
    """The first label of myhostname, as postlogd(8) writes it."""
    return config.myhostname.split(".")[0].encode("utf-8", "surrogateescape")


def syslog_socket() -> socket.socket:
    """A socket connected to the local syslog. Raises OSError where there is none."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        sock.connect(DEV_LOG)
    except OSError:
        sock.close()
        raise
    return sock


def facility_of(config: LogSettings) -> int:
    """-1 where the log goes to a file, else syslog's number of `syslog_facility`. Raises ConfigError."""
    if config.maillog_file:
        return -1
    try:
        return FACILITIES[config.syslog_facility]
    except KeyError:
        raise ConfigError(f"unknown syslog_facility: {config.syslog_facility}",
                          remedy="use mail, daemon, user or local0 to local7") from None


class Maillog(Lines):
    """The log of one process: `info`, `warning`, `error`, `fatal`, `panic`, each with a str or bytes.

    config        maillog_file, syslog_name, syslog_facility and myhostname of this service
    process_name  the program's name in master.cf ("smtpd") or of the command ("sendmail")
    loop          lines leave once per turn of this loop; None: at once
    fd            descriptor of the log file that master passed on; None: it is opened here
    """

    def __init__(self, config: LogSettings, process_name: str, loop: "asyncio.AbstractEventLoop | None" = None,
                 *, fd: int | None = None) -> None:
        super().__init__(host_of(config), tag_of(config, process_name), facility_of(config), self.wake_up)
        self.process_name, self.loop, self.path = process_name, loop, config.maillog_file
        self.permissions = getattr(config, "maillog_file_permissions", "0600")      # a log of the load tools has no main.cf
        self.fd = -1 if fd is None else fd
        self.socket: socket.socket | None = None
        self.blocked = False
        self.first: Maillog | None = None       # of a sibling: the log whose buffer it uses

    def sibling(self, config: LogSettings, process_name: str) -> "Maillog":
        """A log with another program's name for the same process: same buffer, same order, one write."""
        other = Maillog(config, process_name, self.loop, fd=self.fd)
        other.share(self)
        other.first = self
        return other

    def wake_up(self) -> None:
        """The first line since the last flush has come."""
        if self.loop is not None and self.loop.is_running():
            self.loop.call_later(LINGER, self.flush)
        else:
            self.flush()

    def flush(self) -> None:
        """Hand on all lines now. A log that can't be written loses lines (counted), never mail."""
        if self.first is not None:
            self.first.flush()
        elif self.path:
            self._flush_file()
        elif not self.blocked:
            self._flush_syslog()

    def _flush_file(self) -> None:
        if self.fd < 0:
            try:
                self.fd = open_log_file(self.path, self.permissions)
            except OSError as error:
                sys.stderr.write(f"{self.process_name}: cannot open {self.path}: {error.strerror}\n")
                return self.clear()
        self.write_file(self.fd)

    def _flush_syslog(self) -> None:
        for attempt in (1, 2):
            try:
                if self.socket is None:
                    self.socket = syslog_socket()
                if not self.send_datagrams(self.socket.fileno()):
                    self._wait_for_room()
                return
            except OSError:             # the syslog daemon is away or was restarted
                self._drop_socket()
        self.clear()

    def _wait_for_room(self) -> None:
        """Syslog's queue is full: go on when it can be written; a command waits here."""
        sock = self.socket
        if self.loop is not None and self.loop.is_running():
            self.blocked = True
            self.loop.add_writer(sock.fileno(), self._room)
            return
        for _ in range(SYSLOG_PATIENCE):
            if self.send_datagrams(sock.fileno()):
                return
            time.sleep(0.01)
        self.clear()

    def _room(self) -> None:
        self.loop.remove_writer(self.socket.fileno())
        self.blocked = False
        self.flush()

    def _drop_socket(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def open(self) -> None:
        """Open now what else the first line would open: on the way into a jail, where its path leads nowhere."""
        with contextlib.suppress(OSError):
            if self.path and self.fd < 0:
                self.fd = open_log_file(self.path, self.permissions)
            elif not self.path:
                self.socket = syslog_socket()

    def reopened(self, fd: int) -> None:
        """Go on with a new file (the old one was rotated). It takes the old one's number, which others may know; `fd`
        is closed."""
        self.flush()
        if self.fd < 0:
            self.fd = fd
            return
        os.dup2(fd, self.fd, inheritable=False)
        os.close(fd)

    def configure(self, config: LogSettings) -> None:
        """Take the names of a new configuration; a change of the log's kind needs a restart."""
        self.setup(host_of(config), tag_of(config, self.process_name),
                   -1 if self.path else facility_of(config))


class CommandLog(Maillog):
    """The log of a command: each line also goes to standard error as `sendmail: fatal: text`."""

    @property
    def told_as(self) -> str:
        """The name at the head of a line on standard error."""
        return self.process_name

    def _tell(self, label: str, text: str | bytes) -> None:
        raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
        line = self.told_as.encode() + b": " + label.encode() + masked(raw) + b"\n"
        with contextlib.suppress(OSError):
            os.write(2, line)

    def info(self, text: str | bytes) -> None:
        """An ordinary line."""
        self._tell("", text)
        super().info(text)

    def warning(self, text: str | bytes) -> None:
        """A line `warning: text`."""
        self._tell("warning: ", text)
        super().warning(text)

    def error(self, text: str | bytes) -> None:
        """A line `error: text`."""
        self._tell("error: ", text)
        super().error(text)

    def fatal(self, text: str | bytes) -> None:
        """A line `fatal: text`; the command exits by itself."""
        self._tell("fatal: ", text)
        super().fatal(text)

    def panic(self, text: str | bytes) -> None:
        """A line `panic: text`."""
        self._tell("panic: ", text)
        super().panic(text)
