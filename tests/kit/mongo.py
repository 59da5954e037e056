"""As much of a MongoDB server as a find needs: OP_MSG and OP_QUERY hello, find over a list of documents.

MongoDB is in neither Debian nor the Python index, so this is what the tests of mongodb: have. It answers hello, find (with
equality, $or and projections of names) and the end of sessions, and keeps every command that it got.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import bson


def matches(document: dict[str, Any], filter: dict[str, Any]) -> bool:
    """Equality and $or; an operator that came in where text belongs would not be equal to anything."""
    return all(any(matches(document, one) for one in want) if name == "$or" else document.get(name) == want
               for name, want in filter.items())


class MongoServer:
    """`async with MongoServer(documents) as server`: listens on 127.0.0.1:server.port."""

    def __init__(self, documents: list[dict[str, Any]]) -> None:
        self.documents, self.commands = documents, []

    async def __aenter__(self) -> MongoServer:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                length, request, _, operation = struct.unpack("<iiii", await reader.readexactly(16))
                body = await reader.readexactly(length - 16)
                if operation == 2004:  # OP_QUERY: the first hello
                    reply = struct.pack("<iqii", 8, 0, 0, 1) + bson.encode(self._hello())
                    writer.write(struct.pack("<iiii", 16 + len(reply), 1, request, 1) + reply)
                else:
                    reply = struct.pack("<iB", 0, 0) + bson.encode(self._answer(bson.decode(body[5:])))
                    writer.write(struct.pack("<iiii", 16 + len(reply), 1, request, 2013) + reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    @staticmethod
    def _hello() -> dict[str, Any]:
        return {"ok": 1.0, "isWritablePrimary": True, "ismaster": True, "minWireVersion": 0, "maxWireVersion": 21,
                "maxBsonObjectSize": 1 << 24, "maxMessageSizeBytes": 48000000, "maxWriteBatchSize": 100000, "helloOk": True}

    def _answer(self, command: dict[str, Any]) -> dict[str, Any]:
        if "find" not in command:
            return self._hello() if "hello" in command or "ismaster" in command else {"ok": 1.0}
        self.commands.append(command)
        if command["find"] == "broken":
            return {"ok": 0.0, "code": 2, "errmsg": "broken"}
        names = [name for name, wanted in command["projection"].items() if wanted]
        found = [{name: one[name] for name in names if name in one} for one in self.documents
                 if matches(one, command["filter"])]
        return {"ok": 1.0, "cursor": {"id": 0, "ns": f"{command['$db']}.{command['find']}", "firstBatch": found}}
