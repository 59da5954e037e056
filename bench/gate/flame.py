"""A flame graph of what one tree spends more than another: boxes as wide as the new cost, red where it grew, blue where it shrank.

Made from {stack: instructions}; an SVG with titles (the browser shows them under the pointer), no script.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from html import escape

WIDTH, ROW, CHARACTER = 1200, 17, 6.2

Stack = tuple[str, ...]


class Box:
    """One function at one place in the stack: cost with all it calls, in both trees."""

    def __init__(self, name: str) -> None:
        self.name, self.before, self.after = name, 0, 0
        self.below: dict[str, Box] = {}

    def add(self, stack: Stack, before: int, after: int) -> None:
        """A stack's cost counts here and in everything on the way to its end."""
        self.before += before
        self.after += after
        if stack:
            self.below.setdefault(stack[0], Box(stack[0])).add(stack[1:], before, after)

    def depth(self) -> int:
        """Rows needed."""
        return 1 + max((box.depth() for box in self.below.values()), default=0)


def tree_of(before: Mapping[Stack, int], after: Mapping[Stack, int]) -> Box:
    """Both profiles as one tree."""
    root = Box("all")
    for stack in sorted(before.keys() | after.keys()):
        root.add(stack, before.get(stack, 0), after.get(stack, 0))
    return root


def colour(box: Box, whole: int) -> str:
    """White where nothing changed; full red or blue at a tenth of the whole."""
    change = max(-1.0, min(1.0, (box.after - box.before) / (whole / 10)))
    fade = int(255 - 190 * abs(change))
    return f"rgb(255,{fade},{fade})" if change > 0 else f"rgb({fade},{fade},255)"


def draw(box: Box, x: float, level: int, scale: float, height: int, whole: int, out: list[str]) -> None:
    """A box and those above it."""
    width = max(box.after, box.before) * scale
    if width < 0.5:
        return
    y = height - (level + 1) * ROW
    said = f"{box.name}: {box.before:,} -> {box.after:,} instructions ({box.after - box.before:+,})"
    out.append(f'<g><title>{escape(said)}</title><rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}" '
               f'fill="{colour(box, whole)}" stroke="#999" stroke-width=".3"/>')
    room = int((width - 4) / CHARACTER)
    if room >= 3:
        out.append(f'<text x="{x + 2:.1f}" y="{y + 12}">{escape(box.name[:room])}</text>')
    out.append("</g>")
    for child in box.below.values():
        draw(child, x, level + 1, scale, height, whole, out)
        x += max(child.after, child.before) * scale


def difference(title: str, before: Counter[Stack], after: Counter[Stack]) -> str:
    """The SVG document."""
    root = tree_of(before, after)
    height = (root.depth() + 2) * ROW + 20
    out: list[str] = []
    whole = max(root.after, root.before, 1)
    draw(root, 0, 0, WIDTH / (whole * 1.25), height - 4, whole, out)
    words = f"{title}: {root.before:,} -> {root.after:,} instructions; red costs more, blue less"
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="monospace" font-size="11">'
            f'<rect width="100%" height="100%" fill="#fff"/><text x="4" y="14" font-weight="bold">{escape(words)}</text>\n'
            + "\n".join(out) + "\n</svg>\n")
