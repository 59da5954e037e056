"""Reading a postmap source, and what is wrong with it in Postfix's words (postmap(1)); its syntax is in `_core.hashbuild`."""

import os
from typing import Any

from .._core.hashbuild import Builder
from . import report

#: how much of a source is read at a time: what the processor's caches hold
PIECE = 1 << 18

#: texts by kind of event; {text} is the logical line
_TEXTS = {
    "utf8": "non-UTF-8 input \"{text}\" -- ignoring this line",
    "quote": "unbalanced '\"' in '{text}' -- ignoring this line",
    "format": "expected format: key whitespace value",
    "colon": "record is in \"key: value\" format; is this an alias file?",
}


def event_text(kind: str, line: int, text: bytes, where: str, suffix: str = "") -> str:
    """One event of Builder.events() as a warning; `suffix` follows "expected format"."""
    shown = report.show(text)
    if kind == "leading":
        more = "..." if len(text) > 30 else ""
        return f"{where}: logical line must not start with whitespace: \"{report.show(text[:30])}{more}\""
    body = _TEXTS[kind].format(text=shown)
    return f"{where}, line {line}: {body}" + (suffix if kind == "format" else "")


def read_file(builder: Builder, file: Any) -> None:
    """Read all of an open binary file into `builder`, a piece at a time."""
    size = os.fstat(file.fileno()).st_size
    piece = bytearray(PIECE)
    kept = 0
    while got := file.readinto(memoryview(piece)[kept:]):
        taken = builder.parse(memoryview(piece)[:kept + got], True, size)
        piece[:kept + got - taken] = piece[taken:kept + got]
        kept += got - taken
        if kept == len(piece):
            piece += bytes(len(piece))
    builder.parse(memoryview(piece)[:kept])
