"""$number in the results of patterns: `$1`, `${1}`, `$(1)`; `$$` is a dollar sign (pcre_table(5), mac_parse(3))."""

from __future__ import annotations

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


def _name(text: bytes, start: int) -> tuple[bytes, int]:
    """(the macro's name, the place behind it). Raises MacroError where a bracket is not closed."""
    if start < len(text) and text[start] in CLOSING:
        stop = _bracket_end(text, start)
        if stop < 0:
            report.warning(f'truncated macro reference: "{report.show(text)}"')
            raise MacroError
        return text[start + 1:stop], stop + 1
    end = start
    while end < len(text) and text[end] in NAME:
        end += 1
    return text[start:end], end


def _index(name: bytes, where: str, low: str) -> int:
    """The number of a group; 0, after a warning, where `name` is none."""
    number = int(name[:9]) if name.isdigit() else 0
    if not number:
        what = low if name.isdigit() else "non-numeric"
        report.warning(f'{where}: {what} replacement index "{report.show(name)}"')
    return number


def parse_result(text: bytes, where: str, low: str) -> list[bytes | int]:
    """A result in pieces, literal bytes and group numbers. `low` is how the kind spells "out of range" below 1.

    Raises MacroError after a warning for each index that is none; as in Postfix, a name in brackets that follows a bad
    one ends the search for more.
    """
    out: list[bytes | int] = []
    good, at = True, 0
    while (dollar := text.find(b"$", at)) >= 0:
        out.append(text[at:dollar])
        at = dollar + 2
        if text[dollar + 1:at] == b"$":
            out.append(b"$")
            continue
        name, at = _name(text, dollar + 1)
        if not good and text[dollar + 1] in CLOSING:
            break
        if not name:
            report.warning(f'empty macro name: "{report.show(text)}"')
            raise MacroError
        number = _index(name, where, low)
        good = good and number > 0
        out.append(number)
    if not good:
        raise MacroError
    return [piece for piece in [*out, text[at:]] if piece != b""]
