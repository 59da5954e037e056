"""regexp:/path, regexp:{ {rule} }: POSIX patterns through the C library (regexp_table(5)).

The C library matches in one pass, however hostile pattern and text are, as long as the pattern has no back-reference.
Those that have one (an extension of the C library) go to PCRE2, which has limits.
"""

import re
from typing import Any

from .pattern_table import Dialect, Source, open_patterns
from .patterns import (PCRE_OPTIONS, REGEXP_OPTIONS, Pattern, PatternError, compile_pcre, compile_regexp,
                       pcre_available)
from .required import Needs, required
from .table import Table

#: what nested repetitions may multiply to: the C library copies the repeated part that often
COPIES = 20000
_REPEAT = re.compile(rb"\{(\d*)(?:,(\d*))?\}")
_BACKREF = re.compile(rb"(?:^|[^\\])(?:\\\\)*\\[1-9]")
_BRACKET = re.compile(rb"\[\^?\]?(?:\[[:.=].*?[:.=]\]|[^\]])*\]", re.DOTALL)


def copies(pattern: bytes) -> int:
    """An upper bound for how often the C library copies a part of `pattern`."""
    total = 1
    for match in _REPEAT.finditer(_BRACKET.sub(b"x", pattern)):
        total *= max(int(match.group(2) or 0), int(match.group(1) or 0), 1)
    return total


def to_perl(pattern: bytes) -> bytes:
    """A POSIX pattern in PCRE2's syntax: in brackets a backslash is an ordinary character."""
    return _BRACKET.sub(lambda match: match.group().replace(b"\\", b"\\\\"), pattern)


class Regexp(Dialect):
    """POSIX patterns; case is ignored and the syntax extended unless a flag turns that over."""

    type = "regexp"
    options = REGEXP_OPTIONS
    default = REGEXP_OPTIONS["i"] | REGEXP_OPTIONS["x"]
    low = "out-of-range"
    double = True

    def compile(self, source: Source) -> Pattern:
        if copies(source.text) > COPIES:
            raise PatternError("Regular expression too big")
        made = compile_regexp(source.text, source.flags)
        if _BACKREF.search(_BRACKET.sub(b"x", source.text)):
            return self._limited(source)
        return made

    def needs(self, source: Source) -> Needs:
        return required(source.text, perl=False) if source.flags & REGEXP_OPTIONS["x"] else Needs()

    @staticmethod
    def _limited(source: Source) -> Pattern:
        """The same pattern for PCRE2; basic syntax (flag x) has no equivalent there."""
        if not source.flags & REGEXP_OPTIONS["x"] or not pcre_available():
            raise PatternError("back-references need the extended syntax and the PCRE2 library")
        options = PCRE_OPTIONS["s"] | PCRE_OPTIONS["E"]
        if source.flags & REGEXP_OPTIONS["i"]:
            options |= PCRE_OPTIONS["i"]
        if source.flags & REGEXP_OPTIONS["m"]:
            options = options & ~PCRE_OPTIONS["s"] & ~PCRE_OPTIONS["E"] | PCRE_OPTIONS["m"]
        try:
            return compile_pcre(to_perl(source.text), options)
        except PatternError as error:
            raise PatternError(error.args[0]) from error


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError where the table can't be read."""
    return open_patterns(Regexp(), name, flags, config)
