"""pyfix bench source: a load on any SMTP server.

    pyfix bench source 127.0.0.1:2525 -m 10000 -s 20              20 sessions, each as fast as it is answered
    pyfix bench source 127.0.0.1:2525 --rate 500 --seconds 60     500 messages a second, whatever the server does

The result is JSON on stdout, a line a second on stderr. Latency counts from the moment a message fell due; what
"due" means is in ext/pyfix/load/sending.pyx, what the messages look like in ext/pyfix/load/traffic.pyx.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pyfix._core.client import PIPELINING
from pyfix._core.request import Settings
from pyfix.load import mix, tls
from pyfix.load.sending import Source
from pyfix.load.sending_tls import SecureSource
from pyfix.load.tool import Clock, UsageError, Workers, added, address, part, run, say, summed
from pyfix.load.traffic import Traffic
from pyfix.net.engine import Engine

HISTOGRAMS = ("latency", "commit", "connects", "late")
COUNTS = ("sent", "failed", "recipients", "recipients_failed", "connections", "octets")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    words = argparse.ArgumentParser(prog="pyfix bench source", description="Send SMTP load to a server.")
    add = words.add_argument
    add("target", help="HOST:PORT, [ADDRESS]:PORT or unix:PATH")
    add("-m", "--messages", type=int, default=0, help="how many; 0: until --seconds are over")
    add("--seconds", type=float, default=0.0, help="stop after that time")
    add("-s", "--sessions", type=int, default=10, help="sessions at once (open loop: at most)")
    add("--rate", type=float, default=0.0, help="open loop: messages a second, due by the clock")
    add("--poisson", action="store_true", help="open loop: random gaps instead of equal ones")
    add("-c", "--per-connection", type=int, default=1, help="messages per connection; 0: no limit")
    add("-r", "--recipients", default="1", help='per message: "50" or "1:90,5:9" (value:weight)')
    add("-l", "--sizes", default="4096", help='bytes of the body: "4096", "2k:50,64k:5" or lognormal:MEDIAN:SIGMA')
    add("--corpus", default="", help="a folder of messages to send instead of made-up bodies")
    add("-f", "--sender", default="sender@bench.example", help="{u} in it stands for a number below --users")
    add("-t", "--to", default="rcpt@dest.example", help="{u}: a number below --users, {d}: below --domains")
    add("--users", type=int, default=1)
    add("--domains", type=int, default=1)
    add("--mix", default="", help="a TOML file with tenants, senders, recipients, sizes and their weights")
    add("--bdat", action="store_true", help="BDAT where the server offers CHUNKING")
    add("--no-pipelining", action="store_true", help="one command at a time, as smtp-source does")
    add("--no-ehlo", action="store_true", help="HELO only, so no extensions")
    add("--no-rset", action="store_true", help="no RSET before the next message on a kept connection")
    add("--tls", action="store_true", help="STARTTLS on each connection; a server without it fails")
    add("--tls-verify", default="", metavar="FILE", help="check the certificate and its name: authorities (PEM), or \"system\"")
    add("--tls-resume", action="store_true", help="take up the last session instead of a whole handshake")
    add("--helo", default="load.test")
    add("--from-address", default="", help="local address to connect from")
    add("--patience", type=int, default=300, help="seconds to wait for a reply")
    add("--seed", type=int, default=1, help="the same seed makes the same messages")
    add("--run", default="", help="run id, up to 16 letters and digits (drawn unless given)")
    add("--first", type=int, default=0, help="number of the first message")
    add("-j", "--jobs", type=int, default=1, help="processes")
    add("-q", "--quiet", action="store_true", help="no progress lines")
    add("--show", type=int, default=0, metavar="N", help="print the first N messages and send nothing")
    add("--part", default="", help=argparse.SUPPRESS)
    return words


def traffic(args: argparse.Namespace) -> Traffic:
    """What the words ask to send."""
    if args.mix:
        tables = mix.load(Path(args.mix))
    else:
        tables = mix.plain(args.sender, args.to, args.users, args.domains, args.sizes, args.recipients, args.corpus)
    return Traffic(args.run.encode(), args.seed, *tables)


def plan(args: argparse.Namespace, index: int, count: int) -> SimpleNamespace:
    """What one of `count` processes has to do; see sending.Source."""
    family, host, port = address(args.target)
    share = args.sessions // count + (index < args.sessions % count)
    settings = Settings(args.helo.encode(), always_ehlo=not args.no_ehlo, never_ehlo=args.no_ehlo, skip_quit_response=False,
                        discard=PIPELINING if args.no_pipelining else 0)
    return SimpleNamespace(
        family=family, host=host, port=port, source=args.from_address, bdat=args.bdat, no_probe=args.no_rset,
        messages_per_connection=args.per_connection, sessions=share, rate=args.rate / count, poisson=args.poisson,
        messages=args.first + args.messages if args.messages else 0, first=args.first + index, stride=count,
        patience=args.patience, settings=settings,
        tls=tls.client(server_name(args.target), args.tls_verify, args.tls_resume) if args.tls else None)


def server_name(target: str) -> str:
    """The name that a certificate must have: the target's host as it was written, "" for a socket's path."""
    return "" if target.startswith("unix:") else target.removeprefix("inet:").rpartition(":")[0].strip("[]")


async def work(args: argparse.Namespace, index: int, count: int) -> dict[str, Any]:
    """Sends this process's share; its packed result."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    kind = SecureSource if args.tls else Source
    source = kind(Engine(loop), traffic(args), plan(args, index, count), lambda: over.done() or over.set_result(None))
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, source.stop)
    clock = Clock()
    if args.seconds:
        loop.call_later(args.seconds, source.stop)
    source.start()
    shown = loop.create_task(progress(args, source, clock))
    await over
    shown.cancel()
    result = {"seconds": clock.seconds(), "cpu_seconds": clock.cpu(), "failures": source.reasons}
    source.engine.close()
    return result | {key: getattr(source, key) for key in COUNTS} | {
        key: getattr(source, key).pack() for key in HISTOGRAMS} | {"tls": source.plan.tls and source.plan.tls.packed()}


async def progress(args: argparse.Namespace, source: Source, clock: Clock) -> None:
    """Each second: how it goes, for a person or for the parent."""
    before = 0
    while True:
        await asyncio.sleep(1)
        recent = source.recent
        row = {"sent": source.sent, "failed": source.failed, "rate": source.sent - before, "busy": source.busy,
               "p50": recent.percentile(50) / 1000, "p99": recent.percentile(99) / 1000}
        before = source.sent
        recent.clear()
        if args.part:
            say({"progress": row})
        elif not args.quiet:
            show(clock.seconds(), [row])


def show(seconds: float, rows: list[dict[str, Any]]) -> None:
    """The progress line on stderr; the percentiles are those of the worst process."""
    total = {key: sum(row[key] for row in rows) for key in ("sent", "failed", "rate", "busy")}
    print(f"{seconds:6.0f} s  {total['sent']:9d} sent  {total['rate']:7d}/s  {total['busy']:5d} under way  "
          f"p50 {max(row['p50'] for row in rows):8.1f} ms  p99 {max(row['p99'] for row in rows):8.1f} ms  "
          f"{total['failed']} failed", file=sys.stderr, flush=True)


async def several(args: argparse.Namespace, words: list[str]) -> list[dict[str, Any]]:
    """As `-j` processes; their packed results."""
    results: dict[int, dict[str, Any]] = {}
    latest: dict[int, dict[str, Any]] = {}
    clock = Clock()

    def heard(index: int, line: dict[str, Any]) -> None:
        if "result" in line:
            results[index] = line["result"]
            latest.pop(index, None)
            return
        latest[index] = line["progress"]
        if not args.quiet and index == min(latest):
            show(clock.seconds(), list(latest.values()))

    workers = Workers("pyfix.load.source", [*words, "--run", args.run], args.jobs, heard)
    await workers.start()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: [process.terminate() for process in workers.processes])
    if await workers.finish() or len(results) < args.jobs:
        raise UsageError("one of the processes failed")
    return list(results.values())


def summary(args: argparse.Namespace, parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The result of all processes together."""
    total = {key: sum(one[key] for one in parts) for key in COUNTS}
    seconds = max(one["seconds"] for one in parts)
    figures = {key: summed([one[key] for one in parts]) for key in HISTOGRAMS}
    return {
        "tool": "pyfix bench source", "target": args.target, "run": args.run, "seed": args.seed, "first": args.first,
        "loop": "open" if args.rate else "closed", "wanted_rate": args.rate or None, "sessions": args.sessions,
        "processes": len(parts), "seconds": round(seconds, 3), "messages": total["sent"], "failed": total["failed"],
        "recipients": total["recipients"], "recipients_failed": total["recipients_failed"],
        "connections": total["connections"], "bytes": total["octets"],
        "rate": round(total["sent"] / seconds, 1) if seconds else 0.0,
        "latency_ms": figures["latency"].summary(), "content_reply_ms": figures["commit"].summary(),
        "greeting_ms": figures["connects"].summary(), "started_late_ms": figures["late"].summary(),
        "tls": tls.merged([one["tls"] for one in parts]) if args.tls else None, "failures": added(parts, "failures"), "cpu_seconds": added(parts, "cpu_seconds")}


def check(args: argparse.Namespace) -> None:
    """Raises UsageError for words that contradict each other."""
    if not args.messages and not args.seconds:
        raise UsageError("say how many (-m) or how long (--seconds)")
    if not 1 <= args.jobs <= args.sessions:
        raise UsageError("-j: 1 to as many as there are sessions")
    if min(args.messages, args.seconds, args.rate, args.per_connection, args.first) < 0 or args.patience < 1:
        raise UsageError("a number below 0")
    if (args.tls_verify or args.tls_resume) and not args.tls:
        raise UsageError("--tls-verify and --tls-resume need --tls")
    if args.tls_verify and not server_name(args.target):
        raise UsageError("--tls-verify: a socket's path has no name to check")
    if args.tls and args.no_ehlo:
        raise UsageError("--tls needs EHLO")
    if args.poisson and not args.rate:
        raise UsageError("--poisson needs --rate")


def main(words: list[str] | None = None) -> int:
    """Entry point; the exit status is 0 when every message was accepted, 1 when some were not, 2 on bad usage."""
    words = sys.argv[1:] if words is None else words
    args = parser().parse_args(words)
    args.run = args.run or secrets.token_hex(6)
    try:
        check(args)
        if args.show:
            return examples(args)
        if args.part:
            result = run_part(args)
            say({"result": result})
            return 0
        parts: list[dict[str, Any]] = []

        async def whole() -> int:
            parts.extend(await several(args, words) if args.jobs > 1 else [await work(args, 0, 1)])
            return 0

        run(whole)
    except (UsageError, mix.MixError, ValueError) as error:
        print(f"pyfix bench source: {error}", file=sys.stderr)
        return 2
    result = summary(args, parts)
    say(result)
    return 1 if result["failed"] or result["recipients_failed"] else 0


def run_part(args: argparse.Namespace) -> dict[str, Any]:
    """One of several processes."""
    index, count = part(args.part)
    result: dict[str, Any] = {}

    async def one() -> int:
        result.update(await work(args, index, count))
        return 0

    run(one)
    return result


def examples(args: argparse.Namespace) -> int:
    """The first messages, as they would be sent."""
    what = traffic(args)
    for number in range(args.first, args.first + args.show):
        sender, recipients, content = what.example(number)
        sys.stdout.buffer.write(b"# %d: %b -> %b\n%b\n" % (number, sender, b" ".join(recipients), content))
    return 0


if __name__ == "__main__":
    sys.exit(main())
