"""The simulator: python -m bench.sim [scenario ...] [--seed N] [--out FOLDER]   (also: pyfix bench sim, make sim)

Runs pyfix's real queue manager and queue on a virtual clock against a fake Internet, prints what it found and draws it.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from bench import draw
from bench.sim.scenarios import SCENARIOS, Answer

COMPARED = {"outage": {"naive": True}, "herd": {"naive": True}, "lists": {"cost": 0}}


def show(name: str, answer: Answer, seconds: float) -> None:
    """One run in words."""
    print(f"{name}: {seconds:.1f} s, trace {answer.trace[:16] or '-'}")
    for words, value in answer.figures.items():
        print(f"    {words:45s} {value:,.2f}")


def run(name: str, seed: int, out: Path) -> None:
    """A scenario and, where there is one, what it is compared with."""
    charts: list[str] = []
    for label, options in [(name, {}), *([(name + ", for comparison", COMPARED[name])] if name in COMPARED else [])]:
        began = time.perf_counter()
        answer = SCENARIOS[name](seed, **options)
        show(label, answer, time.perf_counter() - began)
        charts += answer.charts
    draw.save(out / f"{name}.svg", *charts)
    print(f"    drawn in {out / name}.svg")


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="pyfix bench sim", description=__doc__.splitlines()[0])
    parser.add_argument("scenario", nargs="*", help=f"{', '.join(SCENARIOS)}; all of them where none is named")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(".run/sim"), help="folder for the plots (default .run/sim)")
    options = parser.parse_args(arguments)
    for name in options.scenario or SCENARIOS:
        if name not in SCENARIOS:
            parser.error(f"no scenario {name}: use {', '.join(SCENARIOS)}")
        run(name, options.seed, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
