"""Counts instructions of operations in a tree, in a process of its own: python bench/gate/measure.py TREE [operation ...]

The law: what is counted must be the same from run to run. So: no address randomisation and fixed string hashes (the caller
sets them), no garbage collection, each operation in a fork of its own, warmed up, N calls and 2N calls, the difference divided
by N. Prints {operation: count, or a text that says why there is none} as JSON. With --repeat N it only makes N calls
of one operation (for callgrind), with --modules it prints the extension modules that the operations take.
"""

from __future__ import annotations

import contextlib
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


def modules(names: list[str]) -> list[str]:
    """Extension modules of pyfix that are loaded once each operation was called. ImportError: one that is needed is not there."""
    from bench.gate.operations import OPERATIONS
    for name in names:
        with contextlib.suppress(AttributeError, TypeError):        # an operation that this tree does not know yet
            OPERATIONS[name].setup()()
    return sorted(name for name, module in sys.modules.items()
                  if name.startswith("pyfix.") and str(getattr(module, "__file__", "")).endswith(".so"))


def main(words: list[str]) -> None:
    """Entry point."""
    option = words.pop(0) if words[0].startswith("--") else ""
    use(Path(words[0]))
    from bench.gate.operations import OPERATIONS
    names = words[1:] or list(OPERATIONS)
    if option.startswith("--repeat="):
        gc.disable()
        repeat(OPERATIONS[names[0]].setup(), int(option.removeprefix("--repeat=")))
        os._exit(0)
    print(json.dumps(modules(names) if option == "--modules" else {name: forked(name) for name in names}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
