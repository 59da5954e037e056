"""postalias(1): build, query, list and edit alias tables; the source syntax is that of aliases(5)."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from typing import Any

from .._core import tok822
from ..maps import flags as F
from ..maps import report
from ..maps.lines import logical_lines
from .table_tool import Tool

USAGE = "[-Nfinoprsuvw] [-c config_dir] [-d key] [-q key] [map_type:]file..."
COLON, AT = ord(":"), ord("@")


def _pairs(data: bytes, where: str, utf8: bool) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) of each alias; warns of what is none."""
    from ..maps.fold import utf8_trouble
    from ..maps.source import event_text

    for line in logical_lines(data, where):
        place = f"{where}, line {line.first}"
        if utf8 and utf8_trouble(line.text):
            report.warning(event_text("utf8", line.first, line.text, where))
            continue
        tokens = tok822.scan(line.text)
        colon = next((at for at, (kind, _) in enumerate(tokens) if kind == COLON), -1)
        if colon <= 0 or colon == len(tokens) - 1:
            report.warning(f"{place}: need name:value pair")
            continue
        if any(kind == AT for kind, _ in tokens[:colon]):
            report.warning(f"{place}: name must be local")
            continue
        yield tok822.internalize(tokens[:colon]), tok822.externalize(tokens[colon + 1:])


def read_source(tool: Tool, table: Any, file: Any, where: str) -> None:
    """Put the aliases of a source into `table`, and what Sendmail and NIS expect to find with them."""
    for key, value in _pairs(file.read(), where, table.utf8):
        table.put(key, value)
    table.put(b"@", b"@")
    table.flags &= ~F.FOLD_FIX
    table._fold = False
    table.put(b"YP_LAST_MODIFIED", b"%010d" % int(time.time()))
    table.put(b"YP_MASTER_NAME", os.uname().nodename.encode())


def main() -> int:
    """The command."""
    tool = Tool("postalias", "c:d:fijnNopq:rsuvw", USAGE, read_source)
    tool.list_separator = b":\t"
    return tool.run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
