"""The report of a comparison: Markdown, JSON, plots, and one HTML page with everything in it.

The law: a figure is the median of the counted rounds with its range beside it; the ratio is the median of the ratios within each
round (pyfix over the other), since both then met the same noise. What is missing says why.
"""

from __future__ import annotations

import base64
import html
import json
import statistics
from pathlib import Path
from typing import Any

from bench.compare.plots import COLORS, ORDER, plots

STYLE = """
body { font: 16px/1.55 system-ui, sans-serif; color: #1d2521; background: #fbfaf7; max-width: 62rem; margin: 2.5rem auto; padding: 0 1.2rem }
h1 { font-size: 1.9rem; margin-bottom: .2rem } h2 { margin-top: 2.6rem; border-top: 1px solid #d9d6cc; padding-top: 1.2rem }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .9rem; margin: .8rem 0 }
th, td { text-align: right; padding: .35rem .6rem; border-bottom: 1px solid #e4e1d8 } th:first-child, td:first-child { text-align: left }
th { font-weight: 600; color: #55605a } .bad { color: #c0392b; font-weight: 600 } .quiet { color: #66706b; font-size: .9rem }
img { max-width: 100%; margin: .6rem 0 } .bar { height: .7rem; border-radius: .35rem; display: inline-block; vertical-align: middle }
"""


def median(rows: list[dict[str, Any]], key: str) -> float:
    """Of one figure over the rounds."""
    return statistics.median(row[key] for row in rows)


def spread(rows: list[dict[str, Any]], key: str) -> str:
    """"lowest-highest"."""
    values = [row[key] for row in rows]
    return f"{min(values):,.0f}-{max(values):,.0f}"


def ratio(record: dict[str, Any], name: str, key: str, inverse: bool = False) -> float | None:
    """pyfix over `name` (or the other way round), round by round."""
    ours, theirs = record["rounds"].get("pyfix", []), record["rounds"].get(name, [])
    pairs = [(a[key], b[key]) for a, b in zip(ours, theirs, strict=False) if a[key] and b[key]]
    if not pairs or name == "pyfix":
        return None
    return statistics.median(b / a if inverse else a / b for a, b in pairs)


def names(record: dict[str, Any]) -> list[str]:
    """The systems of a scenario in the report's order."""
    return [name for name in ORDER if name in record["rounds"]]


def table(record: dict[str, Any]) -> list[list[str]]:
    """Rows of cells, the head first."""
    restart = any("greeting" in row for rows in record["rounds"].values() for row in rows)
    if restart:
        head = ["system", "greeting s", "mail through s", "CPU s", "memory MB", "durable"]
        return [head, *([name, f"{median(rows, 'greeting'):.2f}", f"{median(rows, 'through'):.2f}", f"{median(rows, 'cpu_us') / 1e6:.2f}",
                         f"{median(rows, 'pss') / 1e6:,.0f}", durable(record, name)] for name in names(record) for rows in [record["rounds"][name]])]
    head = ["system", "relayed/s", "range", "pyfix is", "CPU us/message", "CPU ratio", "accept p50/p99 ms", "relay p50/p99 ms",
            "disk MB/1000", "memory MB", "durable", "whole"]
    return [head, *(row(record, name) for name in names(record))]


def row(record: dict[str, Any], name: str) -> list[str]:
    """One system's cells."""
    rows = record["rounds"][name]
    faster, cheaper = ratio(record, name, "rate"), ratio(record, name, "cpu_us", inverse=True)
    return [name, f"{median(rows, 'rate'):,.0f}", spread(rows, "rate"), f"{faster:.1f}x" if faster else "", f"{median(rows, 'cpu_us'):,.0f}",
            f"{cheaper:.1f}x" if cheaper else "", latency(rows, "accept_ms"), latency(rows, "relay_ms"),
            f"{median(rows, 'disk_per_1000') / 1e6:,.1f}", f"{median(rows, 'pss') / 1e6:,.0f}", durable(record, name),
            "yes" if all(one["whole"] for one in rows) else "NO"]


def latency(rows: list[dict[str, Any]], key: str) -> str:
    """Medians of p50 and p99."""
    values = [one[key] for one in rows if one[key]["count"]]
    if not values:
        return "-"
    return f"{statistics.median(one['p50'] for one in values):,.0f} / {statistics.median(one['p99'] for one in values):,.0f}"


def durable(record: dict[str, Any], name: str) -> str:
    """Whether a sync was seen before the 250."""
    seen = record.get("durability", {}).get(name)
    return "?" if not seen else {"yes": "sync", "no": "NO SYNC"}.get(seen["verdict"], "?")


def markdown_table(rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(cells) + " |" for cells in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def about(whole: dict[str, Any]) -> str:
    """The conditions in one line."""
    box = whole["machine"]
    return (f"{box['when']}, commit {box['commit']}, {box['cpu']}, {box['cores']} cores, Linux {box['kernel']}, load {box['load'][0]:.1f} at the start; "
            f"{whole['rounds']} interleaved rounds after a warm-up, bursts of about {whole['burst_seconds']:g} s; load tools on the same cores.")


def durability_rows(whole: dict[str, Any]) -> list[list[str]]:
    """What strace saw."""
    found = seen(whole)
    versions = {name: text for record in whole["scenarios"] for name, text in record.get("versions", {}).items()}
    rows = [[name, versions.get(name, ""), found[name]["verdict"], found[name]["calls"], ", ".join(f"{call} {count:g}" for call, count in (found[name]["per_thousand"] or {}).items())
             or "-"] for name in ORDER if name in found]
    return [["system", "version", "on disk before 250", "seen between final dot and 250", "syncs per 1,000 messages"], *rows] if rows else []


def seen(whole: dict[str, Any]) -> dict[str, Any]:
    """What strace saw of each system, in whatever scenario it was looked at first."""
    return {name: look for record in reversed(whole["scenarios"]) for name, look in record["durability"].items()}


def share(whole: dict[str, Any]) -> None:
    """What was seen of durability in one scenario stands beside the figures of all."""
    found = seen(whole)
    for record in whole["scenarios"]:
        record["durability"] = found | record["durability"]


def markdown(whole: dict[str, Any]) -> str:
    """The report as text."""
    parts = ["# Mail servers compared", "", about(whole), ""]
    if rows := durability_rows(whole):
        parts += ["## Durability, as strace saw it", "", markdown_table(rows), ""]
    for record in whole["scenarios"]:
        parts += [f"## {record['scenario']}: {record['title']}", "", markdown_table(table(record)) if record["rounds"] else "Nothing was measured.", ""]
        parts += [f"- {name}: not measured: {reason}" for name, reason in record["absent"].items()]
        parts += ["", f"What would flatter pyfix: {record['flatters']}", ""]
    return "\n".join(parts)


def write(whole: dict[str, Any], out: Path) -> None:
    """All files of the report."""
    share(whole)
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_text(json.dumps(whole, indent=1))
    (out / "report.md").write_text(markdown(whole))
    images = plots([record for record in whole["scenarios"] if record["rounds"]])
    for name, data in images.items():
        (out / f"{name}.png").write_bytes(data)
    (out / "report.html").write_text(page(whole, images))


def page(whole: dict[str, Any], images: dict[str, bytes]) -> str:
    """The HTML page; it asks for nothing from anywhere else."""
    parts = [f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'><title>Mail servers compared</title>"
             f"<style>{STYLE}</style><h1>Mail servers compared</h1><p class=quiet>{html.escape(about(whole))}</p>"]
    for name, data in images.items():
        parts.append(f"<img alt='{name}' src='data:image/png;base64,{base64.b64encode(data).decode()}'>")
    if rows := durability_rows(whole):
        parts.append("<h2>Durability, as strace saw it</h2>" + html_table(rows))
    for record in whole["scenarios"]:
        parts.append(f"<h2>{html.escape(record['title'])}</h2>")
        if record["rounds"]:
            parts.append(strips(record) + html_table(table(record)))
        parts += [f"<p class=quiet>{html.escape(name)}: not measured: {html.escape(reason)}</p>" for name, reason in record["absent"].items()]
        parts.append(f"<p class=quiet>What would flatter pyfix: {html.escape(record['flatters'])}</p>")
    return "".join(parts) + "</html>\n"


def strips(record: dict[str, Any]) -> str:
    """A bar for each system's rate."""
    best = max(median(rows, "rate") for rows in record["rounds"].values()) or 1
    return "".join(f"<div><span class=bar style='background:{COLORS[name]};width:{max(0.4, 40 * median(record['rounds'][name], 'rate') / best):.2f}rem'></span> "
                   f"<span class=quiet>{name}</span></div>" for name in names(record))


def html_table(rows: list[list[str]]) -> str:
    """A table; what is wrong is red."""
    def cell(text: str, tag: str) -> str:
        return f"<{tag}{' class=bad' if text in ('NO', 'NO SYNC', 'no') else ''}>{html.escape(text)}</{tag}>"
    head, *rest = rows
    return ("<table><tr>" + "".join(cell(text, "th") for text in head) + "</tr>"
            + "".join("<tr>" + "".join(cell(text, "td") for text in cells) + "</tr>" for cells in rest) + "</table>")
