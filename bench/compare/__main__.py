"""pyfix bench compare: mail servers side by side, at the same durability, on this machine.

    pyfix bench compare --quick                     under ten minutes: five scenarios, two rounds
    pyfix bench compare                             all scenarios
    pyfix bench compare small kept --systems postfix,pyfix -n 5

Writes report.md, report.json, report.html and plots (PNG, with the extra `bench`) to --out. See bench/README.md.
"""

from __future__ import annotations

import argparse
import datetime
import math
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.compare import report
from bench.compare.measure import SYSTEMS, Contest, tell
from bench.compare.scenarios import ALL, BY_NAME

CHECKOUT = Path(__file__).resolve().parents[2]


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    cpu = next((line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=CHECKOUT, capture_output=True, text=True, check=False).stdout.strip()
    return {"when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), "cpu": cpu, "cores": os.cpu_count(),
            "kernel": platform.release(), "python": platform.python_version(), "commit": commit, "load": os.getloadavg()}


def main(words: list[str] | None = None) -> int:
    """Entry point; 1 when no system could be measured."""
    parser = argparse.ArgumentParser(prog="pyfix bench compare", description=__doc__.splitlines()[0])
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(BY_NAME))
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="of " + ",".join(SYSTEMS))
    parser.add_argument("--quick", action="store_true", help="fewer scenarios, shorter bursts, two rounds")
    parser.add_argument("-n", "--rounds", type=int, default=0, help="counted rounds (2 with --quick, else 5)")
    parser.add_argument("--seconds", type=float, default=0.0, help="length of a burst (1.5 with --quick, else 6)")
    parser.add_argument("--scale", type=float, default=1.0, help="factor for message numbers, crowd and backlog")
    parser.add_argument("--root", default="/var/tmp/pyfix-compare", help="scratch folder for queues; its file system is measured")
    parser.add_argument("--out", default=".run/compare", help="folder for the report")
    parser.add_argument("--minutes", type=float, default=0.0, help="begin nothing new after that time (9 with --quick, else no end)")
    parser.add_argument("--no-trace", action="store_true", help="do not look with strace")
    args = parser.parse_args(words)
    unknown = [name for name in args.scenarios if name not in BY_NAME] + [name for name in args.systems.split(",") if name not in SYSTEMS]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}")
    chosen = [BY_NAME[name] for name in args.scenarios] or [scenario for scenario in ALL if scenario.quick or not args.quick]
    rounds, seconds = args.rounds or (2 if args.quick else 5), args.seconds or (1.5 if args.quick else 6.0)
    minutes = args.minutes or (9.0 if args.quick else math.inf)
    whole: dict[str, Any] = {"machine": machine(), "rounds": rounds, "burst_seconds": seconds, "scenarios": []}
    out, deadline = Path(args.out), time.monotonic() + 60 * minutes
    untraced = set() if args.no_trace else set(args.systems.split(","))
    for scenario in chosen:
        tell(f"{scenario.name}: {scenario.title}")
        contest = Contest(scenario, args.systems.split(","), Path(args.root), seconds, args.scale, deadline)
        whole["scenarios"].append(contest.run(rounds, untraced))
        untraced -= whole["scenarios"][-1]["durability"].keys()
        report.write(whole, out)
    print((out / "report.md").read_text())
    tell(f"written: {out}/report.md report.json report.html")
    return 0 if any(row["rounds"] for row in whole["scenarios"]) else 1


if __name__ == "__main__":
    sys.exit(main())
