"""How long a client waits at a steady rate, open loop: python -m bench.compare.steady [--beside dead|idle|deep]

The law: messages fall due by the clock, 500 a second, however slow the server is; "reply" is the time from the final dot to its 250,
"accepted" from when the message was due. Beside the load, if asked: half of 500 destinations dead; 10,000 idle clients; 20,000
messages deferred in the queue. Every message must have arrived once and whole where it could. Exit status 0: p50 of the reply under
5 ms and p99 under 50 ms. Kept in bench/history/steady.jsonl.
"""

from __future__ import annotations

import argparse
import json
import resource
import secrets
import sys
import time
from pathlib import Path
from typing import Any

from bench.compare import usage
from bench.compare.job import Job
from bench.compare.measure import SYSTEMS, crowd, living, receiver, routes
from bench.compare.scenarios import BY_NAME, Scenario
from bench.compare.systems import System
from bench.compare.tools import Sink, burst
from bench.record import keep

BESIDE = {"": BY_NAME["small"], "dead": BY_NAME["half-dead"], "idle": BY_NAME["crowd"], "deep": BY_NAME["deep"]}
P50, P99 = 5.0, 50.0            # milliseconds


def words(scenario: Scenario, args: argparse.Namespace) -> list[str]:
    """For the source: where to, and the rate instead of the scenario's own sessions."""
    to = [*scenario.source[scenario.source.index("-t"):]] if "-t" in scenario.source else []
    domains = ["--domains", str(scenario.domains)] if scenario.domains else []
    return [*to, *domains, "--rate", str(args.rate), "-s", str(args.sessions), "-l", "4096", "-c", str(args.per_connection)]


def fill(system: System, count: int) -> None:
    """Defers that many messages: their destination is dead."""
    burst(system.port, count, "backlog", ["-s", "20", "-l", "4096", "-c", "0", "-t", "user@d0.test"])
    usage.settle(system.root_pid(), patience=60)


def run(system: System, sink: Sink, scenario: Scenario, args: argparse.Namespace) -> dict[str, Any]:
    """Warm-up, then the load: the source's and the sink's view of it."""
    load = words(scenario, args)
    if args.beside == "deep":
        fill(system, args.deep)
    with crowd(system.port, args.idle if args.beside == "idle" else 0):
        burst(system.port, int(args.rate), "warmup", load)
        usage.settle(system.root_pid())
        sink.ask("reset")
        before, name = usage.used(system.root_pid()), secrets.token_hex(6)
        sent = burst(system.port, int(args.rate * args.seconds), name, load, timeout=60 + 10 * args.seconds)
        wanted = living(name, sent["messages"], load, scenario) if scenario.dead and args.beside == "dead" else sent["recipients"]
        sink.wait(wanted, 20, time.monotonic() + 120)
        cpu = usage.settle(system.root_pid()).since(before).cpu
    report = sink.report()
    found = report["runs"].get(name, {})
    return {"rate": sent["rate"], "messages": sent["messages"], "failed": sent["failed"], "reply_ms": sent["content_reply_ms"],
            "accepted_ms": sent["latency_ms"], "late_ms": sent["started_late_ms"], "arrived_ms": report["latency_ms"],
            "cpu_us": round(cpu * 1e6 / max(sent["messages"], 1), 1), "wanted": wanted, "arrived": found.get("complete", 0),
            "wrong": found.get("doubled", 0) + found.get("wrong_recipients", 0) + report["altered"] + report["damaged"],
            "tools_cpu_s": {"source": sent["cpu_seconds"], "sink": report["cpu_seconds"]}}


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Starts what is needed and runs it; the record."""
    scenario, root = BESIDE[args.beside], Path(args.root)
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o755)
    sink = receiver(scenario, root)
    system = SYSTEMS[args.system](root / args.system, Job(("127.0.0.1", sink.ports[0]), routes(scenario, sink.ports[0]),
                                                          crowd=args.idle if args.beside == "idle" else 0))
    try:
        system.prepare()
        system.start()
        record = run(system, sink, scenario, args)
    finally:
        system.stop()
        sink.stop()
    whole = record["arrived"] >= record["wanted"] and not record["wrong"] and not record["failed"]
    record["passed"] = bool(whole and record["reply_ms"]["p50"] < P50 and record["reply_ms"]["p99"] < P99)
    return {"system": args.system, "beside": args.beside or "nothing", "wanted_rate": args.rate, "seconds": args.seconds} | record


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=500.0, help="messages a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--beside", default="", choices=list(BESIDE))
    parser.add_argument("--idle", type=int, default=10_000, help="clients, with --beside idle")
    parser.add_argument("--deep", type=int, default=20_000, help="messages, with --beside deep")
    parser.add_argument("-s", "--sessions", type=int, default=100, help="open at most")
    parser.add_argument("-c", "--per-connection", type=int, default=1, help="messages per connection")
    parser.add_argument("--system", default="pyfix", choices=list(SYSTEMS))
    parser.add_argument("--root", default="/var/tmp/pyfix-steady", help="scratch folder (its file system is measured)")
    parser.add_argument("--note", default="")
    parser.add_argument("--no-history", action="store_true")
    args = parser.parse_args(arguments)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    record = measure(args)
    print(json.dumps(record))
    if not args.no_history:
        keep("steady", record, args.note)
    return 0 if record["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
