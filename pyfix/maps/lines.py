"""Logical lines of table sources (readllines(3)): for the formats that are read by Python.

A line that starts with white space continues the one before. Empty lines, and lines whose first character that is
not white space is "#", are passed over, between the parts of a logical line too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from . import report

WHITE = b" \t\n\r\v\f"


class Line(NamedTuple):
    """`first` and `last` are the physical lines (from 1) that were read for `text`."""

    first: int
    last: int
    text: bytes


def logical_lines(data: bytes, where: str) -> Iterator[Line]:
    """The logical lines of `data`; a continuation with nothing before it is reported and passed over."""
    parts: list[bytes] = []
    first = last = 0
    rows = data.split(b"\n")
    if rows and not rows[-1]:
        rows.pop()
    for number, row in enumerate(rows, 1):
        if parts and not (not row or row[0] in WHITE or row[0] == 0x23):
            yield from _whole(parts, first, last, where)
            parts = []
        start = row.lstrip(WHITE)
        last = number
        if start and not start.startswith(b"#"):
            first = first if parts else number
            parts.append(row)
    if parts:
        yield from _whole(parts, first, last, where)


def _whole(parts: list[bytes], first: int, last: int, where: str) -> Iterator[Line]:
    text = b"".join(parts)
    if text[0] in WHITE:
        more = "..." if len(text) > 30 else ""
        report.warning(f'{where}: logical line must not start with whitespace: "{report.show(text[:30])}{more}"')
    else:
        yield Line(first, last, text)
