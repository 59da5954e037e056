"""maildrop: what `postdrop` left while nobody listened.

Law: pickup(8), safe_open(3) of Postfix; the file format is that of pyfix/ipc/submission.py. The directory is
hostile: a file counts only if it is a regular file with one link, opened without following
anything, and has the owner's x bit. A file goes away only after its message is durable. What can't be
read as a message goes to `corrupt` with a warning and is never deleted.
"""

import asyncio
import errno
import os
import stat
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

from pyfix.access.users import user_name
from pyfix.errors import PeerError, TableError
from pyfix.ipc.submission import HEAD_SIZE, head
from pyfix.model import Reply
from pyfix.pickup.intake import Receiver
from pyfix.pickup.socket import DENIED

A_LOOK = 10_000             # names that are read at a time
AT_A_TIME = 20              # files that are being taken in at once
STALE = 86400               # seconds after which an unfinished file is given up
READ = 1 << 20


class Unusable(Exception):
    """This file is not to be touched; the text says why."""


def open_safely(name: str, directory: int) -> tuple[int, os.stat_result]:
    """(descriptor, status) of a complete file. Raises Unusable, FileNotFoundError."""
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unusable("is a symbolic link" if error.errno == errno.ELOOP else error.strerror) from None
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        trouble = "is not a regular file"
    elif status.st_nlink != 1:
        trouble = f"has {status.st_nlink} links"
    else:
        return fd, status
    os.close(fd)
    raise Unusable(trouble)


def records(fd: int) -> Iterator[tuple[bytes, bytes]]:
    """The records of a file. Raises PeerError for a file that is cut short or malformed."""
    with open(fd, "rb", READ, closefd=False) as file:
        while raw := file.read(HEAD_SIZE):
            if len(raw) < HEAD_SIZE:
                raise PeerError("the file is cut short")
            kind, size = head(raw)
            data = file.read(size)
            if len(data) < size:
                raise PeerError("the file is cut short")
            if kind == b"E" and file.read(1):       # seen before the message is committed
                raise PeerError("data after the end of the message")
            yield kind, data


class Maildrop:
    """Takes in what is in maildrop. `scan` asks for a look; looks never overlap."""

    def __init__(self, service: Any, stage: Any, admit: Any) -> None:
        self.service, self.stage, self.log, self.admit = service, stage, service.log, admit
        self.directory = os.open("maildrop", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        self.taken = 0              # files that the present look took in
        self._again = asyncio.Event()
        self._complained: set[str] = set()
        self._slots = asyncio.Semaphore(AT_A_TIME)

    def scan(self) -> None:
        """Look into the directory soon."""
        self._again.set()

    async def run(self) -> None:
        """Look whenever asked to, for ever."""
        while True:
            await self._again.wait()
            self._again.clear()
            await self.look()

    async def look(self) -> None:
        """Take in complete files, oldest name first, a bounded number at a time; the rest at the next look."""
        with os.scandir(self.directory) as entries:
            names = sorted(entry.name for entry in islice(entries, A_LOOK))
        self.taken = 0
        pending = set()
        for name in names:
            await self._slots.acquire()
            task = self.service.spawn(self.one(name))
            pending.add(task)
            task.add_done_callback(lambda task: (pending.discard(task), self._slots.release()))
        if pending:
            await asyncio.wait(pending)
        if len(names) == A_LOOK and self.taken:
            self.scan()

    async def one(self, name: str) -> None:
        """One file, whatever it is."""
        try:
            fd, status = open_safely(name, self.directory)
        except FileNotFoundError:
            return
        except Unusable as trouble:
            self.complain(name, str(trouble))
            return
        try:
            if status.st_mode & stat.S_IXUSR:
                await self.message(name, fd, status)
            elif time.time() - status.st_mtime > STALE:
                self.log.warning(f"maildrop/{name}: never completed, removed")
                os.unlink(name, dir_fd=self.directory)
        finally:
            os.close(fd)

    def complain(self, name: str, text: str) -> None:
        """Warn of a file once."""
        if name not in self._complained:
            self._complained.add(name)
            self.log.warning(f"maildrop/{name}: {text}; it is left alone")

    async def message(self, name: str, fd: int, status: os.stat_result) -> None:
        """A complete file: queue it, then remove it."""
        receiver = Receiver(self.stage, self.log, status.st_uid, 0, returns=True)
        try:
            if not await self.admit(user_name(status.st_uid)):
                self.log.warning(f"maildrop/{name}: {DENIED % (user_name(status.st_uid), status.st_uid)}; removed")
                os.unlink(name, dir_fd=self.directory)
                return
            for kind, data in records(fd):
                receiver.take(kind, data)
                if kind == b"L":
                    await asyncio.sleep(0)
            if not receiver.decoder.ended:
                raise PeerError("the file is cut short")
            self.settle(name, await receiver.reply)
        except TableError as trouble:
            self.log.warning(f"maildrop/{name}: {trouble}; it is tried again later")
        except (PeerError, OSError) as trouble:
            self.set_aside(name, str(trouble))
        finally:
            receiver.abort()

    def settle(self, name: str, reply: Reply) -> None:
        """Act on cleanup's answer: gone after 250, set aside after 5xx, tried again later after 4xx."""
        if reply.code < 300:
            os.unlink(name, dir_fd=self.directory)
            self.taken += 1
        elif reply.code >= 500:
            self.set_aside(name, f"{reply.dsn} {reply.text}")
        else:
            self.log.warning(f"maildrop/{name}: {reply.dsn} {reply.text}; it is tried again later")

    def set_aside(self, name: str, text: str) -> None:
        """Move what can't be a message out of the way, loudly."""
        self.log.error(f"maildrop/{name}: {text}; moved to corrupt/{name}")
        try:
            os.rename(name, f"corrupt/{name}", src_dir_fd=self.directory)
        except OSError as error:
            self.complain(name, f"cannot be moved to corrupt: {error.strerror}")
