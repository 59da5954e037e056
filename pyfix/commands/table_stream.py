"""`postmap -q -` over a table in memory: a block of keys at a time."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from ..maps.manylines import query

if TYPE_CHECKING:
    from ..maps.table import Table
    from .table_tool import Tool

BLOCK = 1 << 20


def _blocks() -> Any:
    """Blocks of whole lines from standard input."""
    rest = b""
    while data := os.read(0, BLOCK):
        cut = data.rfind(b"\n") + 1
        if cut:
            yield rest + data[:cut]
            rest = data[cut:]
        else:
            rest += data
    if rest:
        yield rest


def query_stream(tool: Tool, table: Table, mapped: Any) -> int:
    """The exit status. Lines that the kernel leaves over (not ASCII, long, empty value) are looked up one by one."""
    found = 0
    for block in _blocks():
        output, odd, count = query(mapped, block)
        found += count
        start = 0
        for at, line in odd:
            tool.write(output[start:at])
            start = at
            value = tool.lookup(table, line)
            if value is not None:
                tool.show_query(line, value)
                found += 1
        tool.write(memoryview(output)[start:] if start else output)
        sys.stdout.flush()
    return 0 if found else 1
