"""The tree below queue_directory: who owns what.

Law: postfix(1) "check", postfix-files. As in Postfix the root of the tree and `pid` belong to root,
the rest to mail_owner, and `maildrop` can be written but not read by setgid_group. One thing differs: `public`
can be entered by everyone, because `sendmail` talks to public/submit by itself; each socket in it has a mode of its own
and its server asks the kernel who is calling.
"""

import contextlib
import grp
import os
import pwd
import stat
from typing import Any, NamedTuple

from pyfix.errors import ConfigError


class Directory(NamedTuple):
    """A directory of the spool: who owns it ("root", "owner"), its mode, whether setgid_group is its group."""

    name: str
    owner: str
    mode: int
    group: bool = False


TREE = (
    Directory(".", "root", 0o755), Directory("pid", "root", 0o755),
    *(Directory(name, "owner", 0o700) for name in (
        "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "log", "private", "saved", "trace")),
    Directory("public", "owner", 0o755), Directory("maildrop", "owner", 0o730, True),
)


class Owners(NamedTuple):
    """Numeric ids; -1 leaves as it is."""

    uid: int
    gid: int
    drop_gid: int


def owners(config: Any) -> Owners:
    """The ids of mail_owner and setgid_group; without root nothing is given away. Raises ConfigError."""
    if os.geteuid() != 0:
        return Owners(-1, -1, -1)
    try:
        user = pwd.getpwnam(config.mail_owner)
    except KeyError:
        raise ConfigError(f"mail_owner: unknown user {config.mail_owner}",
                          remedy=f"make it with \"useradd -r -s /usr/sbin/nologin {config.mail_owner}\"") from None
    try:
        group = grp.getgrnam(config.setgid_group)
    except KeyError:
        raise ConfigError(f"setgid_group: unknown group {config.setgid_group}",
                          remedy=f"make it with \"groupadd -r {config.setgid_group}\"") from None
    return Owners(user.pw_uid, user.pw_gid, group.gr_gid)


def wanted(entry: Directory, ids: Owners) -> tuple[int, int]:
    """(uid, gid) that a directory should have."""
    uid = (0 if ids.uid >= 0 else -1) if entry.owner == "root" else ids.uid
    gid = ids.drop_gid if entry.group else (0 if ids.uid >= 0 else -1)
    return uid, gid


def make(config: Any) -> None:
    """Make what is missing of the tree and put its owners and modes right. Raises ConfigError, OSError."""
    ids = owners(config)
    root = config.queue_directory
    os.makedirs(root, 0o755, exist_ok=True)
    for entry in TREE:
        path = os.path.join(root, entry.name)
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)
        _put_right(path, entry.mode, *wanted(entry, ids))
    data = config.data_directory
    if not os.path.isdir(data):
        os.makedirs(data, 0o700)
    _put_right(data, stat.S_IMODE(os.stat(data).st_mode) & ~0o022, ids.uid, -1)


def _put_right(path: str, mode: int, uid: int, gid: int) -> None:
    """Set mode and owner of a directory of ours; never of what a symbolic link points to."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        now = os.fstat(fd)
        if (uid >= 0 and now.st_uid != uid) or (gid >= 0 and now.st_gid != gid):
            os.fchown(fd, uid, gid)
        if stat.S_IMODE(now.st_mode) != mode:
            os.fchmod(fd, mode)
    finally:
        os.close(fd)


def complaints(config: Any) -> list[str]:
    """What `postfix check` warns of, in Postfix's words."""
    found = []
    ids = owners(config)
    for entry in TREE:
        path = os.path.normpath(os.path.join(config.queue_directory, entry.name))
        try:
            now = os.lstat(path)
        except FileNotFoundError:
            found.append(f"missing directory: {path}")
            continue
        uid, gid = wanted(entry, ids)
        if uid >= 0 and now.st_uid != uid:
            found.append(f"not owned by {'root' if uid == 0 else config.mail_owner}: {path}")
        if entry.group and gid >= 0 and now.st_gid != gid:
            found.append(f"not owned by group {config.setgid_group}: {path}")
        if now.st_mode & 0o022 & ~entry.mode:
            found.append(f"group or other writable: {path}")
    return found
