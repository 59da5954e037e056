"""The lock that says who is master: `pid/master.pid` below queue_directory, as Postfix has it.

Law: master(8). The lock (flock) goes with the process, so nothing that a kill leaves behind stops
the next start; the number in the file is for people and for `postfix stop`. Postfix's own
master takes the same lock: the two never run on one queue at the same time.
"""

import contextlib
import fcntl
import os

PID_FILE = "pid/master.pid"
WIDTH = 32                  # Postfix writes the number in a column of this width


class AlreadyRunning(Exception):
    """Another master holds the lock; `pid` is its process id, 0 where the file does not say."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"the mail system is already running with process id {pid}")
        self.pid = pid


def read_pid(path: str) -> int:
    """The number in a pid file, 0 if there is none."""
    try:
        with open(path, "rb") as file:
            text = file.read(64).strip()
    except OSError:
        return 0
    return int(text) if text.isdigit() and len(text) < 10 else 0


def acquire(path: str) -> int:
    """Take the lock and write our process id; the descriptor keeps it. Raises AlreadyRunning, OSError."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise AlreadyRunning(read_pid(path)) from None
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid():>{WIDTH}}\n".encode(), 0)
    return fd


def running(path: str) -> int:
    """Process id of the master that holds the lock, 0 if nobody does. Raises PermissionError."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return 0
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return read_pid(path)
    finally:
        with contextlib.suppress(OSError):
            os.close(fd)
    return 0
