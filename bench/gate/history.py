"""Accepted figures: bench/history/baselines.json holds the last, bench/history/history.jsonl all of them.

The law: nothing but `--accept --who --why` writes them, and each line says who, why, and by how much. The trend is drawn from
the history: each operation relative to its first accepted figure in the same environment.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
from pathlib import Path
from typing import Any

from bench import draw
from bench.gate.trees import CHECKOUT
from bench.gate.verdict import Figures

FOLDER = CHECKOUT / "bench/history"


def load(folder: Path = FOLDER) -> dict[str, Any] | None:
    """The baseline: commit, when, who, why, machine, environment, instructions. None: there is none yet."""
    path = folder / "baselines.json"
    return json.loads(path.read_text()) if path.exists() else None


def machine() -> dict[str, Any]:
    """Where the figures come from."""
    return {"kernel": platform.release(), "machine": platform.machine(), "cores": os.cpu_count(),
            "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20}


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
    draw_trend(folder)
    return line


def lines(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """The history, oldest first."""
    path = folder / "history.jsonl"
    return [json.loads(text) for text in path.read_text().splitlines()] if path.exists() else []


def draw_trend(folder: Path = FOLDER) -> Path:
    """Draws trend.svg: percent of the first accepted figure, one chart for each operation."""
    records, charts = lines(folder), []
    for name in dict.fromkeys(name for record in records for name in record["instructions"]):
        curves: dict[str, list[tuple[float, float]]] = {}
        first: dict[str, float] = {}
        for number, record in enumerate(records, 1):
            value, where = record["instructions"].get(name), record["environment"].get("python", "")
            if value is not None:
                curves.setdefault(where, []).append((number, 100 * value / first.setdefault(where, value)))
        charts.append(draw.chart(f"{name}: instructions, % of the first accepted figure",
                                 [draw.Line(where, points, True) for where, points in curves.items()],
                                 "accepted figure number", "%"))
    draw.save(folder / "trend.svg", *charts)
    return folder / "trend.svg"
