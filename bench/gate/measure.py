"""Counts instructions of operations in a tree, in a process of its own: python bench/gate/measure.py TREE [operation ...]

The law: what is counted must be the same from run to run. So: no address randomisation and fixed string hashes (the caller
sets them), no garbage collection, each operation in a fork of its own, warmed up, N calls and 2N calls, the difference divided
by N. Prints {operation: count, or a text that says why there is none} as JSON. With --repeat N it only makes N calls
of one operation (for callgrind).
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
ROUNDS = 5


def repeat(call: Callable[[], object], times: int) -> None:
    """The calls that are counted."""
    for _ in range(times):
        call()


def count(name: str) -> float:
    """Instructions of one call: the median of ROUNDS differences."""
    from bench.gate.counter import Counter
    from bench.gate.operations import OPERATIONS
    operation = OPERATIONS[name]
    call = operation.setup()
    counter, found = Counter(), []
    gc.disable()
    repeat(call, operation.calls)
    for _ in range(ROUNDS):
        start = counter.read()
        repeat(call, operation.calls)
        middle = counter.read()
        repeat(call, 2 * operation.calls)
        found.append((counter.read() - middle - (middle - start)) / operation.calls)
    return round(statistics.median(found), 1)


def forked(name: str) -> float | str:
    """count() in a child, so that no operation sees what another one left."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer: float | str = count(name)
        except (ImportError, AttributeError, TypeError) as trouble:
            answer = f"{type(trouble).__name__}: {trouble}"
        os.write(writer, json.dumps(answer).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read()
    status = os.waitpid(child, 0)[1]
    return json.loads(text) if text else f"ended with status {status}"


def use(tree: Path) -> None:
    """Takes pyfix from `tree` and everything else from this checkout."""
    sys.path[0] = str(tree)
    # an editable install would lend the tree the modules that it lacks
    sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in getattr(finder, "__module__", "").lower()]
    import pyfix
    if not Path(pyfix.__file__).resolve().is_relative_to(tree.resolve()):
        raise SystemExit(f"pyfix came from {pyfix.__file__}, not from {tree}")
    sys.path.insert(0, str(CHECKOUT))


def main(words: list[str]) -> None:
    """Entry point."""
    times = int(words.pop(0).removeprefix("--repeat=")) if words[0].startswith("--repeat=") else 0
    use(Path(words[0]))
    from bench.gate.operations import OPERATIONS
    names = words[1:] or list(OPERATIONS)
    if times:
        gc.disable()
        repeat(OPERATIONS[names[0]].setup(), times)
        os._exit(0)
    print(json.dumps({name: forked(name) for name in names}))


if __name__ == "__main__":
    main(sys.argv[1:])
