"""cidr:/path, cidr:{ {rule} }: results for network blocks (cidr_table(5)).

The key is an IP address; the first rule that holds it gives the result. `!` turns a block round; `if` and `endif` enclose
rules. A table without these is one dictionary look-up for each length of mask, however many rules it has.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from . import flags as F
from . import report
from .files import FileTrouble, read_values
from .lines import WHITE, Line
from .netblock import Block, BlockError, BlockIndex, parse_address, parse_block
from .registry import wants_utf8
from .rulefile import read_rules
from .table import Table


class Rule(NamedTuple):
    """`value` is None for IF; `end` is then the place behind its ENDIF."""

    block: Block
    negate: bool
    value: bytes | None
    end: int


class Skip(Exception):
    """A rule that is left out, and why."""


class CidrTable(Table):
    """The rules, and their index where all are plain."""

    fixed = False

    def __init__(self, name: str, rules: list[Rule], flags: int, utf8: bool) -> None:
        super().__init__("cidr", name, flags, utf8)
        self.rules = rules
        self.index: BlockIndex | None = None
        if not any(rule.negate or rule.value is None for rule in rules):
            self.index = BlockIndex()
            for place, rule in enumerate(rules):
                self.index.add(rule.block, place)

    def find(self, key: bytes) -> bytes | None:
        address = parse_address(key)
        if address is None:
            return None
        if self.index is None:
            return self._walk(*address)
        place = self.index.find(*address)
        return self.rules[place].value if place >= 0 else None

    def _walk(self, width: int, number: int) -> bytes | None:
        at = 0
        while at < len(self.rules):
            rule = self.rules[at]
            block = rule.block
            # a block says nothing about addresses of the other kind, turned round or not
            if block.width == width and (number >> (width - block.bits) == block.net) != rule.negate:
                if rule.value is not None:
                    return rule.value
            elif rule.value is None:
                at = rule.end
                continue
            at += 1
        return None


class Reader:
    """Turns lines into rules."""

    def __init__(self, name: str, flags: int) -> None:
        self.name, self.flags = name, flags
        self.rules: list[Rule] = []
        self.open: list[tuple[int, int]] = []
        self.line = 0

    def warn(self, text: str) -> None:
        """A warning about this line."""
        report.warning(f"cidr map {self.name}, line {self.line}: {text}")

    def read(self, lines: list[Line]) -> list[Rule]:
        """The rules of all lines; those that can't be used are reported and left out."""
        for line in lines:
            self.line = line.first
            try:
                self._line(line.text.strip(WHITE))
            except (Skip, BlockError, FileTrouble) as error:
                self.warn(f"{error}: skipping this rule")
        for at, self.line in reversed(self.open):
            self.warn("IF has no matching ENDIF")
            self._close(at)
        return self.rules

    def _close(self, at: int) -> None:
        self.rules[at] = self.rules[at]._replace(end=len(self.rules))

    def _line(self, text: bytes) -> None:
        word = text[:5].upper()
        if word[:2] == b"IF" and not text[2:3].isalnum():
            block, negate, _ = self._pattern(text[2:].lstrip(WHITE), whole=True)
            self.open.append((len(self.rules), self.line))
            self.rules.append(Rule(block, negate, None, 0))
        elif word == b"ENDIF" and not text[5:6].isalnum():
            self._endif(text[5:].lstrip(WHITE))
        else:
            block, negate, value = self._pattern(text, whole=False)
            if not value:
                raise Skip("no lookup result")
            if self.flags & F.RHS_IS_FILE:
                value = read_values(report.show(value))
            self.rules.append(Rule(block, negate, value, 0))

    def _endif(self, rest: bytes) -> None:
        if rest:
            raise Skip("garbage after ENDIF")
        if not self.open:
            raise Skip("ENDIF without IF")
        self._close(self.open.pop()[0])

    @staticmethod
    def _pattern(text: bytes, whole: bool) -> tuple[Block, bool, bytes]:
        """(block, negated, what follows); with `whole` nothing follows."""
        negate = False
        while text.startswith(b"!"):
            negate = not negate
            text = text[1:].lstrip(WHITE)
        if not text:
            raise Skip("no address pattern")
        head, _, rest = (text, b"", b"") if whole else _split(text)
        return parse_block(head), negate, rest


def _split(text: bytes) -> tuple[bytes, bytes, bytes]:
    for at, char in enumerate(text):
        if char in WHITE:
            return text[:at], b" ", text[at:].strip(WHITE)
    return text, b"", b""


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError where the table can't be read."""
    rules = Reader(name, flags).read(read_rules(type, name))
    return CidrTable(name, rules, flags, wants_utf8(config, flags))
