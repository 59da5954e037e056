"""pyfix bench: the tools that measure mail servers.

    pyfix bench source ...    load on any SMTP server               (pyfix.load.source)
    pyfix bench sink ...      a receiver that checks every message  (pyfix.load.sink)
    pyfix bench dns ...       a DNS server with thousands of mail domains on loopback (pyfix.load.dns)
    pyfix bench compare ...   mail servers side by side, in a checkout (bench/compare)
    pyfix bench gate ...      the regression gate, in a checkout    (bench/gate)
    pyfix bench NAME ...      any other package bench/NAME of a checkout that has a main()

Each has --help.
"""

import importlib
import sys
from pathlib import Path

from pyfix.commands.common import fatal

INSTALLED = ("source", "sink", "dns")
CHECKOUT = Path(__file__).resolve().parents[2]


def main(words: list[str]) -> int:
    """Hands on to the tool that the first word names; its exit status."""
    if not words or words[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if words else 2
    name, rest = words[0], words[1:]
    if name in INSTALLED:
        return int(importlib.import_module(f"pyfix.load.{name}").main(rest) or 0)
    if not name.isidentifier() or not (CHECKOUT / "bench" / name / "__main__.py").is_file():
        return fatal("pyfix", f"bench {name}: no such tool here; all but {', '.join(INSTALLED)} come with a checkout of the sources")
    sys.path.insert(0, str(CHECKOUT))
    return int(importlib.import_module(f"bench.{name}.__main__").main(rest) or 0)
