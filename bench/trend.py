"""Draws bench/history as one page, bench/history/trend.svg: python -m bench.trend

What is drawn, each from its file, in the order the figures were kept: pyfix beside Postfix and its CPU time a message (relay.jsonl), waiting at
a steady rate (steady.jsonl), the load tools beside Postfix's (tools.jsonl), and the gate's instruction counts (history.jsonl), each
as percent of the first figure accepted in the same environment. The gate draws it anew whenever a baseline is accepted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import draw
from bench.draw import Line
from bench.record import FOLDER, lines

Record = dict[str, Any]
AT = "figure number"


def curves(records: list[Record], key: Callable[[Record], str], value: Callable[[Record], float | None]) -> list[Line]:
    """One line for each key, over the records that have a value."""
    found: dict[str, list[tuple[float, float]]] = {}
    for record in records:
        number = value(record)
        if number is not None:
            points = found.setdefault(key(record), [])
            points.append((len(points) + 1, number))
    return [Line(name, points) for name, points in found.items()]


def relay(folder: Path) -> list[str]:
    """How many times Postfix's rate, and CPU time a message."""
    records = lines("relay", folder)
    if not records:
        return []
    return [draw.chart("Relay: times Postfix's rate (median of pairs)", curves(records, scenario, lambda r: r.get("ratio")), AT, "times"),
            draw.chart("Relay: Postfix's CPU time over pyfix's", curves(records, scenario, lambda r: r.get("cpu_ratio")), AT, "times"),
            draw.chart("Relay: pyfix's CPU time a message", curves(records, scenario, lambda r: r.get("pyfix", {}).get("cpu_us")), AT, "us")]


def scenario(record: Record) -> str:
    """Name of a curve."""
    return str(record["scenario"])


def steady(folder: Path) -> list[str]:
    """From final dot to 250 at a steady rate."""
    records = [record for record in lines("steady", folder) if record["system"] == "pyfix"]
    return [draw.chart(f"500 messages a second: {percentile} from the final dot to 250",
                       curves(records, lambda r: f"beside {r['beside']}", lambda r, key=percentile: r["reply_ms"][key]), AT, "ms")
            for percentile in ("p50", "p99")] if records else []


def tools(folder: Path) -> list[str]:
    """The load tools beside Postfix's."""
    records = lines("tools", folder)
    return [draw.chart("Load tools: CPU time of Postfix's over ours", curves(records, lambda r: f"{r['tool']}, {r['mode']}",
                                                                            lambda r: r["cpu_ratio"]), AT, "times")] if records else []


def instructions(folder: Path) -> list[str]:
    """The gate's operations."""
    charts, records = [], lines("history", folder)
    for name in dict.fromkeys(name for record in records for name in record["instructions"]):
        found: dict[str, list[tuple[float, float]]] = {}
        first: dict[str, float] = {}
        for number, record in enumerate(records, 1):
            value, where = record["instructions"].get(name), record["environment"].get("python", "")
            if value is not None:
                found.setdefault(where, []).append((number, 100 * value / first.setdefault(where, value)))
        charts.append(draw.chart(f"{name}: instructions, % of the first accepted figure",
                                 [Line(where, points, True) for where, points in found.items()], AT, "%"))
    return charts


def trend(folder: Path = FOLDER) -> Path:
    """Draws the page: where it is."""
    draw.save(folder / "trend.svg", *relay(folder), *steady(folder), *tools(folder), *instructions(folder))
    return folder / "trend.svg"


if __name__ == "__main__":
    print(trend())
    sys.exit(0)
