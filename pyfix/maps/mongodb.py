"""mongodb:/file, documents of a MongoDB server (mongodb_table(5), Postfix 3.9), through PyMongo's asyncio client.

The query_filter is JSON. It is read once, and values are put into its strings afterwards: what a peer sends can be
nothing but text there, never an operator.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

from ..errors import TableConfigError, TableError
from . import report
from .braces import tokens
from .cfgfile import Settings, read_settings
from .registry import wants_utf8
from .remote import SIZE, RemoteTable, driver
from .sqlcommon import Common, Format
from .table import Table

#: seconds to find a server, and for a lookup as a whole
FIND, LIMIT = 5, 30.0


def parse(settings: Settings, name: str) -> Any:
    """A parameter that is a JSON object; None where it is not set."""
    text = settings.text(name)
    if not text:
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise TableConfigError(settings.title, f"{settings.where}: {name} is not JSON: {error}: {text}") from error
    if not isinstance(value, dict):
        raise TableConfigError(settings.title, f"{settings.where}: {name} must be a JSON object: {text}")
    return value


class Missing(Exception):
    """The key has no such part."""


class Filter:
    """A query filter whose strings may have %-parts."""

    def __init__(self, settings: Settings) -> None:
        settings.need("query_filter")
        self.tree = self._prepare(parse(settings, "query_filter"), settings)

    def _prepare(self, node: Any, settings: Settings) -> Any:
        if isinstance(node, dict):
            return {name: self._prepare(value, settings) for name, value in node.items()}
        if isinstance(node, list):
            return [self._prepare(value, settings) for value in node]
        return Format(node, settings, "query") if isinstance(node, str) else node

    def fill(self, key: bytes) -> Any:
        """The filter for `key`; None where the key has no such parts."""
        try:
            return self._fill(self.tree, key)
        except Missing:
            return None

    def _fill(self, node: Any, key: bytes) -> Any:
        if isinstance(node, dict):
            return {name: self._fill(value, key) for name, value in node.items()}
        if isinstance(node, list):
            return [self._fill(value, key) for value in node]
        if not isinstance(node, Format):
            return node
        text = node.expand(key, key, bytes)
        if text is None:
            raise Missing
        return text.decode("utf-8")


def fields(value: Any, title: str) -> Iterator[bytes]:
    """The values of a document's field: text, numbers, and lists of them. TableError for anything else."""
    if isinstance(value, str):
        yield value.encode("utf-8", "surrogateescape")
    elif isinstance(value, bool):
        yield b"true" if value else b"false"
    elif isinstance(value, (int, float)):
        yield str(value).encode()
    elif isinstance(value, list):
        for one in value:
            yield from fields(one, title)
    elif value is not None:
        raise TableError(title, f"unexpected type of value: {value.__class__.__name__}")


class MongodbTable(RemoteTable):
    """The server and the query of one file."""

    def __init__(self, type: str, name: str, settings: Settings, config: Any, flags: int) -> None:
        super().__init__(type, name, flags, wants_utf8(config, flags))
        self.uri, self.dbname = settings.need("uri"), settings.need("dbname")
        self.collection = settings.need("collection")
        self.common = Common(settings, config, Filter(settings))
        self.projection = parse(settings, "projection") or self._projection(settings)
        self.driver = driver("pymongo", "mongodb", self.title)
        self.find_options = self._options(parse(settings, "options") or {}, settings)
        self.client: Any = None
        self.loop: asyncio.AbstractEventLoop | None = None

    @staticmethod
    def _projection(settings: Settings) -> dict[str, int]:
        names = tokens(settings.text("result_attribute"))
        if not names:
            raise TableConfigError(settings.title, f"{settings.where}: set result_attribute or projection")
        return {**dict.fromkeys(names, 1), **({} if "_id" in names else {"_id": 0})}

    @staticmethod
    def _options(given: dict[str, Any], settings: Settings) -> dict[str, Any]:
        """The find options that are known, by the driver's names."""
        known = {"sort": "sort", "limit": "limit", "skip": "skip", "maxTimeMS": "max_time_ms", "hint": "hint",
                 "collation": "collation", "batchSize": "batch_size", "comment": "comment"}
        for name in given:
            if name not in known:
                raise TableConfigError(settings.title, f"{settings.where}: options: unknown option: {name}")
        out = {known[name]: value for name, value in given.items()}
        if isinstance(out.get("sort"), dict):
            out["sort"] = list(out["sort"].items())
        return out

    def _documents(self) -> Any:
        """The collection, through a client of this loop."""
        loop = asyncio.get_running_loop()
        if loop is not self.loop:
            try:
                self.client = self.driver.AsyncMongoClient(
                    self.uri, maxPoolSize=SIZE, serverSelectionTimeoutMS=FIND * 1000, connectTimeoutMS=FIND * 1000,
                    maxIdleTimeMS=60000, appname="pyfix")
            except (self.driver.errors.PyMongoError, ValueError) as error:
                raise TableConfigError(self.title, f"{self.common.where}: uri: {error}") from error
            self.loop = loop
        return self.client[self.dbname][self.collection]

    async def ask(self, key: bytes) -> bytes | None:
        if not await self.common.wanted(key):
            return None
        filter = self.common.query.fill(key)
        if filter is None:
            return None
        try:
            async with asyncio.timeout(LIMIT):
                found = [document async for document in
                         self._documents().find(filter, self.projection, **self.find_options)]
        except (TimeoutError, self.driver.errors.PyMongoError, OSError) as error:
            text = f"{self.title}: lookup failed: {' '.join(str(error).split()) or 'timeout'}"
            report.warning(text)
            raise TableError(self.title, text) from error
        return self.common.results(key, [one for document in found for value in document.values()
                                         for one in fields(value, self.title)])

    def close(self) -> None:
        if self.client is not None and self.loop is not None and self.loop.is_running():
            self.loop.create_task(self.client.close())


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError where the file can't be used or the driver is missing; connects at the first lookup."""
    return MongodbTable(type, name, read_settings(type, name, config), config, flags)
