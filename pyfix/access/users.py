"""Which local users may: authorized_submit_users, authorized_mailq_users, authorized_flush_users.

Law: postconf(5) on these: a list of user names, "/file" and "type:table" patterns; "!" in front
of a pattern excludes; the first that matches decides.
"""

import pwd
from typing import Any

from pyfix import maps


def user_name(uid: int) -> str:
    """The login name of a user, or its number."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


class Admission:
    """Answers whether a user may; tables are opened when they are first needed."""

    def __init__(self, config: Any, parameter: str = "authorized_submit_users") -> None:
        self.config, self.words = config, config.words(parameter)
        self.tables: dict[str, Any] = {}

    async def __call__(self, user: str) -> bool:
        """True where `user` may. Raises TableError."""
        for word in self.words:
            wanted = not word.startswith("!")
            if await self._matches(word.lstrip("!"), user):
                return wanted
        return False

    async def _matches(self, pattern: str, user: str) -> bool:
        if pattern == "static:anyone":
            return True
        if pattern.startswith("/"):
            with open(pattern, encoding="utf-8", errors="surrogateescape") as file:
                names = file.read().replace(",", " ").split()
            return user in names
        if ":" not in pattern:
            return pattern == user
        if pattern not in self.tables:
            self.tables[pattern] = maps.open(pattern, self.config)
        return await self.tables[pattern].lookup(user.encode("utf-8", "surrogateescape")) is not None
