"""The plots of a comparison: a panel for each scenario, a bar for each system, PNG by matplotlib (the extra `bench`).

The law: bars start at zero, the line on a bar is the range of the rounds, the figure stands beside it; a system that was seen to
answer 250 without a sync is hatched, since its speed is no fair comparison.
"""

from __future__ import annotations

import importlib.util
import io
import statistics
from collections.abc import Callable
from typing import Any

ORDER = ("pyfix", "postfix", "exim", "opensmtpd", "haraka", "aiosmtpd")
COLORS = {"pyfix": "#0b6e4f", "postfix": "#b5483a", "exim": "#3f74a3", "opensmtpd": "#c9922e", "haraka": "#7a5a94", "aiosmtpd": "#7b8480"}
PAPER, INK, FAINT = "#fbfaf7", "#1d2521", "#8a938e"
COLUMNS, WIDTH, BAR = 2, 11.0, 0.30

Rows = list[dict[str, Any]]
Draw = Callable[[Any, dict[str, Any], list[str]], None]


def plots(records: list[dict[str, Any]]) -> dict[str, bytes]:
    """PNG files by name, of the scenarios that are bursts; none without matplotlib."""
    bursts = [record for record in records if any("rate" in row and "greeting" not in row for rows in record["rounds"].values() for row in rows)]
    if not bursts or importlib.util.find_spec("matplotlib") is None:
        return {}
    return {"rates": panels(bursts, "Deliveries per second", bars("rate")),
            "cpu": panels(bursts, "CPU time of a message, microseconds (less is better)", bars("cpu_us")),
            "latency": panels(bursts, "Milliseconds until a message is accepted: p50 to p99, and p99.9 (less is better)", spans)}


def panels(records: list[dict[str, Any]], title: str, draw: Draw) -> bytes:
    """A panel for each scenario, as high as its systems need."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    lines = -(-len(records) // COLUMNS)
    systems = [[name for name in ORDER if name in record["rounds"]] for record in records]
    heights = [max(len(names) for names in systems[at:at + COLUMNS]) + 1.6 for at in range(0, len(records), COLUMNS)]
    figure, grid = pyplot.subplots(lines, COLUMNS, figsize=(WIDTH, BAR * sum(heights) + 0.7), layout="constrained", squeeze=False,
                                   height_ratios=heights, facecolor=PAPER)
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", color=INK)
    figure.get_layout_engine().set(h_pad=0.12, w_pad=0.15)
    for axes in grid.flat[len(records):]:
        axes.set_axis_off()
    for axes, record, names in zip(grid.flat, records, systems, strict=False):
        dress(axes, record["title"], names)
        draw(axes, record, names)
    return png(figure)


def dress(axes: Any, title: str, names: list[str]) -> None:
    """Frame, title and names of a panel, the first system on top."""
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.set_facecolor(PAPER)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.spines["left"].set_color(FAINT)
    axes.set_yticks(range(len(names)), names, fontsize=9, color=INK)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(length=0)


def unsafe(record: dict[str, Any], name: str) -> bool:
    """Whether this system was seen to answer without a sync."""
    look = record.get("durability", {}).get(name)
    return bool(look) and look["verdict"] == "no"


def bars(key: str) -> Draw:
    """Bars of one figure's median."""
    def draw(axes: Any, record: dict[str, Any], names: list[str]) -> None:
        for place, name in enumerate(names):
            values = [row[key] for row in record["rounds"][name]]
            middle, bare = statistics.median(values), unsafe(record, name)
            axes.barh(place, middle, 0.68, color=PAPER if bare else COLORS[name], edgecolor=COLORS[name], hatch="////" if bare else None, linewidth=0.8)
            if len(values) > 1:
                axes.plot([min(values), max(values)], [place, place], color=INK, linewidth=1.1, solid_capstyle="butt")
            axes.annotate(f"{middle:,.0f}" + ("  no sync" if bare else ""), (max(middle, *values), place), xytext=(5, 0),
                          textcoords="offset points", va="center", fontsize=8.5, color=INK)
        axes.set_xticks([])
        axes.set_xlim(0, axes.get_xlim()[1] * 1.16)
    return draw


def spans(axes: Any, record: dict[str, Any], names: list[str]) -> None:
    """From p50 to p99 as a line, p99.9 as a dot, on a logarithmic scale."""
    for place, name in enumerate(names):
        rows = [row["accept_ms"] for row in record["rounds"][name] if row["accept_ms"].get("count")]
        if not rows:
            continue
        middle, late, latest = (max(statistics.median(row.get(key, 0) for row in rows), 0.01) for key in ("p50", "p99", "p99.9"))
        axes.plot([middle, late], [place, place], color=COLORS[name], linewidth=6, alpha=0.55 if unsafe(record, name) else 1, solid_capstyle="butt")
        axes.plot([latest], [place], "o", color=COLORS[name], markersize=4.5)
        axes.annotate(f"{short(middle)} - {short(late)}", (latest, place), xytext=(7, 0), textcoords="offset points", va="center", fontsize=8.5, color=INK)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(low, high * (high / low) ** 0.3)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.tick_params(axis="x", labelsize=8, labelcolor=FAINT)
    axes.minorticks_off()
    axes.grid(axis="x", color="#e4e1d8", linewidth=0.8)
    axes.set_axisbelow(True)


def short(value: float) -> str:
    """A number with no more digits than a reader wants."""
    return f"{value:,.0f}" if value >= 20 else f"{value:.1f}"


def png(figure: Any) -> bytes:
    """The finished picture."""
    from matplotlib import pyplot
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, facecolor=PAPER)
    pyplot.close(figure)
    return buffer.getvalue()
