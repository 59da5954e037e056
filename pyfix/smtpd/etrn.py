"""ETRN: deferred mail for a site is tried now (RFC 1985; smtpd(8), ETRN_README, flush(8)).

The law: only sites in fast_flush_domains are served; qmgr, which has the queue, does the work. The
client is told that it has begun and not how it ends. Who asks for a site that was asked for a moment ago gets the same
answer without qmgr being bothered.
"""

import asyncio
from typing import Any

from pyfix.errors import TableError
from pyfix.ipc.connection import Connection, connect
from pyfix.ipc.messages import ASK, END
from pyfix.resolve.matchlist import MatchList
from pyfix.resolve.site import is_site

STARTED, FAILED = b"250 Queuing started", b"458 Unable to queue messages"
BAD_SITE = b"501 Error: invalid parameter syntax"
PATIENCE, KEPT, MOST = 10.0, 5.0, 1000      # seconds for qmgr; seconds an answer is kept; sites remembered


class Flush:
    """Asks qmgr for one process's sessions. `path`: its socket; `warning`: the log."""

    def __init__(self, path: str, warning: Any, clock: Any) -> None:
        self.path, self.warning, self.clock = path, warning, clock
        self._told: dict[bytes, tuple[float, asyncio.Future[bool]]] = {}

    async def __call__(self, site: bytes) -> bool:
        """Has qmgr begun with the mail for this site?"""
        site, now = site.lower(), self.clock()
        until, asked = self._told.get(site, (0.0, None))
        if asked is None or until < now:
            if len(self._told) >= MOST:
                self._told.clear()
            asked = asyncio.get_running_loop().create_future()
            self._told[site] = now + KEPT, asked
            try:
                await self._ask(site, asked)
            except OSError as error:
                self._finish(asked, False, f"connect to {self.path}: {error.strerror or error}")
        done = await asyncio.shield(asked)
        if not done:
            self._told.pop(site, None)
        return done

    async def _ask(self, site: bytes, asked: asyncio.Future[bool]) -> None:
        def heard(connection: Connection, message: list[Any]) -> None:
            if message[0] == END:
                self._finish(asked, not message[2], message[2])
                connection.close()

        def closed(connection: Connection, error: Exception | None) -> None:
            self._finish(asked, False, "lost connection with qmgr")

        connection = await connect(self.path, heard, closed)
        connection.send_now([ASK, "flush_site", site.decode("utf-8", "replace")])
        late = asyncio.get_running_loop().call_later(PATIENCE, connection.close)
        asked.add_done_callback(lambda _: late.cancel())

    def _finish(self, asked: asyncio.Future[bool], well: bool, text: str) -> None:
        if asked.done():
            return
        if not well:
            self.warning(text.encode())
        asked.set_result(well)


class Etrn:
    """The answer to ETRN under one configuration."""

    def __init__(self, config: Any, warning: Any) -> None:
        self.warning = warning
        self.domains = MatchList(config, "fast_flush_domains", "domain")

    async def answer(self, session: Any, flush: Flush) -> bytes:
        """The reply line for the ETRN command at hand."""
        site = session.core.text
        site = site[1:] if site[:1] in (b"#", b"@") else site
        if not is_site(site):
            return BAD_SITE
        subject = session.look(7)
        subject.etrn = site
        refusal: bytes | None = await session.settings.policy.etrn(subject)
        if refusal is not None:
            return refusal
        try:
            served = await self.domains.lookup(site)
        except TableError as error:
            self.warning(f"fast_flush_domains: {error}".encode())
            return FAILED
        if not served:
            self.warning(b"reject: ETRN %b... from %b" % (site[:100], session.client.log_name))
            return b"459 <%b>: service unavailable" % site
        return STARTED if await flush(site) else FAILED
