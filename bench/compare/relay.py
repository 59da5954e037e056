"""Relay rates of pyfix and Debian's Postfix, interleaved on one machine: python -m bench.compare.relay

Postfix's own smtp-source and smtp-sink load both. A round runs every system once, in turn;
the figure is the median over the rounds, the ratio that of each pair. Each result is appended
to bench/history/relay.jsonl. What would flatter pyfix and is therefore set for both or for Postfix:
in_flow_delay = 0, 100 concurrent deliveries to the one destination from the start, 200 processes,
no chroot, log straight to a file. cpu_us is CPU time (user and system) per message over all processes of the system,
the dead ones included, and is the steadier figure on a busy machine; cpu_ratio is Postfix's over pyfix's. peak_mb is the most
memory that the largest process had ever taken by the end of the warm-up round, and of the last: flat where both are the same.
of_direct is pyfix's rate over that of smtp-source straight into smtp-sink.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from bench.compare import usage
from bench.compare.systems import Postfix, Pyfix, System, free_port
from bench.record import keep

# name: (smtp-source options, messages for Postfix, messages for pyfix, recipients a message, extra main.cf)
SCENARIOS = {
    "new-20": (["-s", "20", "-l", "4096"], 3000, 12000, 1, ""),
    "new-100": (["-s", "100", "-l", "4096"], 3000, 12000, 1, ""),
    "kept-20": (["-s", "20", "-l", "4096", "-d"], 3000, 20000, 1, ""),
    "accept-20": (["-s", "20", "-l", "4096"], 3000, 12000, 0, "default_transport = discard:\nrelayhost =\n"),
    "rcpt-50": (["-s", "20", "-l", "4096", "-r", "50"], 500, 2000, 50, ""),
    "size-1m": (["-s", "20", "-l", "1048576"], 300, 500, 1, ""),
}
DIRECT = ("new-20", "kept-20")      # the source also sends straight into the sink, in turn with the systems


class Sink:
    """smtp-sink with its running counter read from a pipe by a thread (it stops when nobody reads)."""

    def __init__(self) -> None:
        self.port = free_port()
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        self.process = subprocess.Popen(["smtp-sink", "-c", *user, f"127.0.0.1:{self.port}", "1024"],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.count = 0
        threading.Thread(target=self.follow, daemon=True).start()

    def follow(self) -> None:
        """Keeps `count`, the messages received since the start, current."""
        rest = b""
        while data := os.read(self.process.stdout.fileno(), 65536):
            rest = (rest + data)[-200:]
            found = re.findall(rb"mesg=(\d+)\s", rest)
            if found:
                self.count = int(found[-1])

    def stop(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.wait()


def run_once(port: int, sink: Sink, options: list[str], messages: int, recipients: int) -> dict[str, float]:
    """One burst; waits until all has arrived. Returns rates per second."""
    before = sink.count
    command = ["smtp-source", *options, "-m", str(messages), "-f", "sender@bench.example",
               "-t", "rcpt@dest.example", f"127.0.0.1:{port}"]
    start = time.monotonic()
    tools = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    accepted = time.monotonic() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    delivered = accepted
    if recipients:
        deadline = start + 180
        while sink.count - before < messages:
            if time.monotonic() > deadline:
                raise TimeoutError(f"only {sink.count - before} of {messages} arrived")
            time.sleep(0.002)
        delivered = time.monotonic() - start
    return {"accepted": messages / accepted, "relayed": messages / delivered * max(1, recipients),
            "source_cpu": used.ru_utime + used.ru_stime - tools.ru_utime - tools.ru_stime}


def compare(name: str, rounds: int, root: Path, only: str) -> dict:
    """Runs a scenario; returns medians, spreads and pair ratios."""
    options, few, many, recipients, extra = SCENARIOS[name]
    sink = Sink()
    systems: list[System] = []
    systems += [kind(root / kind.name, sink.port, extra) for kind in (Postfix, Pyfix) if only in ("", kind.name)]
    targets = [(s.name, s.port, few if s.name == "postfix" else many) for s in systems]
    targets += [("direct", sink.port, many)] if name in DIRECT else []
    rates: dict[str, list[float]] = {}
    costs: dict[str, list[float]] = {}
    peaks: dict[str, list[float]] = {}
    try:
        for system in systems:
            system.start()
        time.sleep(1)
        for number in range(rounds + 1):          # the first is warm-up
            for label, port, count in targets:
                count = count if number else max(200, count // 4)
                root_pid = next((s.root_pid() for s in systems if s.name == label), 0)
                before = usage.used(root_pid) if root_pid else usage.Usage()
                result = run_once(port, sink, options, count, recipients)
                cost = usage.settle(root_pid).since(before).cpu * 1e6 / count if root_pid else 0.0
                if root_pid:
                    peaks.setdefault(label, []).append(round(usage.peak(root_pid) / 1e6, 1))
                if number:
                    costs.setdefault(label, []).append(cost)
                    rates.setdefault(label, []).append(result["relayed" if recipients else "accepted"])
                print(f"  {name} round {number}: {label:8s} {result['relayed']:8.0f}/s "
                      f"(accepted {result['accepted']:.0f}/s, CPU {cost:.0f} us/message)", file=sys.stderr, flush=True)
                time.sleep(0.3)
    finally:
        for system in systems:
            system.stop()
        sink.stop()
    return summary(name, rates, costs, peaks)


def summary(name: str, rates: dict[str, list[float]], costs: dict[str, list[float]],
            peaks: dict[str, list[float]]) -> dict:
    """The figures of a scenario as one history record."""
    record: dict = {"scenario": name}
    for label, values in rates.items():
        record[label] = {"median": round(statistics.median(values), 1), "min": round(min(values), 1),
                         "max": round(max(values), 1), "runs": len(values),
                         "cpu_us": round(statistics.median(costs[label]), 1),
                         "cpu_us_range": [round(min(costs[label]), 1), round(max(costs[label]), 1)]}
        if label in peaks:
            record[label]["peak_mb"] = [peaks[label][0], peaks[label][-1]]
    if "postfix" in rates and "pyfix" in rates:
        ratios = [b / a for a, b in zip(rates["postfix"], rates["pyfix"], strict=True)]
        record["ratio"] = round(statistics.median(ratios), 2)
        shares = [a / b for a, b in zip(costs["postfix"], costs["pyfix"], strict=True) if b]
        record["cpu_ratio"] = round(statistics.median(shares), 2) if shares else None
    if "direct" in rates and "pyfix" in rates:
        record["of_direct"] = round(statistics.median(b / a for a, b in zip(rates["direct"], rates["pyfix"], strict=True)), 2)
    return record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenarios", nargs="*", default=["new-20"], help=", ".join(SCENARIOS))
    parser.add_argument("-n", "--rounds", type=int, default=5)
    parser.add_argument("--only", default="", choices=["", "postfix", "pyfix"])
    parser.add_argument("--root", default="/var/tmp/pyfix-bench", help="scratch folder (its file system is measured)")
    parser.add_argument("--note", default="")
    parser.add_argument("--no-history", action="store_true")
    args = parser.parse_args()
    for name in args.scenarios if args.scenarios != ["all"] else SCENARIOS:
        record = compare(name, args.rounds, Path(args.root), args.only)
        print(json.dumps(record), flush=True)
        if not args.no_history:
            keep("relay", record, args.note)


if __name__ == "__main__":
    main()
