"""mysql:/file, tables of a MySQL or MariaDB server (mysql_table(5)), through PyMySQL.

The driver blocks, so each table has a few threads. Values are escaped for the connection's SQL mode and for where they
stand in the query (sqltext.py); the connection takes one statement at a time.
"""

from __future__ import annotations

import asyncio
import configparser
import os
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from ..errors import TableConfigError, TableError
from . import report
from .cfgfile import Settings, read_settings
from .registry import wants_utf8
from .remote import SIZE, Lost, Pool, RemoteTable, driver
from .sqlcommon import Common, old_query
from .sqlhosts import Hosts, Server, safe_charset
from .sqltext import SqlFormat
from .table import Table

#: seconds to connect, to wait for an answer, and for a lookup as a whole
CONNECT, ANSWER, LIMIT = 10, 30, 60.0

_SOCKETS = ("/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock")
_OPTIONS = {"user": "user", "password": "password", "database": "database", "host": "host", "socket": "unix_socket",
            "default-character-set": "charset"}
_GONE = frozenset({2006, 2013, 2014, 2055, 1927, 4031})


def option_file(settings: Settings) -> dict[str, Any]:
    """What option_file and option_group say, by the driver's names."""
    path = settings.text("option_file")
    if not path:
        return {}
    parser = configparser.RawConfigParser(allow_no_value=True, strict=False)
    try:
        with open(path, encoding="utf-8") as file:
            parser.read_file(line for line in file if not line.startswith("!"))
    except (OSError, configparser.Error, UnicodeDecodeError) as error:
        raise TableConfigError(settings.title, f"option_file {path}: {error}") from error
    out: dict[str, Any] = {}
    for group in dict.fromkeys(("client", settings.values.get("option_group", "client").strip())):
        for name, value in (parser.items(group) if parser.has_section(group) else ()):
            if value and name.replace("_", "-") in _OPTIONS:
                out[_OPTIONS[name.replace("_", "-")]] = value.strip("'\"")
            elif value and name == "port" and value.isdigit():
                out["port"] = int(value)
    return out


def tls(settings: Settings) -> ssl.SSLContext | None:
    """A TLS context where any tls_ parameter is set."""
    cert, key = settings.text("tls_cert_file"), settings.text("tls_key_file")
    file, path = settings.text("tls_CAfile"), settings.text("tls_CApath")
    verify = settings.boolean("tls_verify_cert", False)
    if not (cert or key or file or path or verify):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = verify
    context.verify_mode = ssl.CERT_REQUIRED if file or path or verify else ssl.CERT_NONE
    try:
        if file or path:
            context.load_verify_locations(file or None, path or None)
        elif verify:
            context.load_default_certs()
        if cert:
            context.load_cert_chain(cert, key or None)
    except (OSError, ssl.SSLError) as error:
        raise TableConfigError(settings.title, f"{settings.where}: TLS parameters: {error}") from error
    return context


class Session:
    """A connection and the lock of the thread that uses it: a lookup may be given up while its thread still waits."""

    def __init__(self, connection: Any) -> None:
        self.connection, self.lock = connection, threading.Lock()

    def close(self) -> None:
        """Waits for the thread that uses it."""
        with self.lock:
            if self.connection.open:
                self.connection.close()


class MysqlTable(RemoteTable):
    """The servers and the query of one file."""

    def __init__(self, type: str, name: str, settings: Settings, config: Any, flags: int) -> None:
        super().__init__(type, name, flags, wants_utf8(config, flags))
        settings.need("dbname")
        self.common = Common(settings, config, SqlFormat(old_query(settings), settings, "mysql"))
        self.hosts = Hosts(settings, "mysql")
        self.need_result = settings.boolean("require_result_set", True)
        idle = settings.number("idle_interval", 60, 1)
        self.options = self._options(settings)
        self.driver = driver("pymysql", "mysql", self.title)
        if self.driver.charset.charset_by_name(self.options["charset"]) is None:
            raise TableConfigError(self.title, f"{settings.where}: unknown charset: {self.options['charset']}")
        self.threads = ThreadPoolExecutor(SIZE, thread_name_prefix="mysql")
        self.pool: Pool[Session] = Pool(self._connect, self._give_up, idle)

    def _options(self, settings: Settings) -> dict[str, Any]:
        """What every connection is opened with."""
        options = option_file(settings)
        given = {"user": settings.text("user"), "password": settings.text("password"),
                 "database": settings.text("dbname"), "charset": settings.text("charset")}
        options.update({name: value for name, value in given.items() if value})
        options.setdefault("charset", "utf8mb4")
        if not safe_charset(options["charset"]):
            raise TableConfigError(self.title, f"{settings.where}: charset {options['charset']}: values can't be "
                                               f"escaped safely in it; use utf8mb4")
        context = tls(settings)
        return {**options, **({"ssl": context} if context else {}), "connect_timeout": CONNECT,
                "read_timeout": ANSWER, "write_timeout": ANSWER, "use_unicode": False, "conv": {}, "autocommit": True}

    def _place(self, server: Server) -> dict[str, Any]:
        """Where a server is, as the driver wants it."""
        if server.unix:
            return {"unix_socket": server.where}
        host, _, port = server.where.rpartition(":") if ":" in server.where else (server.where, "", "")
        if host == "localhost" and not port:
            socket = self.options.get("unix_socket") or next(filter(os.path.exists, _SOCKETS), "")
            if socket:
                return {"unix_socket": socket}
        return {"host": host.strip("[]"), "unix_socket": None, **({"port": int(port)} if port.isdigit() else {})}

    async def _connect(self) -> Session:
        reason = "all servers have just failed"
        for server in self.hosts.candidates():
            try:
                return await self._thread(partial(self._open, server))
            except (self.driver.err.Error, OSError, ValueError, RuntimeError) as error:
                server.failed = time.monotonic()
                reason = _reason(error)
                report.warning(f"connect to {self.type} server {server.where}: {reason}")
        raise TableError(self.title, reason)

    def _open(self, server: Server) -> Session:
        return Session(self.driver.connect(**{**self.options, **self._place(server)}))

    def _thread(self, work: Any) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().run_in_executor(self.threads, work)

    def _give_up(self, session: Session) -> None:
        """In a thread of its own, since it may have to wait, and after close() the others take nothing more."""
        threading.Thread(target=session.close, name="mysql", daemon=True).start()

    async def ask(self, key: bytes) -> bytes | None:
        if not await self.common.wanted(key):
            return None
        try:
            async with asyncio.timeout(LIMIT):
                rows = await self.pool.run(lambda session: self._thread(partial(self._locked, session, key)))
        except (TimeoutError, Lost) as error:
            raise self._failed(str(error) or "timeout") from error
        return self.common.results(key, rows)

    def _locked(self, session: Session, key: bytes) -> list[bytes | None]:
        with session.lock:
            return self._query(session.connection, key)

    def _query(self, connection: Any, key: bytes) -> list[bytes | None]:
        """All fields of all rows (in a thread). Lost where the connection has gone, else TableError."""
        plain = connection.server_status & self.driver.constants.SERVER_STATUS.SERVER_STATUS_NO_BACKSLASH_ESCAPES
        statement = self.common.query.statement(key, not plain)
        if statement is None:
            return []
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return self._fields(cursor)
        except self.driver.err.Error as error:
            code = error.args[0] if error.args else 0
            if code in _GONE or isinstance(error, self.driver.err.InterfaceError):
                raise Lost(_reason(error)) from error
            raise self._failed(_reason(error)) from error
        except OSError as error:
            raise Lost(str(error)) from error

    def _fields(self, cursor: Any) -> list[bytes | None]:
        rows: list[bytes | None] = []
        sets = 0
        more = True
        while more:
            if cursor.description is not None:
                sets += 1
                rows = [field for row in cursor.fetchall() for field in row] if sets == 1 else rows
            more = bool(cursor.nextset())
        if sets > 1:
            raise self._failed("multiple result sets returning data are not supported")
        if not sets and self.need_result:
            raise self._failed("query returned no result set(require_result_set = yes)")
        return rows

    def _failed(self, reason: str) -> TableError:
        report.warning(f"{self.title}: query failed: {reason}")
        return TableError(self.title, reason)

    def close(self) -> None:
        self.pool.clear()
        self.threads.shutdown(wait=False)


def _reason(error: BaseException) -> str:
    """The driver's errors are (number, text)."""
    return str(error.args[-1]) if error.args else error.__class__.__name__


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError where the file can't be used or the driver is missing; connects at the first lookup."""
    return MysqlTable(type, name, read_settings(type, name, config), config, flags)
