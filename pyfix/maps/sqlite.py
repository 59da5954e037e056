"""sqlite:/path, tables in an SQLite database (sqlite_table(5)).

The database is opened read-only by one thread of the table's own, so that a lookup never holds up the loop. Values are
escaped for where they stand in the query (sqltext.py); a key with a NUL is in no table.
"""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..errors import TableError
from . import report
from .cfgfile import Settings, read_settings
from .registry import wants_utf8
from .remote import RemoteTable
from .sqlcommon import Common, old_query
from .sqltext import SqlFormat
from .table import Table

#: seconds to wait for a writer's lock
BUSY = 5.0


class SqliteTable(RemoteTable):
    """A database and the query that is put to it."""

    def __init__(self, type: str, name: str, settings: Settings, config: Any, flags: int, utf8: bool) -> None:
        super().__init__(type, name, flags, utf8)
        self.dbpath = settings.need("dbpath")
        query = old_query(settings)
        if '"%' in query:
            report.warning(f"{name}: query \"{query}\" has a parameter in double quotes; use single quotes instead")
        self.common = Common(settings, config, SqlFormat(query, settings, "sqlite"))
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self.database: sqlite3.Connection | None = None

    async def ask(self, key: bytes) -> bytes | None:
        if not await self.common.wanted(key):
            return None
        query = self.common.query.statement(key, False)
        if query is None:
            return None
        rows = await asyncio.get_running_loop().run_in_executor(self.thread, self._ask, query)
        return self.common.results(key, rows)

    def _ask(self, query: bytes) -> list[bytes | None]:
        """All fields of all rows (in the thread)."""
        try:
            if self.database is None:
                self.database = sqlite3.connect(f"file:{_uri(self.dbpath)}?mode=ro", uri=True, timeout=BUSY)
                self.database.text_factory = bytes
            cursor = self.database.execute(query.decode("utf-8", "surrogateescape"))
            return [_field(field) for row in cursor for field in row]
        except (sqlite3.Error, UnicodeEncodeError) as error:
            raise TableError(self.title, f"SQL query failed: {error}") from error

    def close(self) -> None:
        if self.database is not None:
            self.thread.submit(self.database.close)
        self.thread.shutdown()


def _uri(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _field(value: Any) -> bytes | None:
    """A column's value as text."""
    return value if value is None or isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError where the configuration can't be used; the database is opened by the first lookup."""
    settings = read_settings(type, name, config)
    return SqliteTable(type, name, settings, config, flags, wants_utf8(config, flags))
