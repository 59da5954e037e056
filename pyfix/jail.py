"""The chroot jail: what a process must do before it is in, and may not do any more when it is.

Law: chroot(2); master(5), "Chroot"; BASIC_CONFIGURATION_README. A service with y in the chroot column opens its tables, its log
and its name servers' list as root, as Postfix does, then makes queue_directory its root and gives up root: `begin`, the
stage's prepare(), `enter`. What it has open stays open; a file that is changed outside it can't see. So `seen` tells master which
files it has read, and master, which is not in a jail, replaces a process whose files are not what they were (pyfix.master.heirs).

A kept descriptor of a directory outside would be a way out of the jail: `enter` refuses to go in with one.
"""

import contextlib
import os
import stat
import time

from pyfix.errors import SystemTrouble

SERVICES = "/etc/services"
Stamp = list[int]           # device, inode, time of change in ns, size

preparing = False           # root still, and soon in the jail: read now what can't be read later
entered = False             # paths mean what they mean in the jail
seen: dict[str, Stamp] = {}     # absolute path -> what it was just before it was read; [] where there was nothing
ports: dict[str, int] = {}      # services(5), in a jail


def stamp(path: str) -> Stamp:
    """What tells one content of a file from the next; [] for a file that is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return []
    return [status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size]


def note(path: str) -> None:
    """`path` is about to be read: on the way into a jail, remember what it is now."""
    if preparing and path.startswith("/") and path not in seen:
        seen[path] = stamp(path)


def begin() -> None:
    """From here to `enter` everything that is needed from outside is opened."""
    global preparing
    preparing = True
    if "TZ" not in os.environ:          # else localtime(3) would look for the file in the jail at each call
        os.environ["TZ"] = ":/etc/localtime"
        time.tzset()
    note(SERVICES)
    with contextlib.suppress(OSError), open(SERVICES, encoding="utf-8", errors="replace") as file:
        for line in file:
            read_service(line.partition("#")[0].split())


def read_service(words: list[str]) -> None:
    """A line of services(5), "name number/protocol alias ...": the first of a name counts."""
    number, _, protocol = words[1].partition("/") if len(words) > 1 else ("", "", "")
    if protocol == "tcp" and number.isascii() and number.isdigit():
        for name in (words[0], *words[2:]):
            ports.setdefault(name, int(number))


def port(service: str) -> int:
    """The TCP port of a service's name as it was known outside; 0 where it was not, or where there is no jail."""
    return ports.get(service, 0)


def enter(directory: str) -> None:
    """Make `directory` the root. Needs root. Raises SystemTrouble where something open would lead out, OSError."""
    global preparing, entered
    for fd, target in ways_out(os.path.realpath(directory)):
        raise SystemTrouble(f"chroot {directory}: descriptor {fd} is a directory outside: {target}")
    os.chroot(directory)
    os.chdir("/")
    preparing, entered = False, True


def ways_out(root: str) -> list[tuple[int, str]]:
    """Open directories that are not below `root`: (descriptor, path)."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            mode, target = os.fstat(int(name)).st_mode, os.readlink(f"/proc/self/fd/{name}")
        except OSError:             # that of the listing itself
            continue
        if stat.S_ISDIR(mode) and target != root and not target.startswith(root.rstrip("/") + "/"):
            found.append((int(name), target))
    return found


def base(queue_directory: str) -> str:
    """What leads to the queue: its name, in a jail "."."""
    return "." if preparing or entered else queue_directory


def room(directory: str) -> str:
    """Where a process may keep a file that belongs into `directory` outside: there, or in the jail's `private`."""
    return "private" if preparing or entered else directory
