"""A small relay on aiosmtpd, as somebody would write it in an afternoon who takes durability seriously: one of the systems compared.

    python aiosmtpd_relay.py JOB.json      {"port", "queue", "sink": [host, port], "routes": {domain: [host, port]}, "discard"}

Each message becomes a file, written, synced, renamed, and its directory synced, before 250; threads deliver it with smtplib over
kept connections and remove the file. What is found in the queue at the start is delivered too.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import json
import os
import smtplib
import sys
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP  # type: ignore[import-not-found]

THREADS = 20
number = itertools.count(1)
local = threading.local()


class Relay:
    """The handler that aiosmtpd calls."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job, self.queue = job, Path(job["queue"])
        self.writers = concurrent.futures.ThreadPoolExecutor(THREADS)
        self.senders = concurrent.futures.ThreadPoolExecutor(THREADS)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Stores a message; then says 250."""
        path = self.queue / f"{os.getpid()}-{next(number)}"
        record = json.dumps([envelope.mail_from, envelope.rcpt_tos]).encode() + b"\n" + envelope.original_content
        await asyncio.get_running_loop().run_in_executor(self.writers, store, path, record)
        if not self.job["discard"]:
            self.senders.submit(self.deliver, path, envelope.mail_from, envelope.rcpt_tos, envelope.original_content)
        return "250 2.0.0 Ok: queued"

    def deliver(self, path: Path, sender: str, recipients: list[str], content: bytes) -> None:
        """Sends to each destination; the file stays if any of them fails."""
        groups: dict[tuple[str, int], list[str]] = defaultdict(list)
        for recipient in recipients:
            groups[tuple(self.job["routes"].get(recipient.rpartition("@")[2], self.job["sink"]))].append(recipient)
        if all([send(where, sender, group, content) for where, group in groups.items()]):
            path.unlink()

    def resume(self) -> None:
        """Delivers what an earlier process left."""
        for path in sorted(self.queue.iterdir()):
            head, _, content = path.read_bytes().partition(b"\n")
            self.senders.submit(self.deliver, path, *json.loads(head), content)


def store(path: Path, record: bytes) -> None:
    """Writes a file so that it is there after a crash."""
    draft = path.with_name("." + path.name)
    with draft.open("wb") as file:
        file.write(record)
        file.flush()
        os.fdatasync(file.fileno())
    draft.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def send(where: tuple[str, int], sender: str, recipients: list[str], content: bytes) -> bool:
    """One transaction on this thread's connection to `where`; whether it was accepted."""
    kept: dict[tuple[str, int], smtplib.SMTP] = local.__dict__.setdefault("kept", {})
    for _ in range(2):
        try:
            if where not in kept:
                kept[where] = smtplib.SMTP(*where, timeout=60)
            return not kept[where].sendmail(sender, recipients, content)
        except (smtplib.SMTPException, OSError):
            kept.pop(where, None)
    return False


async def main(job: dict[str, Any]) -> None:
    """Serves for ever."""
    relay = Relay(job)
    relay.resume()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(relay, hostname="relay.bench.example", data_size_limit=50_000_000, loop=loop), "127.0.0.1", job["port"], backlog=1000)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
