"""Are our load tools in the way? Source and sink beside Postfix's smtp-source and smtp-sink: python -m bench.compare.toolspeed

The law: same mode, same peer, turn about. A source is measured sending to the same smtp-sink, a sink receiving from the same
smtp-source; HELO, one command at a time, and for "kept" (smtp-source -d) no RSET between messages. CPU time is the process's own
as the kernel gives it when the process has ended (wait4(2)); two bursts, one three times as long, are subtracted, so that starting
up costs nobody anything. The ratios are theirs over ours, round by round: above 1 ours needs less. Kept in bench/history/tools.jsonl.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from bench.compare.systems import free_port, greeted
from bench.record import keep

MODES = {"new": ([], ["-c", "1"]), "kept": (["-d"], ["-c", "0", "--no-rset"])}
LOAD = ["-s", "20", "-l", "4096"]
ADDRESSES = ["-f", "sender@bench.example", "-t", "rcpt@dest.example"]


class Cost(NamedTuple):
    """Of one message: CPU microseconds of the tool that is measured, and wall microseconds."""

    cpu: float
    wall: float


def ended(process: subprocess.Popen[bytes]) -> float:
    """CPU seconds, user and system, of a process that is about to end. RuntimeError: it failed."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, -15):
        raise RuntimeError(f"{process.args[0]} ended with status {process.returncode}")
    return used.ru_utime + used.ru_stime


def sink(ours: bool, port: int) -> subprocess.Popen[bytes]:
    """A receiver on `port` that greets."""
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = ([sys.executable, "-m", "pyfix.load.sink", f"127.0.0.1:{port}", "-q"] if ours
               else ["smtp-sink", *user, f"127.0.0.1:{port}", "1024"])
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    greeted(port)
    return process


def source(ours: bool, port: int, mode: str, messages: int) -> subprocess.Popen[bytes]:
    """A sender at work."""
    theirs, mine = MODES[mode]
    command = ([sys.executable, "-m", "pyfix.load.source", f"127.0.0.1:{port}", "--no-ehlo", "--no-pipelining", "-q", *mine] if ours
               else ["smtp-source", *theirs])
    words = [*command, *LOAD, *ADDRESSES, "-m", str(messages)]
    return subprocess.Popen(words if ours else [*words, f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL)


def burst(what: str, ours: bool, mode: str, messages: int) -> Cost:
    """One run of a pair of tools of which `what` is measured: seconds in all."""
    port = free_port()
    receiver = sink(ours and what == "sink", port)
    start = time.monotonic()
    sent = ended(source(ours and what == "source", port, mode, messages))
    wall = time.monotonic() - start
    receiver.terminate()
    received = ended(receiver)
    return Cost(sent if what == "source" else received, wall)


def message(what: str, ours: bool, mode: str, messages: int) -> Cost:
    """What one message costs, from two bursts."""
    few, many = burst(what, ours, mode, messages), burst(what, ours, mode, 3 * messages)
    return Cost(*(round((b - a) * 1e6 / (2 * messages), 2) for a, b in zip(few, many, strict=True)))


def compare(what: str, mode: str, messages: int, rounds: int) -> dict[str, object]:
    """Rounds of both, alternating: medians and the median of the ratios."""
    found: dict[bool, list[Cost]] = {True: [], False: []}
    for number in range(rounds):
        for ours in (True, False) if number % 2 else (False, True):
            found[ours].append(message(what, ours, mode, messages))
    pairs = list(zip(found[False], found[True], strict=True))
    record: dict[str, object] = {"tool": what, "mode": mode, "messages": messages, "rounds": rounds}
    for name, ours in (("ours", True), ("theirs", False)):
        record[name] = {"cpu_us": statistics.median(cost.cpu for cost in found[ours]),
                        "wall_us": statistics.median(cost.wall for cost in found[ours])}
    record["cpu_ratio"] = round(statistics.median(a.cpu / b.cpu for a, b in pairs), 2)
    record["wall_ratio"] = round(statistics.median(a.wall / b.wall for a, b in pairs), 2)
    return record


def main(words: list[str] | None = None) -> int:
    """Entry point; 1 where one of ours costs more CPU than Postfix's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-m", "--messages", type=int, default=5000, help="of the shorter burst")
    parser.add_argument("-n", "--rounds", type=int, default=5)
    parser.add_argument("--tool", choices=["source", "sink"], action="append")
    parser.add_argument("--note", default="")
    parser.add_argument("--no-history", action="store_true")
    args = parser.parse_args(words)
    slower = 0
    for what in args.tool or ["source", "sink"]:
        for mode in MODES:
            record = compare(what, mode, args.messages, args.rounds)
            slower += float(str(record["cpu_ratio"])) < 1
            print(json.dumps(record), flush=True)
            if not args.no_history:
                keep("tools", record, args.note)
    return int(slower > 0)


if __name__ == "__main__":
    sys.exit(main())
