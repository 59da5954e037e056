"""Accepted figures: bench/history/baselines.json holds the last, bench/history/history.jsonl all of them.

The law: nothing but `--accept --who --why` writes them, and each line says who, why, and by how much. The trend is drawn from
the history: each operation relative to its first accepted figure in the same environment.
"""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from bench.gate.verdict import Figures
from bench.record import FOLDER, machine
from bench.trend import trend


def load(folder: Path = FOLDER) -> dict[str, Any] | None:
    """The baseline: commit, when, who, why, machine, environment, instructions. None: there is none yet."""
    path = folder / "baselines.json"
    return json.loads(path.read_text()) if path.exists() else None


def changes(before: Figures, after: Figures) -> dict[str, float | None]:
    """By how many percent each figure changed; None for one that is new."""
    found: dict[str, float | None] = {}
    for name, value in after.items():
        base = before.get(name)
        if isinstance(value, (int, float)):
            found[name] = round(100 * (value / base - 1), 2) if isinstance(base, (int, float)) and base else None
    return found


def accept(figures: Figures, environment: dict[str, str], commit: str, who: str, why: str, folder: Path = FOLDER) -> dict[str, Any]:
    """Makes these figures the baseline and adds a line to the history: that line."""
    old = load(folder) or {"instructions": {}, "environment": {}}
    comparable = old["environment"] in ({}, environment)
    record = {"commit": commit, "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), "who": who,
              "why": why, "machine": machine(), "environment": environment,
              "instructions": {name: value for name, value in figures.items() if not isinstance(value, str)}}
    line = record | {"change_percent": changes(old["instructions"], figures) if comparable else "another environment"}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "baselines.json").write_text(json.dumps(record, indent=1) + "\n")
    with (folder / "history.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    trend(folder)
    return line
