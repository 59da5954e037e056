"""$number in the results of patterns: `$1`, `${1}`, `$(1)`; `$$` is a dollar sign (pcre_table(5), mac_parse(3))."""

from __future__ import annotations

from collections.abc import Iterator

from . import report

NAME = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
CLOSING = {0x7B: 0x7D, 0x28: 0x29}


class MacroError(Exception):
    """The text can't be a result; what is wrong has been reported."""


def _bracket_end(text: bytes, start: int) -> int:
    """The place of the bracket that closes the one at `start`, -1 where it is missing."""
    opening, closing, level = text[start], CLOSING[text[start]], 0
    for at in range(start, len(text)):
        level += (text[at] == opening) - (text[at] == closing)
        if level == 0:
            return at
    return -1


def parse_macros(text: bytes) -> Iterator[bytes | tuple[bytes, bool]]:
    """`text` in pieces: bytes are literal, a tuple holds the name of a macro and whether it was in brackets.
    Raises MacroError."""
    at = 0
    while (dollar := text.find(b"$", at)) >= 0:
        if dollar > at:
            yield text[at:dollar]
        following = text[dollar + 1:dollar + 2]
        if following == b"$":
            yield b"$"
            at = dollar + 2
            continue
        name, at = _name(text, dollar + 1)
        yield name, text[dollar + 1] in CLOSING
    if at < len(text):
        yield text[at:]


def _name(text: bytes, start: int) -> tuple[bytes, int]:
    """(the macro's name, the place behind it)."""
    if start < len(text) and text[start] in CLOSING:
        stop = _bracket_end(text, start)
        if stop < 0:
            report.warning(f'truncated macro reference: "{report.show(text)}"')
            raise MacroError
        name, end = text[start + 1:stop], stop + 1
    else:
        end = start
        while end < len(text) and text[end] in NAME:
            end += 1
        name = text[start:end]
    if not name:
        report.warning(f'empty macro name: "{report.show(text)}"')
        raise MacroError
    return name, end


def parse_result(text: bytes, where: str, low: str) -> list[bytes | int]:
    """A result in pieces, literal bytes and group numbers. `low` is how the kind spells "out of range" below 1.

    Raises MacroError after a warning for each wrong number; a number in brackets after a wrong one is not looked
    at any more, as in Postfix.
    """
    out: list[bytes | int] = []
    wrong = False
    for piece in parse_macros(text):
        if isinstance(piece, bytes):
            out.append(piece)
            continue
        name, bracketed = piece
        if wrong and bracketed:
            break
        if not name.isdigit():
            report.warning(f'{where}: non-numeric replacement index "{report.show(name)}"')
            wrong = True
        elif int(name) < 1:
            report.warning(f'{where}: {low} replacement index "{report.show(name)}"')
            wrong = True
        else:
            out.append(int(name))
    if wrong:
        raise MacroError
    return out
