"""How many connections a client has, and how often it came, over all processes of a service (anvil(8)).

The law: each process writes a table of its own and reads those of the others; nobody waits for
anybody. A table's file is locked by the process that writes it: a file that can be locked is a dead
process's, counts no more and is removed. Where no file can be had, the process counts for itself.
Nothing here is touched for clients without limits.
"""

import contextlib
import fcntl
import mmap
import os
import time
from collections import Counter
from collections.abc import Callable
from hashlib import blake2b
from ipaddress import ip_network
from typing import Any

from pyfix.smtpd.tally import SLOT, Tally

SIZE = SLOT * 65536              # a sparse file: what is not used takes no memory
LOOK = 1.0                       # seconds between looks for other processes
KINDS = {"connection": 0, "message": 1, "recipient": 2}


def key_of(address: bytes, ipv4: int, ipv6: int) -> int:
    """A client as it is counted: its network of that many bits (smtpd_client_ipv4_prefix_length, -ipv6-), 1..2**64-1."""
    text = address.decode("ascii", "replace")
    with contextlib.suppress(ValueError):
        text = str(ip_network(f"{text}/{ipv6 if ':' in text else ipv4}", strict=False))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little") or 1


class Anvil:
    """The counts of one service. `warning` gets a line when they can't be shared."""

    def __init__(self, directory: str, service: str, warning: Callable[[bytes], Any], clock: Callable[[], float] = time.time) -> None:
        self.directory, self.clock, self.warning = directory, clock, warning
        self.prefix = f"anvil.{service.replace('/', '_')}."
        self.path = f"{directory}/{self.prefix}{os.getpid()}"
        self.others: dict[str, tuple[int, mmap.mmap, Tally]] = {}
        self.looked = 0.0
        self.spilled: Counter[int] = Counter()       # connections that found no room in the table
        try:
            self.file = self.create()
            self.memory = mmap.mmap(self.file, SIZE)
        except OSError as error:
            warning(f"client counts are not shared: {self.path}: {error.strerror}".encode())
            self.file, self.memory = -1, mmap.mmap(-1, SIZE)
        self.own = Tally(self.memory, True)

    def create(self) -> int:
        """Our table's file, locked before anybody can see it: its descriptor. Raises OSError."""
        hidden = f"{self.directory}/.{self.prefix}{os.getpid()}"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(hidden)
        file = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(file, SIZE)
            os.rename(hidden, self.path)
        except OSError:
            os.close(file)
            raise
        return file

    # -- counting

    def connected(self, key: int, unit: int) -> int:
        """One connection more of this client: how many it has."""
        own = self.own.connect(key, self.window(unit))
        if own < 0:
            self.spilled[key] += 1
            own = self.spilled[key]
        return own + sum(table.connections(key) for table in self.tables())

    def left(self, key: int) -> None:
        """One connection less."""
        if self.spilled and self.spilled[key] > 0:
            self.spilled[key] -= 1
            self.spilled += Counter()
        else:
            self.own.leave(key)

    def count(self, key: int, kind: str, unit: int) -> int:
        """One more event ("connection", "message", "recipient"): how many in this `unit` of seconds. What finds no room is
        not limited."""
        window = self.window(unit)
        own = self.own.count(key, KINDS[kind], window)
        return max(own, 0) + sum(table.rate(key, KINDS[kind], window) for table in self.tables())

    def window(self, unit: int) -> int:
        """The number of the period, the same in all processes."""
        return int(self.clock()) // max(unit, 1) & 0xFFFFFFFF

    # -- the others

    def tables(self) -> list[Tally]:
        """The tables of the other processes that live."""
        now = time.monotonic()
        if now - self.looked >= LOOK and self.file >= 0:
            self.looked = now
            self.look()
        return [table for _, _, table in self.others.values()]

    def look(self) -> None:
        """Who else is there?"""
        with contextlib.suppress(OSError):
            names = {name for name in os.listdir(self.directory) if name.startswith(self.prefix)}
            names.discard(os.path.basename(self.path))
            for name in names - set(self.others):
                with contextlib.suppress(OSError, ValueError):
                    self.open(name)
            for name, (file, _, _) in list(self.others.items()):
                if dead(file):
                    self.forget(name)

    def open(self, name: str) -> None:
        """Another process's table. Raises OSError."""
        file = os.open(f"{self.directory}/{name}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            memory = mmap.mmap(file, SIZE, access=mmap.ACCESS_READ)
            self.others[name] = file, memory, Tally(memory)
        except BaseException:
            os.close(file)
            raise

    def forget(self, name: str) -> None:
        """A dead process's table."""
        os.close(self.others.pop(name)[0])
        with contextlib.suppress(OSError):
            os.unlink(f"{self.directory}/{name}")

    def close(self) -> None:
        """We count no more."""
        for name in list(self.others):
            os.close(self.others.pop(name)[0])
        if self.file >= 0:
            with contextlib.suppress(OSError):
                os.unlink(self.path)
            os.close(self.file)
            self.file = -1


def dead(file: int) -> bool:
    """Nobody has locked it any more."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
