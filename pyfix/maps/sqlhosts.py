"""The `hosts` of mysql: and pgsql: tables: which server to try next (mysql_table(5), pgsql_table(5)).

UNIX-domain sockets before TCP, each in random order. One that failed is passed over for retry_interval seconds as long
as another works; when all have failed they are tried again, at most once a second.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from . import report
from .braces import tokens
from .cfgfile import Settings

#: seconds between two rounds over servers that have all failed
ROUND = 1.0

#: client encodings in which a byte of ASCII can be the second half of a character: escaping can't be trusted there
UNSAFE = frozenset({"big5", "big5hkscs", "cp932", "eucjpms", "gb18030", "gbk", "johab", "shiftjis", "shiftjis2004",
                    "sjis", "uhc", "ucs2", "utf16", "utf16le", "utf32", "mskanji", "win932", "windows932", "win936",
                    "windows936", "win949", "windows949", "win950", "windows950"})


def safe_charset(name: str) -> bool:
    """May values be escaped byte by byte in this client encoding?"""
    return "".join(c for c in name.lower() if c.isalnum()) not in UNSAFE


class Server:
    """One of them; `failed` is when it last did (monotonic seconds)."""

    def __init__(self, text: str) -> None:
        self.text, self.failed = text, -1e9
        self.unix = text.startswith("unix:")
        self.where = text.removeprefix("unix:").removeprefix("inet:")


class Hosts:
    """The servers of one table."""

    def __init__(self, settings: Settings, kind: str) -> None:
        words = tokens(settings.text("hosts"))
        if not words:
            report.warning(f"{kind}: {settings.where}: no hostnames specified, defaulting to 'localhost'")
            words = ["localhost"]
        self.servers = [Server(word) for word in words]
        self.interval = settings.number("retry_interval", 60, 1)

    def candidates(self) -> Iterator[Server]:
        """Those to try now, in order; none where all have just failed."""
        now = time.monotonic()
        good = [server for server in self.servers if now - server.failed >= self.interval]
        if not good and now - max(server.failed for server in self.servers) >= ROUND:
            good = list(self.servers)
        random.shuffle(good)
        yield from sorted(good, key=lambda server: not server.unix)
