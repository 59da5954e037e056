"""pgsql:/file, tables of a PostgreSQL server (pgsql_table(5)), through psycopg and libpq.

Queries go as text and fields come as text, as psql shows them. Values are escaped for the connection's settings and
for where they stand in the query (sqltext.py).
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from ..errors import TableConfigError, TableError
from . import report
from .braces import tokens
from .cfgfile import Settings, read_settings
from .registry import wants_utf8
from .remote import Lost, Pool, RemoteTable, driver
from .sqlcommon import Common, old_query
from .sqlhosts import Hosts, Server, safe_charset
from .sqltext import SqlFormat
from .table import Table

#: seconds to connect to one server, and for a lookup as a whole
CONNECT, LIMIT = 10, 60.0


def query_text(settings: Settings) -> str:
    """`query`, or one that calls select_function, or one of the old fields."""
    function = settings.text("select_function")
    if function and not settings.text("query"):
        return f"SELECT {function}('%s')"
    return old_query(settings)


class PgsqlTable(RemoteTable):
    """The servers and the query of one file."""

    def __init__(self, type: str, name: str, settings: Settings, config: Any, flags: int) -> None:
        super().__init__(type, name, flags, wants_utf8(config, flags))
        if not all(_is_uri(word) for word in tokens(settings.text("hosts"))) or not settings.text("hosts"):
            settings.need("dbname")
        self.common = Common(settings, config, SqlFormat(query_text(settings), settings, "pgsql"))
        self.hosts = Hosts(settings, "pgsql")
        self.encoding = settings.text("encoding") or "UTF8"
        if not safe_charset(self.encoding):
            raise TableConfigError(self.title, f"{settings.where}: encoding {self.encoding}: values can't be escaped "
                                               f"safely in it; use UTF8")
        self.login = {name: settings.text(name) for name in ("user", "password", "dbname") if settings.text(name)}
        self.driver = driver("psycopg", "pgsql", self.title)
        self.pool: Pool[Any] = Pool(self._connect, lambda connection: connection.pgconn.finish(),
                                    settings.number("idle_interval", 60, 1))

    def _arguments(self, server: Server) -> tuple[str, dict[str, Any]]:
        """(connection string, keywords) of libpq."""
        if _is_uri(server.text):
            return server.text, {}
        host, colon, port = server.where.rpartition(":")
        if server.unix or not colon or server.where.endswith("]"):
            host, port = server.where, ""
        return "", {**self.login, "host": host.strip("[]"), **({"port": port} if port else {})}

    async def _connect(self) -> Any:
        reason = "all servers have just failed"
        for server in self.hosts.candidates():
            info, keywords = self._arguments(server)
            try:
                return await self.driver.AsyncConnection.connect(
                    info, autocommit=True, prepare_threshold=None, client_encoding=self.encoding,
                    connect_timeout=CONNECT, **keywords)
            except (self.driver.Error, ValueError) as error:
                server.failed = time.monotonic()
                reason = _reason(error)
                report.warning(f"connect to {self.type} server {server.where}: {reason}")
        raise TableError(self.title, reason)

    async def ask(self, key: bytes) -> bytes | None:
        if not await self.common.wanted(key):
            return None
        try:
            async with asyncio.timeout(LIMIT):
                rows = await self.pool.run(lambda connection: self._query(connection, key))
        except (TimeoutError, Lost) as error:
            raise self._failed(str(error) or "timeout", "") from error
        return self.common.results(key, rows)

    async def _query(self, connection: Any, key: bytes) -> list[bytes | None]:
        """All fields of all rows. Lost where the connection has gone, else TableError."""
        plain = connection.pgconn.parameter_status(b"standard_conforming_strings") == b"on"
        statement = self.common.query.statement(key, not plain)
        if statement is None:
            return []
        try:
            async with connection.cursor() as cursor:
                await cursor.execute(statement)
                result = cursor.pgresult
                return [result.get_value(row, column) for row in range(result.ntuples)
                        for column in range(result.nfields)]
        except self.driver.Error as error:
            if connection.closed:
                raise Lost(_reason(error)) from error
            raise self._failed(_reason(error), f"fatal error from host {connection.info.host}: ") from error

    def _failed(self, reason: str, where: str) -> TableError:
        report.warning(f"pgsql query failed: {where}{reason}")
        return TableError(self.title, reason)

    def close(self) -> None:
        self.pool.clear()


def _is_uri(text: str) -> bool:
    return text.startswith(("postgresql://", "postgres://"))


def _reason(error: BaseException) -> str:
    """libpq's texts have several lines."""
    return " ".join(str(error).split())


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError where the file can't be used or the driver is missing; connects at the first lookup."""
    return PgsqlTable(type, name, read_settings(type, name, config), config, flags)
