"""RFC 5322 address lists: text to tokens, tokens to a tree, and back to text.

A tree is a list of (kind, text): kind is an operator's byte value (44 is a comma) or
one of OP_*; an address is (OP_ADDR, [(kind, text), ...]). Source: RFC 5322 section 3.4.
"""

from collections.abc import Callable
from typing import Any

OP_ADDR: int
OP_ATOM: int
OP_QSTRING: int
OP_COMMENT: int
OP_DOMLIT: int
OP_STARTGRP: int

Tree = list[tuple[int, Any]]

def scan(text: bytes, limit: int = 0) -> Tree:
    """Tokens of `text` (external form), without grouping; at most `limit` of them, 0 for no limit."""

def parse(text: bytes, limit: int = 0) -> Tree:
    """Tree of the address list `text` (external form); missing commas are supplied."""

def internalize(tree: Tree, inside: bool = False, after_comma: bytes = b" ") -> bytes:
    """The unquoted form of a tree that scan() or parse() gave.

    `inside`: the tree is the members of one address, which get no blanks between them.
    `after_comma`: b" ", or b"\\n" to break the line after each comma.
    """

def externalize(
    tree: Tree, inside: bool = False, after_comma: bytes = b" ", warn: Callable[[str], object] | None = None
) -> bytes:
    """The quoted form of a tree, as it stands in a header; arguments as for internalize().

    An entry of the list with more than 250 bytes beside its address becomes "<address>" alone;
    `warn`, if given, is called with the sentence for the log.
    """
