"""Counting by valgrind's callgrind, where the processor does not count for us; and call stacks for the flame graph.

Law: valgrind's callgrind format (`fn=`, `calls=` lines and costs, names compressed as (number)). An operation is run
N and 2N times under callgrind in processes of their own; the difference of the totals is what N calls cost, so
that the interpreter's start, imports and setup cancel out. --separate-callers keeps the callers in each function's name.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from bench.gate.operations import OPERATIONS
from bench.gate.trees import CHECKOUT, fixed

CALLERS = 8
INTERPRETER = "_PyEval_EvalFrameDefault"
SHARE = 3           # a third of the calls that the processor's counter gets: valgrind is fifty times slower
POSITION = re.compile(r"^[+\-*0-9]")
NAME = re.compile(r"^\((\d+)\)(?: (.*))?$")


def available() -> bool:
    """Whether valgrind is installed."""
    return shutil.which("valgrind") is not None


def profile(tree: Path, name: str, times: int, callers: int = 0) -> str:
    """The profile of `times` calls."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", f"--separate-callers={callers}", "--quiet",
             "--cache-sim=no", "--dump-line=no", sys.executable, str(CHECKOUT / "bench/gate/measure.py"),
             f"--repeat={times}", str(tree), name], env={**fixed(), "PYTHONMALLOC": "malloc"}, capture_output=True,
            text=True, check=False, timeout=600)
        if done.returncode or not out.exists():
            raise RuntimeError(f"callgrind on {name!r} in {tree} failed:\n{done.stderr[-2000:]}")
        return out.read_text(errors="replace")


def total(text: str) -> int:
    """All instructions of a profile."""
    found = re.search(r"^(?:totals|summary): (\d+)", text, re.MULTILINE)
    if found is None:
        raise RuntimeError("callgrind's profile has no total")
    return int(found[1])


def count(tree: Path, name: str) -> float | str:
    """Instructions of one call; a text where the tree has no such operation."""
    times = max(OPERATIONS[name].calls // SHARE, 10)
    try:
        return round((total(profile(tree, name, 2 * times)) - total(profile(tree, name, times))) / times, 1)
    except RuntimeError as trouble:
        return str(trouble)


def stacks(text: str) -> Counter[tuple[str, ...]]:
    """{callers and function, outermost first: instructions of its own} of a profile."""
    names: dict[str, str] = {}
    found: Counter[tuple[str, ...]] = Counter()
    here: tuple[str, ...] = ()
    inclusive = False
    for line in text.splitlines():
        if line.startswith("fn="):
            here = chain(line[3:], names)
        elif line.startswith("cfn="):
            chain(line[4:], names)
        elif line.startswith("calls="):
            inclusive = True
        elif POSITION.match(line):
            if not inclusive:
                found[here] += int(line.split()[-1])
            inclusive = False
    return found


def chain(word: str, names: dict[str, str]) -> tuple[str, ...]:
    """The stack of a compressed function name "function'caller'caller's caller"."""
    match = NAME.match(word)
    if match:
        if match[2] is not None:
            names[match[1]] = match[2]
        word = names.get(match[1], "?")
    return tuple(reversed(word.split("'")))


def operation_stacks(tree: Path, name: str) -> Counter[tuple[str, ...]]:
    """Instructions of one call by stack."""
    times = max(OPERATIONS[name].calls // SHARE, 10)
    many, few = (stacks(profile(tree, name, factor * times, CALLERS)) for factor in (2, 1))
    found: Counter[tuple[str, ...]] = Counter()
    for stack in many:
        found[rooted(stack)] += max(round((many[stack] - few[stack]) / times), 0)
    return +found


def rooted(stack: tuple[str, ...]) -> tuple[str, ...]:
    """A stack from the interpreter's loop on: what called that is the same for all, and cut off at different heights."""
    return stack[stack.index(INTERPRETER):] if INTERPRETER in stack else stack
