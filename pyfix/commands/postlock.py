"""postlock: run a command while a mailbox is locked. Manual page: postlock(1).

Law: the ways to lock are mailbox_delivery_lock's (or -l's) of fcntl, flock and dotlock, in the order in which the mail
system takes them: the lock file first, then the kernel's locks. What cannot be done is exit status 75; otherwise the command's own.
"""

import errno
import fcntl
import getopt
import os
import signal
import stat
import subprocess
import sys
import time
from contextlib import ExitStack

from pyfix.commands.common import Failure, complaint, fatal
from pyfix.commands.queued import load
from pyfix.config import Config
from pyfix.errors import PyfixError

EX_TEMPFAIL = 75
USAGE = "usage: postlock [-c config_dir] [-l lock_style] [-v] folder command..."
STYLES = ("fcntl", "flock", "dotlock")
KERNEL = {"flock": fcntl.flock, "fcntl": fcntl.lockf}


class Patience:
    """deliver_lock_attempts, deliver_lock_delay and stale_lock_time of a configuration."""

    def __init__(self, config: Config) -> None:
        self.most = max(1, config.deliver_lock_attempts)
        self.pause = config.deliver_lock_delay
        self.stale = config.stale_lock_time


def styles(text: str) -> list[str]:
    """The ways to lock that a value names. Raises Failure."""
    words = text.replace(",", " ").split()
    for word in words:
        if word not in STYLES:
            raise Failure(f'unknown mailbox_delivery_lock value "{word}" in "{text}"')
    return words


def opened(path: str) -> int:
    """A descriptor of the mailbox, made where it is missing (mode 0600). Raises Failure."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Failure(f"open file {path}: cannot open file: {error.strerror}") from None
    return fd


def dotlock(path: str, patience: Patience) -> str:
    """Make the lock file beside a mailbox, and wait for whoever has it; one that is older than stale_lock_time is
    removed. The lock file's name. Raises Failure."""
    name = f"{path}.lock"
    for attempt in range(patience.most):
        if attempt:
            time.sleep(patience.pause)
        trouble = _make(name)
        if trouble == errno.EEXIST and _stale(name, patience.stale):
            trouble = _make(name)
        if trouble != errno.EEXIST:
            break
    if trouble:
        raise Failure(f"open file {path}: unable to create lock file {name}: {os.strerror(trouble)}")
    return name


def _make(name: str) -> int:
    """0, or the errno of what prevents a lock file."""
    try:
        os.close(os.open(name, os.O_WRONLY | os.O_EXCL | os.O_CREAT, 0))
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def _stale(name: str, limit: int) -> bool:
    """Remove a lock file that is too old; True where it is gone."""
    try:
        if time.time() - os.stat(name).st_ctime < limit:
            return False
        os.unlink(name)
    except FileNotFoundError:
        return True
    except OSError:
        return False            # not ours to remove: wait for its owner
    return True


def kernel_lock(fd: int, path: str, style: str, patience: Patience) -> None:
    """Take a lock of the system's on the open mailbox. Raises Failure when nobody lets go of it in time."""
    for attempt in range(patience.most):
        if attempt:
            time.sleep(patience.pause)
        try:
            KERNEL[style](fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            reason = error.strerror
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                break
    raise Failure(f"open file {path}: unable to lock for exclusive access: {reason}")


def execute(command: list[str]) -> int:
    """The command's exit status; 1 where a signal ended it or it is not there."""
    held = signal.signal(signal.SIGINT, signal.SIG_IGN)         # the command's to heed; the lock file stays ours to remove
    try:
        child = subprocess.Popen(command, close_fds=False, preexec_fn=lambda: signal.signal(signal.SIGINT, held))
    except OSError as error:
        return fatal("postlock", f"execvp {command[0]}: {error.strerror}")
    status = child.wait()
    return status if status >= 0 else 1


def ordinary(path: str) -> bool:
    """Whether a lock file is made beside it: a regular file, or one that is still to be made."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return True


def locked(path: str, ways: list[str], patience: Patience, command: list[str]) -> int:
    """Run the command with the mailbox locked. Raises Failure."""
    with ExitStack() as done:
        if "dotlock" in ways and ordinary(path):
            done.callback(os.unlink, dotlock(path, patience))
        fd = opened(path)
        done.callback(os.close, fd)
        for style in KERNEL:
            if style in ways:
                kernel_lock(fd, path, style, patience)
        return execute(command)


def run(argv: list[str]) -> int:
    """The command. Raises Failure, PyfixError."""
    try:
        options, words = getopt.getopt(argv, "c:l:v")
    except getopt.GetoptError as error:
        print(complaint("postlock", error), file=sys.stderr)
        raise Failure(USAGE) from None
    if len(words) < 2:
        raise Failure(USAGE)
    given = dict(options)
    if "-c" in given:
        os.environ["MAIL_CONFIG"] = given["-c"]
    config = load("")
    return locked(words[0], styles(given.get("-l", config["mailbox_delivery_lock"])), Patience(config), words[1:])


def main() -> int:
    """Entry point."""
    try:
        return run(sys.argv[1:])
    except (Failure, PyfixError, OSError) as error:
        return fatal("postlock", str(error), EX_TEMPFAIL)


if __name__ == "__main__":
    sys.exit(main())
