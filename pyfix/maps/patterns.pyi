"""Compiled patterns and ordered lists of rules over them: what regexp: and pcre: match with."""

PCRE_OPTIONS: dict[str, int]
REGEXP_OPTIONS: dict[str, int]
LIBRARIES: tuple[str, ...]

class PatternError(Exception):
    """A pattern that can't be compiled: (text,) or (text, offset)."""

class Pattern:
    """One compiled pattern."""

    groups: int
    def weigh(self, nodes: int, text: bytes, lines: bool) -> None:
        """Note what the pattern `text`, which has so many parts, can cost; `lines`: "^" matches at each line."""

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

def pcre_available() -> bool:
    """Whether the PCRE2 library could be loaded."""

def members(pattern: Pattern) -> bytes:
    """Of a pattern for one character: which of the 256 it matches, as the bits of 32 bytes."""

def compile_regexp(pattern: bytes, options: int) -> Pattern:
    """A POSIX pattern. PatternError."""

def compile_pcre(pattern: bytes, options: int) -> Pattern:
    """A PCRE2 pattern. PatternError."""
