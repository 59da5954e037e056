"""pyfix: what is this, and the tools that Postfix has no name for.

    pyfix --version         our version, and the level of Postfix whose behaviour we follow
    pyfix demo [--once]     the demonstration of `make run`
    pyfix bench ...         load source and sink, comparison, gate: see commands/bench.py
"""

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pyfix.commands.common import fatal

USAGE = "usage: pyfix --version | pyfix demo [--once] | pyfix bench ..."


def own_version() -> str:
    """The version of this package."""
    try:
        return version("pyfix")
    except PackageNotFoundError:
        return (Path(__file__).parent.parent / "VERSION").read_text(encoding="ascii").strip()


def main() -> int:
    """Entry point of `pyfix`."""
    words = sys.argv[1:]
    if words[:1] == ["--version"]:
        print(f"pyfix {own_version()}")
        return 0
    if words[:1] == ["demo"]:
        from pyfix.commands import demo
        return demo.main(words[1:])
    if words[:1] == ["bench"]:
        from pyfix.commands import bench
        return bench.main(words[1:])
    return fatal("pyfix", USAGE)


if __name__ == "__main__":
    sys.exit(main())
