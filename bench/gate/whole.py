"""Paired runs of two whole servers, alternating on one machine: wall time and CPU time of each pair.

The law: either server is nothing but a command line that listens on {port} (and may relay to {sink}, and keep its files in
{folder}), so that any project's SMTP server can be measured. Both run all the time; each round loads one, then
the other, and the next round begins with the other one. CPU time is that of the server's whole tree of processes after
it came to rest. What seems worse is run again and judged by all pairs together, before it is believed. All on loopback.
"""

from __future__ import annotations

import multiprocessing
import os
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.compare import usage
from bench.compare.systems import free_port, greeted
from bench.gate.verdict import Interval, bootstrap

LINE = b"x" * 70 + b"\r\n"


class Run(NamedTuple):
    """Seconds until the last message was answered, and CPU seconds of the server."""

    wall: float
    cpu: float


class Server:
    """A server under test, started by a command line, stopped with its process group."""

    def __init__(self, command: str, folder: Path, sink: int = 0) -> None:
        self.port = free_port()
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        words = [word.format(port=self.port, sink=sink, folder=folder) for word in shlex.split(command)]
        with open(folder / "output", "wb") as output:
            # the same string hashes in both: dictionaries laid out by chance would make one of them dearer for good
            self.process = subprocess.Popen(words, stdout=output, stderr=output, start_new_session=True,
                                            env={**os.environ, "PYTHONHASHSEED": "0"})
        self.wait()

    def wait(self, seconds: float = 60.0) -> None:
        """Until it greets. RuntimeError: it ended, or never did."""
        try:
            greeted(self.port, seconds, lambda: self.process.poll() is None)
        except TimeoutError as error:
            output = (self.folder / "output").read_text(errors="replace")[-1000:]
            self.stop()
            raise RuntimeError(f"{error} from {shlex.join(self.process.args)}:\n{output}") from None

    def stop(self) -> None:
        """Ends the group."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(10)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


def talk(port: int, messages: int, recipient: str) -> None:
    """One client: a connection that sends its messages one by one. RuntimeError: refused."""
    body = b"Subject: gate\r\nFrom: <s@gate.example>\r\n\r\n" + LINE * 56 + b".\r\n"
    with socket.create_connection(("127.0.0.1", port), 30) as connection, connection.makefile("rb") as replies:
        expect(replies, b"2")
        connection.sendall(b"HELO gate.example\r\n")
        expect(replies, b"2")
        for _ in range(messages):
            for line, code in ((b"MAIL FROM:<s@gate.example>\r\n", b"2"), (b"RCPT TO:<%b>\r\n" % recipient.encode(), b"2"),
                               (b"DATA\r\n", b"3"), (body, b"2")):
                connection.sendall(line)
                expect(replies, code)
        connection.sendall(b"QUIT\r\n")
        expect(replies, b"2")


def expect(replies: object, code: bytes) -> None:
    """Reads one reply."""
    while (line := replies.readline())[3:4] == b"-":
        pass
    if not line.startswith(code):
        raise RuntimeError(f"the server said {line!r}")


def load(server: Server, messages: int, sessions: int, recipient: str) -> Run:
    """Sends messages over several sessions, each in a process. RuntimeError: a session failed."""
    share = max(messages // sessions, 1)
    before = usage.used(server.process.pid)
    start = time.perf_counter()
    clients = [multiprocessing.get_context("fork").Process(target=talk, args=(server.port, share, recipient))
               for _ in range(sessions)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    wall = time.perf_counter() - start
    if any(client.exitcode for client in clients):
        raise RuntimeError(f"the server on port {server.port} failed under load; its output is in {server.folder}/output")
    return Run(wall, usage.settle(server.process.pid).since(before).cpu)


class Result(NamedTuple):
    """What pairs of runs show; `pairs` are (base, this)."""

    wall: Interval
    cpu: Interval
    pairs: list[tuple[Run, Run]]

    @property
    def failed(self) -> bool:
        """CPU time decides; wall time is reported, as on a shared machine it is mostly the neighbours'."""
        return self.cpu.worse()


def judged(pairs: list[tuple[Run, Run]]) -> Result:
    """The intervals of pairs of runs."""
    wall = bootstrap([a.wall for a, _ in pairs], [b.wall for _, b in pairs])
    tick = 1 / usage.TICK       # CPU time comes in ticks: none is not nothing
    return Result(wall, bootstrap([a.cpu + tick for a, _ in pairs], [b.cpu + tick for _, b in pairs]), pairs)


def paired(base: Server, this: Server, rounds: int, messages: int, sessions: int = 8,
           recipient: str = "rcpt@dest.example") -> Result:
    """Alternating runs, the first pair not counted; as many again where they look worse."""
    pairs: list[tuple[Run, Run]] = []
    for number in range(2 * rounds + 1):
        if number == rounds + 1 and not judged(pairs).failed:
            break
        order: Sequence[Server] = (base, this) if number % 2 else (this, base)
        runs = {id(server): load(server, messages, sessions, recipient) for server in order}
        if number:
            pairs.append((runs[id(base)], runs[id(this)]))
    return judged(pairs)
