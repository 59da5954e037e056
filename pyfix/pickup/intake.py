"""From a submission's records to a message in the queue.

Law: pickup(8). The one place where pickup meets cleanup: it makes the Intake, feeds it and gives back the
Reply after the commit. Used by the submission socket and by maildrop alike.
"""

import asyncio
import time
from typing import Any

from pyfix._core.address import quote
from pyfix.cleanup.intake import Intake
from pyfix.cleanup.origin import Origin
from pyfix.cleanup.stage import RETURNS
from pyfix.errors import PeerError
from pyfix.ipc.submission import Decoder
from pyfix.model import RET_FULL, RET_HEADERS, SMTPUTF8, TRACE, TRACE_ONLY, VERP, Recipient, Reply
from pyfix.pickup.localcontent import LocalContent
from pyfix.resolve.verp import ATTRIBUTE, delimiters_of

ALLOWED_FLAGS = SMTPUTF8 | TRACE | TRACE_ONLY
TOO_BIG = Reply(552, "5.3.4", "Error: message file too big")


class Receiver:
    """One message on its way in. `take` each record; after the last one await `reply`.

    stage  pyfix.cleanup.stage.Cleanup     uid  who submits it (from the kernel)
    limit  message_size_limit, 0: none     log  Maillog of pickup
    returns  nobody waits for the reply: what is refused for good goes back to its sender
    """

    def __init__(self, stage: Any, log: Any, uid: int, limit: int, returns: bool = False) -> None:
        self.stage, self.log, self.uid, self.limit, self.returns = stage, log, uid, limit, returns
        self.decoder = Decoder()
        self.content = LocalContent()
        self.intake: Intake | None = None
        self.size = 0
        self.reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

    def take(self, kind: bytes, data: bytes) -> None:
        """One record. Raises PeerError for a malformed submission; then call `abort`."""
        piece = self.decoder.take(kind, data)
        if kind == b"M":
            self._begin()
        elif kind == b"L":
            self._write(piece)
        elif kind == b"E":
            self._finish()

    def _begin(self) -> None:
        message = self.decoder.message
        attributes = message.attributes
        flags = attributes.get("flags", "0")
        if not (flags.isascii() and flags.isdigit() and len(flags) < 10):
            raise PeerError("malformed submission: flags")
        known = {"client_name": "localhost", "client_address": "127.0.0.1", "protocol": "local"}
        if message.sender and "verp" in attributes:
            known[ATTRIBUTE] = self._verp(attributes["verp"])
        rewrites = attributes.get("rewrite_context") != "remote"        # sendmail -G passes on what others have submitted
        origin = Origin(b"", known, "local", rewrites, self.uid, attributes.get("fullname", ""))
        self.intake = intake = Intake(self.stage, origin)
        intake.flags = int(flags) & ALLOWED_FLAGS | (VERP if ATTRIBUTE in known else 0)
        if intake.flags & TRACE_ONLY or self.returns:
            intake.actions = {RETURNS: True} if self.returns else {}        # not a plain message, which is committed unseen
        intake.ret = {"1": RET_FULL, "2": RET_HEADERS}.get(attributes.get("ret", ""), 0)
        intake.envid = attributes.get("envid", "").encode("utf-8", "surrogateescape")
        intake.queue_id = self.stage.writer.new_id()
        intake.arrival, intake.sender = time.time_ns() // 1000, message.sender
        for one in message.recipients:
            intake.recipients.append(Recipient(one.address, b"", one.orcpt, one.notify))
        sender = quote(message.sender) if message.sender else b""
        self.log.info(b"%b: uid=%d from=<%b>" % (intake.queue_id, self.uid, sender))
        intake.start()

    def _verp(self, said: str) -> str:
        """The delimiters that -XV asks for. Raises PeerError where they are none."""
        config = self.stage.config
        found = delimiters_of(said.encode().removeprefix(b"default"), config["default_verp_delimiters"].encode(),
                              config["verp_delimiter_filter"].encode())
        if found is None:
            raise PeerError("malformed submission: VERP delimiters")
        return found.decode()

    def _write(self, piece: bytes) -> None:
        self.size += len(piece)
        if not self.limit or self.size <= self.limit:
            self.intake.put(self.content.feed(piece))

    def _finish(self) -> None:
        if self.limit and self.size > self.limit:
            self.abort()
            self.reply.set_result(TOO_BIG)
            return
        self.intake.put(self.content.finish())
        self.intake.finish(self.content.flags, self._done)

    def _done(self, reply: Reply) -> None:
        self.intake = None
        if not self.reply.done():
            self.reply.set_result(reply)

    def abort(self) -> None:
        """Forget the message; nothing of it will be delivered."""
        if self.intake is not None:
            self.intake.abort()
            self.intake = None
