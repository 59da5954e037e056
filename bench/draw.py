"""Plots without a plotting library: line charts as self-contained SVG (SVG 1.1; no script, no font, no outside reference).

    save(path, chart("Attempts", [Line("pyfix", [(0, 1), (1, 4)])], "hours", "per second"))
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

WIDTH, HEIGHT = 860, 300
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 36, 44
COLOURS = ("#1f6fb4", "#d1495b", "#2e8b57", "#b8860b", "#6a4c93", "#444444", "#17919e", "#c2571a")


class Line(NamedTuple):
    """One curve: its name and its points (x, y); `steps` draws each value until the next."""

    name: str
    points: Sequence[tuple[float, float]]
    steps: bool = False


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers between low and high, at most `most` + 1 of them."""
    span = high - low or 1.0
    step = 10.0 ** math.floor(math.log10(span / most))
    step *= next(m for m in (1, 2, 5, 10) if span / (step * m) <= most)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


class Axes:
    """Where a value stands in the picture."""

    def __init__(self, lines: Sequence[Line]) -> None:
        xs = [x for line in lines for x, _ in line.points] or [0.0]
        ys = [y for line in lines for _, y in line.points] or [0.0]
        self.x0, self.x1 = min(xs), max(xs)
        self.y0, self.y1 = min(0.0, *ys) if len(ys) > 1 else min(0.0, ys[0]), max(*ys, 0.0) if len(ys) > 1 else ys[0]
        self.x1 = self.x1 if self.x1 > self.x0 else self.x0 + 1
        self.y1 = self.y1 * 1.05 if self.y1 > self.y0 else self.y0 + 1

    def x(self, value: float) -> float:
        """Pixels from the left."""
        return LEFT + (value - self.x0) / (self.x1 - self.x0) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Pixels from the top."""
        return HEIGHT - BOTTOM - (value - self.y0) / (self.y1 - self.y0) * (HEIGHT - TOP - BOTTOM)


def path_of(line: Line, axes: Axes) -> str:
    """The path element of one curve."""
    words: list[str] = []
    for x, y in line.points:
        here = f"{axes.x(x):.1f}"
        if words and line.steps:
            words.append(f"H{here}V{axes.y(y):.1f}")
        else:
            words.append(f"{'L' if words else 'M'}{here},{axes.y(y):.1f}")
    return "".join(words)


def text(x: float, y: float, words: str, more: str = "") -> str:
    """A text element."""
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{escape(words)}</text>'


def grid(axes: Axes, xlabel: str, ylabel: str) -> list[str]:
    """Frame, grid lines, numbers and labels."""
    out = []
    for value in ticks(axes.x0, axes.x1, 10):
        out.append(f'<path d="M{axes.x(value):.1f},{TOP}V{HEIGHT - BOTTOM}" stroke="#e4e4e4"/>')
        out.append(text(axes.x(value), HEIGHT - BOTTOM + 16, f"{value:g}", 'text-anchor="middle"'))
    for value in ticks(axes.y0, axes.y1, 5):
        out.append(f'<path d="M{LEFT},{axes.y(value):.1f}H{WIDTH - RIGHT}" stroke="#e4e4e4"/>')
        out.append(text(LEFT - 6, axes.y(value) + 4, f"{value:g}", 'text-anchor="end"'))
    out.append(text((LEFT + WIDTH) / 2, HEIGHT - 8, xlabel, 'text-anchor="middle"'))
    out.append(text(0, 0, ylabel, f'text-anchor="middle" transform="translate(16,{HEIGHT / 2}) rotate(-90)"'))
    return out


def chart(title: str, lines: Sequence[Line], xlabel: str, ylabel: str) -> str:
    """One line chart as an SVG group of WIDTH by HEIGHT."""
    axes = Axes(lines)
    out = [text(LEFT, 18, title, 'font-weight="bold" font-size="14"'), *grid(axes, xlabel, ylabel)]
    for index, line in enumerate(lines):
        colour = COLOURS[index % len(COLOURS)]
        out.append(f'<path d="{path_of(line, axes)}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        out.append(text(WIDTH - RIGHT, TOP + 12 + 15 * index, line.name, f'fill="{colour}" text-anchor="end"'))
    return "\n".join(out)


def page(charts: Sequence[str]) -> str:
    """Charts below each other as one SVG document."""
    height = HEIGHT * len(charts)
    body = "\n".join(f'<g transform="translate(0,{HEIGHT * index})">{one}</g>' for index, one in enumerate(charts))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
            f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="#fff"/>\n{body}\n</svg>\n')


def save(path: Path, *charts: str) -> None:
    """Writes an SVG file with these charts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(charts), encoding="utf-8")
