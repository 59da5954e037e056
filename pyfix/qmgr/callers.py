"""Who calls qmgr, and what they may ask: the kernel says whose process is at the other end of a socket.

Law: postqueue(1), postconf(5) authorized_mailq_users and authorized_flush_users. `public/qmgr` and `public/showq` can be
reached by every local user, and any of them may be hostile: only processes of root and of our own user are heard as
writers and agents or may change the queue; others may list and flush where the parameters allow it. Nobody but these
two has more than USER_CONNECTIONS at a time.
"""

import os
from collections import Counter
from typing import Any

from pyfix.access.users import Admission, user_name
from pyfix.errors import TableError
from pyfix.ipc.connection import Connection

USER_CONNECTIONS = 50
EX_NOPERM, EX_TEMPFAIL = 77, 75
LISTING, FLUSHING = ("list",), ("flush", "flush_id", "flush_site")


class Callers:
    """The connections of users that are not trusted, and the lists of who may what."""

    def __init__(self, config: Any, log: Any) -> None:
        self.log = log
        self.users: dict[Connection, int] = {}      # connection -> uid
        self.counts: Counter[int] = Counter()
        self.configure(config)

    def configure(self, config: Any) -> None:
        """Take the lists of a configuration."""
        self.viewers = Admission(config, "authorized_mailq_users")
        self.flushers = Admission(config, "authorized_flush_users")

    def trusted(self, connection: Connection) -> bool:
        """Is the process at the other end root's, or our own user's?"""
        return connection.peer_credentials()[1] in (0, os.geteuid())

    def came(self, connection: Connection) -> None:
        """A new connection; one too many of a user is closed."""
        uid = connection.peer_credentials()[1]
        if uid in (0, os.geteuid()):
            return
        if self.counts[uid] >= USER_CONNECTIONS:
            connection.close()
            return
        self.users[connection] = uid
        self.counts[uid] += 1

    def left(self, connection: Connection) -> None:
        """A connection has ended."""
        uid = self.users.pop(connection, None)
        if uid is not None:
            self.counts[uid] -= 1
            if not self.counts[uid]:
                del self.counts[uid]

    async def refusal(self, connection: Connection, verb: str) -> tuple[int, str]:
        """(exit status, text) for the user who may not ask this, else (0, "")."""
        uid = connection.peer_credentials()[1]
        if uid in (0, os.geteuid()):
            return 0, ""
        if verb not in LISTING and verb not in FLUSHING:
            return EX_NOPERM, "use of this command is reserved for the superuser"
        admission, what = (self.viewers, "view") if verb in LISTING else (self.flushers, "flush")
        try:
            if await admission(user_name(uid)):
                return 0, ""
        except (TableError, OSError) as trouble:
            self.log.warning(f"user {user_name(uid)}({uid}): {trouble}")
            return EX_TEMPFAIL, "Temporary lookup failure"
        return EX_NOPERM, f"User {user_name(uid)}({uid}) is not allowed to {what} the mail queue"
