"""What every text that a pattern matches must contain, so that most patterns of a table need not be tried.

Only what is certain is read out of a pattern (pcre2pattern(3), regex(7)): plain characters and classes of characters that
no quantifier makes optional, and groups of them. Anything unusual, such as options within the pattern or quoting
with \\Q, ends the search without a result; then the pattern is always tried.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

#: escapes for a class of characters; those that stand for a place in the text or for one odd character
_CLASSES, _OTHERS = b"dDwWsS", b"bBAZzhHvVntrfae"
#: the C library's limits of words and of the text
_LIMITS = b"<>`'"
_COUNT = re.compile(rb"\{(\d+)(?:,\d*)?\}")
_OPENINGS = (b"(?:", b"(?=", b"(?!", b"(?<=", b"(?<!")


class _Unknown(Exception):
    """The pattern has something that is not understood here."""


@dataclass
class Needs:
    """What a text must have: of each clause one of its words (in lower case), and of each class one character.

    A class is as it stands in the pattern: `[a-z]`, `\\d`.
    """

    clauses: list[list[bytes]] = field(default_factory=list)
    classes: set[bytes] = field(default_factory=set)

    def both(self, other: Needs) -> None:
        """And what `other` needs."""
        self.clauses += other.clauses
        self.classes |= other.classes


def either(branches: list[Needs]) -> Needs:
    """What a text has that fulfils one of `branches`: of each its longest clause."""
    if len(branches) == 1:
        return branches[0]
    if not all(branch.clauses for branch in branches):
        return Needs()
    best = [max(branch.clauses, key=lambda words: min(map(len, words))) for branch in branches]
    return Needs([[word for words in best for word in words]])


class _Reader:
    """Reads one pattern."""

    def __init__(self, pattern: bytes, perl: bool) -> None:
        self.text, self.perl, self.at = pattern, perl, 0
        self.run = bytearray()

    def whole(self) -> Needs:
        """Of the whole pattern. Raises _Unknown."""
        needs = self._alternatives()
        if self.at < len(self.text):
            raise _Unknown
        return needs

    def _next(self, ahead: int = 0) -> bytes:
        return self.text[self.at + ahead:self.at + ahead + 1]

    def _alternatives(self) -> Needs:
        """Up to the end or a parenthesis."""
        branches = [self._sequence()]
        while self._next() == b"|":
            self.at += 1
            branches.append(self._sequence())
        return either(branches)

    def _sequence(self) -> Needs:
        needs = Needs()
        while self._next() not in (b"", b"|", b")"):
            literal, other = self._atom()
            least = self._quantifier()
            if literal and least:
                self.run += literal
            if not literal or least != 1:
                self._end(needs)
            if other and least:
                needs.both(other)
        self._end(needs)
        return needs

    def _end(self, needs: Needs) -> None:
        if self.run:
            needs.clauses.append([bytes(self.run).lower()])
            self.run = bytearray()

    def _atom(self) -> tuple[bytes, Needs | None]:
        """(a plain character, None), or (b"", what something else needs)."""
        char = self._next()
        if char == b"\\":
            return self._escape()
        if char == b"[":
            start, self.at = self.at, self._class(self.at)
            return b"", Needs(classes={self.text[start:self.at]})
        if char == b"(":
            return b"", self._group()
        if char in (b"*", b"?", b"+", b"{", b"\0"):
            raise _Unknown
        self.at += 1
        return (b"", None) if char in (b"^", b"$", b".") else (char, None)

    def _escape(self) -> tuple[bytes, Needs | None]:
        char = self._next(1)
        self.at += 2
        if not b" " <= char < b"\x7f":
            raise _Unknown
        if char in _CLASSES:
            return b"", Needs(classes={b"\\" + char}) if self.perl or char not in b"dD" else None
        if char in _OTHERS or char in _LIMITS:
            return b"", None
        if char.isalnum():
            raise _Unknown
        return char, None

    def _quantifier(self) -> int:
        """How often the atom before must be there: 0, 1, or 2 for once or oftener. One or more quantifiers are read."""
        least, seen = 1, 0
        while (char := self._next()) in (b"*", b"?", b"+", b"{"):
            match = _COUNT.match(self.text, self.at) if char == b"{" else None
            if char == b"{" and match is None:
                raise _Unknown
            times = int(match[1]) if match else 1 if char == b"+" else 0
            # behind another one, "?" and "+" may only say how greedy it is; taking them at their word is safe
            least = 2 if times and least else 0
            self.at += len(match[0]) if match else 1
            seen += 1
        return least

    def _group(self) -> Needs:
        opening = next((text for text in _OPENINGS if self.text.startswith(text, self.at)), b"(")
        if opening == b"(" and self._next(1) in (b"*", b"?"):
            raise _Unknown
        self.at += len(opening)
        kept, self.run = self.run, bytearray()
        inside = self._alternatives()
        self.run = kept
        if self._next() != b")":
            raise _Unknown
        self.at += 1
        return inside if opening in (b"(", b"(?:") else Needs()

    def _class(self, at: int) -> int:
        """Where the bracket expression at `at` ends."""
        at += 1
        at += self.text[at:at + 1] == b"^"
        at += self.text[at:at + 1] == b"]"
        while at < len(self.text):
            char = self.text[at:at + 1]
            if char == b"]":
                return at + 1
            if char == b"[" and self.text[at + 1:at + 2] in (b":", b".", b"="):
                at = self.text.find(self.text[at + 1:at + 2] + b"]", at + 2)
                if at < 0:
                    raise _Unknown
                at += 2
            elif char == b"\\" and self.perl:
                if self.text[at + 1:at + 2] in (b"Q", b"E", b"c"):
                    raise _Unknown
                at += 2
            else:
                at += 1
        raise _Unknown


def required(pattern: bytes, perl: bool) -> Needs:
    """What a text needs to match `pattern`; empty where nothing is certain. `perl`: PCRE2's syntax without the option x,
    else POSIX's extended one."""
    try:
        return _Reader(pattern, perl).whole()
    except _Unknown:
        return Needs()


def choose(rules: list[tuple[int, list[list[bytes]]]]) -> dict[bytes, list[int]]:
    """{word: [numbers of the rules that it calls for]}; of `rules` (number, clauses) the clause whose words the fewest
    others have."""
    uses: dict[bytes, int] = {}
    for _, clauses in rules:
        for word in {word for words in clauses for word in words}:
            uses[word] = uses.get(word, 0) + 1
    chosen: dict[bytes, list[int]] = {}
    for number, clauses in rules:
        best = min(clauses, key=lambda words: (sum(uses[word] for word in words), -min(map(len, words))))
        for word in {word[:32] for word in best}:
            chosen.setdefault(word, []).append(number)
    return chosen
