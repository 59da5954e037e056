"""What the gate says: for a person at a terminal, and as Markdown for a CI service's summary page ($GITHUB_STEP_SUMMARY)."""

from __future__ import annotations

from collections.abc import Sequence

from bench.gate.verdict import Change, Comparison, Interval
from bench.gate.whole import Result


def percent(ratio: float) -> str:
    """+5.0 % for 1.05."""
    return f"{100 * (ratio - 1):+.2f} %"


def rows(found: Comparison) -> list[tuple[str, str, str, str, str]]:
    """(verdict, operation, before, now, change), the worst first."""
    def row(word: str, change: Change) -> tuple[str, str, str, str, str]:
        return word, change.name, f"{change.before:,.1f}", f"{change.after:,.1f}", percent(change.ratio)
    table = [("NO FIGURE", name, "", why.splitlines()[-1][:100], "") for name, why in found.missing.items()]
    table += [row("WORSE", change) for change in sorted(found.worse, key=lambda change: -change.ratio)]
    table += [row("better", change) for change in sorted(found.better, key=lambda change: change.ratio)]
    table += [row("same", change) for change in found.same]
    return table + [("new", name, "", "", "") for name in found.new]


def text(found: Comparison, notes: Sequence[str]) -> str:
    """For the terminal."""
    lines = [f"{word:10s}{name:18s}{before:>14s}{now:>14s}{change:>11s}" for word, name, before, now, change in rows(found)]
    return "\n".join([*lines, *notes, "gate: FAILED" if found.failed else "gate: passed"])


def interval(words: str, ratio: Interval) -> str:
    """A ratio with its bounds."""
    return f"{words} {percent(ratio.ratio)} (95 % between {percent(ratio.low)} and {percent(ratio.high)})"


def whole(result: Result) -> list[str]:
    """Paired runs in two lines."""
    verdict = "WORSE" if result.failed else "no regression"
    return [f"{len(result.pairs)} pairs of runs: {verdict}", interval("  CPU time", result.cpu) + "; "
            + interval("wall time", result.wall)]


def markdown(found: Comparison | None, notes: Sequence[str], failed: bool) -> str:
    """For a CI service's summary."""
    out = [f"## Performance gate: {'failed' if failed else 'passed'}", ""]
    if found is not None:
        out += ["| verdict | operation | instructions before | now | change |", "|---|---|---:|---:|---:|"]
        out += ["| " + " | ".join(f"**{cell}**" if row[0] in ("WORSE", "NO FIGURE") and cell else cell for cell in row) + " |"
                for row in rows(found)]
    return "\n".join([*out, "", *(f"- {note.strip()}" for note in notes), ""])
