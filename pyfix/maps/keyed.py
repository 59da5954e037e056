"""Key formats of cache tables: what memcache: and redis: share (memcache_table(5): key_format, domain)."""

from __future__ import annotations

from typing import Any

from . import report
from .cfgfile import Settings
from .match_list import MatchList, string_list
from .sqlcommon import Format

#: memcached's limit; redis has none that matters, but one limit for both keeps configurations exchangeable
LONGEST = 250


class KeyFormat:
    """`key_format` and `domain` of one table."""

    def __init__(self, settings: Settings, config: Any, spaces: bool) -> None:
        self.where = settings.where
        self.format = Format(settings.text("key_format") or "%s", settings, "query")
        domain = settings.text("domain")
        self.domains: MatchList | None = string_list(domain, config, f"{settings.where}:domain") if domain else None
        self.spaces = spaces

    async def make(self, key: bytes, what: str) -> bytes | None:
        """The key that the server knows; None where there is none. `what` is "lookup", or a change that is reported."""
        reason, made = await self._judge(key)
        if reason and what != "lookup":
            report.warning(f'{self.where}: skipping {what} for name "{report.show(key)}": {reason}')
        return None if reason else made

    async def _judge(self, key: bytes) -> tuple[str, bytes]:
        """(why not, the key)."""
        if not key:
            return "empty lookup key", b""
        at = key.rfind(b"@")
        if self.domains is not None and not (at > 0 and key[at + 1:] and await self.domains.lookup(key[at + 1:])):
            return "domain mismatch", b""
        made = self.format.expand(key, key, bytes)
        if not made:
            return "empty lookup key expansion", b""
        if not self.spaces and any(c <= 0x20 or c == 0x7F for c in made):
            return "name contains space", b""
        return ("name too long", b"") if len(made) > LONGEST else ("", made)
