"""Plain-Python twin of pyfix._core.tok822: the oracle of its tests.

Written over a flat list of cells that is edited in place, unlike the core, so that the two can disagree.
"""

from typing import Any

ATOM, QSTRING, COMMENT, DOMLIT, ADDR, STARTGRP = range(256, 262)
OPERATORS, BLANKS = b'|%!()<>@,;:\\".[]', b" \t\r\n"
Tree = list[tuple[int, Any]]


def _protected(text: bytes, at: int, stop: bytes) -> tuple[bytes, int]:
    out = bytearray()
    while at < len(text):
        byte = text[at]
        if byte == 92:
            at += 1
            if at == len(text):
                break
            byte = text[at]
        elif byte in stop:
            break
        out.append(32 if byte in BLANKS else byte)
        at += 1
    return bytes(out), at


def _comment(text: bytes, at: int) -> int:
    level, at = 1, at + 1
    while at < len(text) and level:
        if text[at] == 92:
            at += 1
        elif text[at] == 40:
            level += 1
        elif text[at] == 41:
            level -= 1
        at += 1
    return min(at, len(text))


def scan(text: bytes, limit: int = 0) -> Tree:
    """Tokens of the external form."""
    tokens: Tree = []
    at = 0
    while at < len(text) and not (limit and len(tokens) >= limit):
        byte = text[at]
        if byte in BLANKS:
            at += 1
        elif byte == 40:
            end = _comment(text, at)
            tokens.append((COMMENT, text[at:end]))
            at = end
        elif byte in b'["':
            inner, at = _protected(text, at + 1, b"]" if byte == 91 else b'"')
            tokens.append((DOMLIT if byte == 91 else QSTRING, inner))
            at += 1
        elif byte != 92 and byte in OPERATORS:
            tokens.append((byte, bytes((byte,))))
            at += 1
        else:
            inner, at = _protected(text, at, OPERATORS + BLANKS)
            odd = any(c <= 32 or c == 127 or c in OPERATORS for c in inner)
            tokens.append((QSTRING if odd else ATOM, inner))
    return tokens


def parse(text: bytes, limit: int = 0) -> Tree:
    """Tree of an address list: `cells` is read from the right, the finished part stands right of `right`."""
    cells = scan(text, limit)
    word, named = True, False
    at, right = len(cells) - 1, len(cells)

    def group(comma: bool) -> None:
        nonlocal right
        members = cells[at + 1:right] if right > at else []
        if members:
            cells[at + 1:right] = ([(44, b",")] if comma else []) + [(ADDR, members)]

    while at >= 0:
        kind = cells[at][0]
        if kind == COMMENT:
            cells.insert(right - 1, cells.pop(at))
            right -= 1
        elif kind in b";," if kind < 256 else False:
            group(kind == 59)
            right, word, named = at, True, named or kind == 59
        elif kind == 58 and named:
            cells[at] = (STARTGRP, b":")
            group(False)
            while at >= 0 and cells[at][0] != 44:
                at -= 1
            right = at
            continue
        elif kind == 62:
            group(True)
            right = at
            while at >= 0 and cells[at][0] != 60:
                if cells[at][0] == COMMENT:
                    cells.insert(right - 1, cells.pop(at))
                    right -= 1
                at -= 1
            group(False)
            while at >= 0 and cells[at][0] not in (62, 59, 44, 58):
                at -= 1
            right, word = at, True
            continue
        elif kind in (ATOM, QSTRING, DOMLIT):
            if not word:
                had = right > at + 1
                group(True)
                right = at + 1 if had else right
            word = False
        else:
            word = True
        at -= 1
    group(False)
    return cells


def internalize(tree: Tree, inside: bool = False, nested: bool = False) -> bytes:
    """Unquoted form."""
    out = b""
    for i, (kind, text) in enumerate(tree):
        out += (internalize(text, True, True) if kind == ADDR else b"[" + text + b"]" if kind == DOMLIT else text)
        if nested and kind == 44 and i + 1 < len(tree):
            out += b" "
        if not inside and i + 1 < len(tree):
            after = tree[i + 1][0]
            words = ATOM <= kind <= ADDR and ATOM <= after <= ADDR
            out += b" " if kind in (44, STARTGRP) or after == 60 or words else b""
    return out
