"""One compiled pattern of regexp: or pcre:."""

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

def pcre_available() -> bool:
    """Whether the PCRE2 library could be loaded."""

def members(pattern: Pattern) -> bytes:
    """Of a pattern for one character: which of the 256 it matches, as the bits of 32 bytes."""

def compile_regexp(pattern: bytes, options: int) -> Pattern:
    """A POSIX pattern. PatternError."""

def compile_pcre(pattern: bytes, options: int) -> Pattern:
    """A PCRE2 pattern. PatternError."""
