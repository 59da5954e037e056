"""postmap(1): build, query, list and edit lookup tables."""

from __future__ import annotations

import sys
from typing import Any

from ..maps import flags as F
from ..maps import report
from .table_tool import Tool

USAGE = "[-bfFhijmnNoprsuUvw] [-c config_dir] [-d key] [-q key] [map_type:]file..."


def read_source(tool: Tool, table: Any, file: Any, where: str) -> None:
    """Put the entries of a postmap source, an open binary file, into `table`."""
    if not tool.flags & F.RHS_IS_FILE and hasattr(table, "parse"):
        table.parse(file, where)
        return
    from .._core.hashbuild import Builder
    from ..maps.files import FileTrouble, read_values
    from ..maps.source import event_text

    builder = Builder(False, table.utf8)
    builder.parse(file.read())
    events = [(at, event_text(kind, line, text, where)) for at, line, kind, text in builder.events()]
    for index, (key, value, line) in enumerate(builder.entries()):
        while events and events[0][0] <= index:
            report.warning(events.pop(0)[1])
        if tool.flags & F.RHS_IS_FILE:
            try:
                value = read_values(report.show(value))
            except FileTrouble as trouble:
                report.warning(f"{where}, line {line}: {trouble}: skipping this entry")
                continue
        table.put(key, value)
    for _, text in events:
        report.warning(text)


def main() -> int:
    """The command."""
    tool = Tool("postmap", "bc:d:fFhijmnNopq:rsuUvw", USAGE, read_source)
    return tool.run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
