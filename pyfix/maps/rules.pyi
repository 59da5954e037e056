"""Ordered lists of rules over compiled patterns: what regexp: and pcre: match with."""

from pyfix.maps.pattern import Pattern

class Rules:
    """An ordered list of at most `room` rules."""

    count: int
    troubles: list[tuple[int, int]]
    def __init__(self, room: int) -> None: ...
    def match(self, pattern: Pattern, negate: bool, wanted: bool, second: Pattern | None = None,
              negate_second: bool = False) -> int:
        """Add a rule with a result; returns its number."""
    def begin(self, pattern: Pattern, negate: bool) -> None:
        """Add an IF."""
    def end(self) -> bool:
        """Add an ENDIF; False where no IF is open."""
    def finish(self) -> None:
        """No more rules."""
    def need(self, rules: dict[bytes, list[int]], classes: dict[bytes, list[int]]) -> None:
        """From now on a rule is tried only where what it needs occurs. At most once. MemoryError.

        `rules`: {word: [numbers of rules]}, one of the words of a rule; `classes`: {which of 256 characters belong to
        it, as 32 bytes: [numbers of rules]}, a character of each class of a rule.
        """
    def find(self, key: bytes) -> int:
        """The first rule that matches; -1 none, -2 the time for one lookup is used up."""
    def group(self, key: bytes, number: int, groups: int) -> bytes:
        """The text of $number in the last match."""
