"""One scenario on all systems: interleaved rounds, and what each cost.

The law: a round runs every system once, in turn; the first round is warm-up and decides how many messages make a burst of the
wished length. Rates are of what the receiver has, CPU time is of all processes of the system until it has come to rest, and
no figure counts unless the receiver found every accepted message once and unaltered (it is marked otherwise).
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from math import inf
from pathlib import Path
from typing import Any

from bench.compare import durability, usage
from bench.compare.backlog import fill
from bench.compare.job import Job
from bench.compare.others import Aiosmtpd, Exim, Haraka, OpenSmtpd
from bench.compare.peers import Unavailable
from bench.compare.scenarios import Scenario
from bench.compare.systems import Postfix, Pyfix, System, free_port
from bench.compare.tools import Sink, burst

SYSTEMS: dict[str, type[System]] = {kind.name: kind for kind in (Postfix, Pyfix, Exim, OpenSmtpd, Haraka, Aiosmtpd)}
PATIENCE = 20.0         # seconds without an arrival: the rest will not come
LONGEST = 150.0         # seconds for one burst
WARM_UP = 100           # messages


def tell(text: str) -> None:
    """Progress for a person."""
    print(text, file=sys.stderr, flush=True)


def routes(scenario: Scenario, port: int) -> dict[str, tuple[str, int]]:
    """domain -> host and port; the dead ones (odd numbers at one half) go to a port where nobody listens."""
    nobody = free_port()
    every = round(1 / scenario.dead) if scenario.dead else 0
    return {f"d{n}.test": (f"127.9.{n // 250}.{n % 250 + 1}", nobody if every and n % every == 0 else port) for n in range(scenario.domains)}


def receiver(scenario: Scenario, root: Path) -> Sink:
    """The sink of a scenario; on all loopback addresses where there are routes."""
    words = "0.0.0.0:0" if scenario.domains else "127.0.0.1:0"
    if scenario.profile:
        path = root / f"{scenario.name}.toml"
        path.write_text(scenario.profile)
        words += f"={path}"
    return Sink([words])


class Contest:
    """A scenario under way. `rounds` name -> results; `absent` name -> reason. No round begins after `deadline` (monotonic)."""

    def __init__(self, scenario: Scenario, names: list[str], root: Path, seconds: float, scale: float, deadline: float = inf) -> None:
        self.scenario, self.names, self.root, self.seconds, self.scale = scenario, names, root, seconds, scale
        self.deadline = deadline
        self.systems: dict[str, System] = {}
        self.absent: dict[str, str] = {}
        self.rounds: dict[str, list[dict[str, Any]]] = {}
        self.counts: dict[str, int] = {}
        self.versions: dict[str, str] = {}

    def run(self, rounds: int, trace: Collection[str]) -> dict[str, Any]:
        """All rounds, and a look with strace at those that `trace` names; a record for the report."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o755)
        self.sink = receiver(self.scenario, self.root)
        try:
            self.begin()
            seen = {name: found for name in list(self.systems) if name in trace and (found := self.look(name)) is not None}
            for number in range(rounds + 1):
                for name in list(self.systems):
                    if time.monotonic() < self.deadline:
                        self.one_round(name, number)
            for name in [name for name in self.systems if name not in self.rounds]:
                self.give_up(name, self.systems[name], "no time was left for a round")
            return self.record(seen)
        finally:
            for name, system in self.systems.items():
                with contextlib.suppress(Exception):
                    system.stop()
            self.sink.stop()

    def begin(self) -> None:
        """Starts those systems that can do it."""
        port = self.sink.ports[0]
        job = Job(("127.0.0.1", port), routes(self.scenario, port), self.scenario.discard, self.scenario.crowd,
                  int(self.scenario.backlog * self.scale))
        for name in self.names:
            if time.monotonic() > self.deadline:
                self.absent[name] = "no time was left for it"
                continue
            system = self.systems[name] = SYSTEMS[name](self.root / name, job)
            try:
                system.prepare()
                system.start()
                self.versions[name] = system.version()
                if job.backlog:
                    fill(system, job.backlog)
            except Unavailable as error:
                self.give_up(name, system, str(error))
            except (OSError, RuntimeError, TimeoutError, subprocess.SubprocessError) as error:
                self.give_up(name, system, f"{error}; its last words: {system.words()[:300]}")

    def give_up(self, name: str, system: System, reason: str) -> None:
        """This system is out, and why."""
        tell(f"  {self.scenario.name}: {name} is out: {reason}")
        self.absent[name] = reason
        self.systems.pop(name, None)
        with contextlib.suppress(Exception):
            system.stop()

    def look(self, name: str) -> dict[str, Any] | None:
        """What strace sees of one system; None, and the system is out, where it does not answer."""
        system = self.systems[name]
        try:
            return durability.look(system)._asdict()
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            self.give_up(name, system, f"under strace: {error}; its last words: {system.words()[:300]}")
            return None

    def one_round(self, name: str, number: int) -> None:
        """One burst, or one restart, on one system; a failure puts the system out."""
        system = self.systems[name]
        try:
            with crowd(system.port, int(self.scenario.crowd * self.scale)):
                result = self.restart(system) if self.scenario.restart else self.burst(system, number)
        except (OSError, RuntimeError, TimeoutError, ValueError, subprocess.SubprocessError) as error:
            return self.give_up(name, system, f"round {number}: {error}; its last words: {system.words()[:300]}")
        tell(f"  {self.scenario.name} round {number}: {name:10s} " + (
            f"greeting after {result['greeting']:.2f} s, mail through after {result['through']:.2f} s" if self.scenario.restart else
            f"{result['rate']:8.0f}/s (accepted {result['accepted']:.0f}/s)  CPU {result['cpu_us']:.0f} us"
            + ("" if result["whole"] else "  NOT ALL ARRIVED WHOLE")))
        if number:
            self.rounds.setdefault(name, []).append(result)
        elif not self.scenario.restart:
            wished = int(result["accepted_messages"] * self.seconds * self.scale)
            self.counts[name] = max(50, min(wished, self.scenario.most))
        return None

    def burst(self, system: System, number: int) -> dict[str, Any]:
        """Sends, waits for all to arrive and for the system to rest."""
        scenario, run = self.scenario, secrets.token_hex(6)
        messages = self.counts.get(system.name, WARM_UP if scenario.most > 2000 else WARM_UP // 4)
        words = list(scenario.source) + (["--domains", str(scenario.domains)] if scenario.domains else [])
        self.sink.ask("reset")
        before, start = usage.used(system.root_pid()), time.monotonic()
        sent = burst(system.port, messages, run, words)
        ended = time.monotonic()
        wanted = 0 if scenario.discard else sent["recipients"]
        if scenario.dead and "{d}" in " ".join(words):
            wanted = living(run, messages, words, scenario)
            ended = time.monotonic()
        came = self.sink.wait(wanted, PATIENCE, start + LONGEST) if wanted else 0
        elapsed = max(sent["seconds"] + time.monotonic() - ended if wanted else sent["seconds"], 1e-3)
        used = usage.settle(system.root_pid(), patience=20).since(before)
        report = self.sink.report()
        found = report["runs"].get(run, {})
        good = report["altered"] == report["damaged"] == 0 and (not wanted or (
            found.get("complete", 0) * scenario.recipients >= wanted and not found["doubled"] and not found["wrong_recipients"]))
        done = max(sent["messages"], 1)
        return {
            "messages": sent["messages"], "failed": sent["failed"], "rate": (came or sent["recipients"]) / elapsed,
            "accepted": sent["recipients"] / max(sent["seconds"], 1e-3), "accepted_messages": sent["messages"] / elapsed,
            "cpu_us": used.cpu * 1e6 / done, "cpu_us_delivery": used.cpu * 1e6 / max(sent["recipients"], 1),
            "disk_per_1000": used.disk * 1000 / done, "written_per_1000": used.written * 1000 / done,
            "pss": usage.used(system.root_pid(), memory=True).pss, "whole": bool(good and not sent["failed"]),
            "accept_ms": sent["latency_ms"], "relay_ms": report["latency_ms"], "tools_cpu": {
                "source": sum(sent["cpu_seconds"].values()), "sink": sum(report["cpu_seconds"].values())}}

    def restart(self, system: System) -> dict[str, Any]:
        """Stops and starts on the same queue: seconds to the greeting, and to the first new message delivered."""
        system.stop()
        self.sink.ask("reset")
        start = time.monotonic()
        system.start(fresh=False)
        greeting = time.monotonic() - start
        burst(system.port, 1, secrets.token_hex(6), ["-t", "user@d1.test"])
        if not self.sink.wait(1, 60, start + LONGEST):
            raise TimeoutError("no mail came through after the restart")
        through = time.monotonic() - start
        used = usage.settle(system.root_pid(), patience=20)
        return {"greeting": greeting, "through": through, "cpu_us": used.cpu * 1e6, "pss": usage.used(system.root_pid(), memory=True).pss,
                "whole": True, "rate": 1 / through, "accepted": 1 / greeting}

    def record(self, seen: dict[str, Any]) -> dict[str, Any]:
        """Everything about this scenario."""
        return {"scenario": self.scenario.name, "title": self.scenario.title, "flatters": self.scenario.flatters,
                "rounds": self.rounds, "absent": self.absent, "durability": seen, "versions": self.versions}


def living(run: str, messages: int, words: list[str], scenario: Scenario) -> int:
    """How many recipients of this very traffic are at living hosts; known because the traffic follows from its seed."""
    from pyfix.load.source import parser, traffic
    args = parser().parse_args(["127.0.0.1:1", "-m", str(messages), "--run", run, *words])
    letters = traffic(args)
    every = round(1 / scenario.dead)
    domains = (int(address.rpartition(b"@d")[2].split(b".")[0]) for n in range(messages) for address in letters.example(n)[1])
    return sum(number % every != 0 for number in domains)


@contextlib.contextmanager
def crowd(port: int, count: int) -> Iterator[None]:
    """That many clients which have said HELO and stay silent."""
    clients: list[socket.socket] = []
    try:
        for _ in range(count):
            client = socket.create_connection(("127.0.0.1", port), 30)
            clients.append(client)
            client.recv(512)
            client.sendall(b"HELO idle.test\r\n")
            client.recv(512)
        yield
    finally:
        for client in clients:
            client.close()
