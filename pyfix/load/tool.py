"""What source and sink have in common: the loop, several processes, CPU time, histograms summed up.

The law: stdout is for JSON only, one object a line where there is more than one; what a person reads goes to stderr.
A process that is one of several (`--part K/J`) is the same program with the same words, and tells its parent in JSON lines.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from pyfix.load.histogram import Histogram


class UsageError(ValueError):
    """Words that can't be used; the text says why."""


def run(main: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Runs a coroutine on uvloop with as many descriptors as the system allows."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())


def say(value: dict[str, Any]) -> None:
    """One JSON line on stdout."""
    print(json.dumps(value), flush=True)


def address(text: str) -> tuple[int, str, int]:
    """(family, numeric host, port) of "host:port", "[::1]:port" or "unix:path"."""
    if text.startswith("unix:"):
        return socket.AF_UNIX, text[5:], 0
    host, _, port = text.removeprefix("inet:").rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"{text}: expected HOST:PORT")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except OSError as error:
        raise UsageError(f"{text}: {error.strerror}") from None
    family, _, _, _, name = min(found, key=lambda row: row[0] != socket.AF_INET)
    return int(family), str(name[0]), int(port)


def part(text: str) -> tuple[int, int]:
    """(index, processes) from "K/J"."""
    index, _, count = text.partition("/")
    return int(index), int(count)


class Clock:
    """CPU and wall time of this process since it was made, or since reset()."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Starts anew."""
        self.usage = resource.getrusage(resource.RUSAGE_SELF)
        self.wall = asyncio.get_running_loop().time()

    def seconds(self) -> float:
        """Wall time."""
        return asyncio.get_running_loop().time() - self.wall

    def cpu(self) -> dict[str, float]:
        """user and system seconds."""
        now = resource.getrusage(resource.RUSAGE_SELF)
        return {"user": round(now.ru_utime - self.usage.ru_utime, 3), "system": round(now.ru_stime - self.usage.ru_stime, 3)}


def summed(packed: list[dict[str, Any]]) -> Histogram:
    """One histogram from those of several processes."""
    total = Histogram()
    for one in packed:
        total.merge(one)
    return total


def added(parts: list[dict[str, Any]], key: str) -> dict[str, Any]:
    """The sum of dictionaries of numbers, key by key."""
    total: dict[str, Any] = {}
    for one in parts:
        for name, value in one[key].items():
            total[name] = round(total.get(name, 0) + value, 3)
    return total


class Workers:
    """The same program `count` times; `on_line(index, object)` hears what each says."""

    def __init__(self, module: str, words: list[str], count: int, on_line: Callable[[int, dict[str, Any]], None]) -> None:
        self.module, self.words, self.count, self.on_line = module, words, count, on_line
        self.processes: list[asyncio.subprocess.Process] = []

    async def start(self) -> None:
        """Starts them all."""
        for index in range(self.count):
            self.processes.append(await asyncio.create_subprocess_exec(
                sys.executable, "-m", self.module, *self.words, "--part", f"{index}/{self.count}",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 30, env=dict(os.environ)))

    async def finish(self) -> int:
        """Reads until all have ended; the highest exit status."""
        await asyncio.gather(*(self.follow(index) for index in range(self.count)))
        return max([await process.wait() for process in self.processes])

    async def follow(self, index: int) -> None:
        """Hands on what one says."""
        stream = self.processes[index].stdout
        assert stream is not None
        while line := await stream.readline():
            self.on_line(index, json.loads(line))

    def tell(self, text: str) -> None:
        """One line to each."""
        for process in self.processes:
            if process.stdin is not None and not process.stdin.is_closing():
                process.stdin.write(text.encode() + b"\n")
