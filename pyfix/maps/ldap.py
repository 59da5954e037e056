"""ldap:/file, entries of a directory server (ldap_table(5)), through python-ldap and libldap.

The library blocks, so each table has a few threads, each with connections of its own. Values are escaped for filters
(RFC 4515) and for names (RFC 4514). Old limits hold: version 2 unless the file says 3.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from ..errors import TableError
from . import report
from .braces import tokens
from .cfgfile import Settings, read_settings
from .ldapconn import Directory, Gone, Parameters
from .ldapresult import Collector
from .registry import wants_utf8
from .remote import SIZE, Lost, Pool, RemoteTable, driver
from .sqlcommon import Common, Format
from .table import Table

_FILTER = {ord(c): f"\\{ord(c):02X}".encode() for c in "*()\\\0"}
_NAME = {ord(c): f"\\{ord(c):02X}".encode() for c in "\t\n\r \"#+,;<>\\=\0"}
_SCOPES = {"sub": 2, "one": 1, "base": 0}


def quote_filter(part: bytes) -> bytes:
    """`part` as a value in a search filter (RFC 4515)."""
    return b"".join([_FILTER.get(c) or bytes([c]) for c in part])


def quote_name(part: bytes) -> bytes:
    """`part` as a value in a distinguished name (RFC 4514)."""
    return b"".join([_NAME.get(c) or bytes([c]) for c in part])


class LdapTable(RemoteTable):
    """The servers and the search of one file."""

    def __init__(self, type: str, name: str, settings: Settings, config: Any, flags: int) -> None:
        super().__init__(type, name, flags, wants_utf8(config, flags))
        if not settings.text("result_format"):
            settings.values["result_format"] = settings.text("result_filter")
        self.scope = self._scope(settings)
        for old in ("cache", "cache_expiry", "cache_size"):
            if old in settings.values:
                report.warning(f"dict_ldap_open: {settings.where} ignoring {old}")
        self.parameters = Parameters(settings, max(0, settings.number("expansion_limit", 0)))
        text = settings.text("query_filter") or "(mailacceptinggeneralid=%s)"
        self.filter = Format(text, settings, "query")
        if self.filter.plain:
            report.warning(f"dict_ldap_open: {settings.where}: Fixed query_filter {text} is probably useless")
        self.base = Format(settings.text("search_base"), settings, "query")
        self.common = Common(settings, config, None)
        self.wants = Collector.from_settings(settings, tokens)
        self.driver = driver("ldap", "ldap", self.title)
        self.threads = ThreadPoolExecutor(SIZE, thread_name_prefix="ldap")
        self.pool: Pool[Directory] = Pool(self._connect, self._give_up)

    @staticmethod
    def _scope(settings: Settings) -> int:
        text = settings.text("scope") or "sub"
        if text.lower() not in _SCOPES:
            report.warning(f"dict_ldap_open: {settings.where}: Unrecognized value {text} specified for scope; using sub")
        return _SCOPES.get(text.lower(), 2)

    def _thread(self, work: Any) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().run_in_executor(self.threads, work)

    def _give_up(self, directory: Directory) -> None:
        """In a thread of its own, since it may have to wait, and after close() the others take nothing more."""
        threading.Thread(target=directory.close, name="ldap", daemon=True).start()

    async def _connect(self) -> Directory:
        return await self._thread(partial(Directory.open, self.driver, self.parameters, self.title))

    async def ask(self, key: bytes) -> bytes | None:
        if not await self.common.wanted(key):
            return None
        base, filter = self.base.expand(key, key, quote_name), self.filter.expand(key, key, quote_filter)
        if base is None or filter is None:
            return None
        cancelled = threading.Event()
        work = partial(self._search, base.decode(), filter.decode(), cancelled)
        try:
            async with asyncio.timeout(self.parameters.timeout * 3):
                values = await self.pool.run(lambda one: self._thread(partial(work, one)))
        except (TimeoutError, Lost) as error:
            cancelled.set()
            text = f"dict_ldap_lookup: Search error: {error or 'timeout'}"
            report.warning(text)
            raise TableError(self.title, text) from error
        return self.common.results(key, values)

    def _search(self, base: str, filter: str, cancelled: threading.Event, directory: Directory) -> list[bytes | None]:
        """The values of all entries (in a thread). Lost where the connection has gone, else TableError."""
        try:
            return self.wants.collect(directory, self.title, base, self.scope, filter, cancelled)
        except Gone as error:
            raise Lost(str(error)) from error

    def close(self) -> None:
        self.pool.clear()
        self.threads.shutdown(wait=False)


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError where the file can't be used or the driver is missing; connects at the first lookup."""
    return LdapTable(type, name, read_settings(type, name, config), config, flags)
