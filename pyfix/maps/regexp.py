"""regexp:/path, regexp:{ {rule} }: POSIX patterns through the C library (regexp_table(5)).

The C library needs no backtracking as long as the pattern has no back-reference; those that have one (an extension of
the C library) go to PCRE2, which has limits. Its time can still grow with the square of the text, and each byte can cost
as much as the pattern is large: a lookup that may take long is made in a child (`rules`).
"""

import re
from typing import Any

from .pattern import PCRE_OPTIONS, REGEXP_OPTIONS, Pattern, PatternError, compile_pcre, compile_regexp, pcre_available
from .pattern_table import Dialect, Source, open_patterns
from .required import Needs, required
from .table import Table

#: how many parts of a pattern may come from repetitions, which the C library writes out: time and memory grow with the square
NODES = 3000
_TOKEN = re.compile(rb"\{(\d*)(?:,(\d*))?\}|\\?.", re.DOTALL)
#: what is special in the basic syntax only with a backslash
_ESCAPED = re.compile(rb"\\([(){}])")
_BACKREF = re.compile(rb"(?:^|[^\\])(?:\\\\)*\\[1-9]")
_BRACKET = re.compile(rb"\[\^?\]?(?:\[[:.=].*?[:.=]\]|[^\]])*\]", re.DOTALL)


def nodes(pattern: bytes) -> int:
    """About how many parts the C library makes of `pattern`: each repeated part counts as often as it is copied."""
    groups, last = [0], 0
    for match in _TOKEN.finditer(_BRACKET.sub(b"x", pattern)):
        token = match.group()
        if token == b"(":
            groups.append(0)
        elif token == b")" and len(groups) > 1:
            last = groups.pop() + 1
            groups[-1] += last
        elif len(token) > 1 and token[:1] == b"{":
            times = max(int(match.group(2) or 0), int(match.group(1) or 0) + (match.group(2) == b""), 1)
            groups[-1] += last * (times - 1)
            last *= times
        else:
            groups[-1] += 1
            last = last + 1 if token in (b"*", b"+", b"?") else 1
    return sum(groups)


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
        lines = bool(source.flags & REGEXP_OPTIONS["m"])
        text = source.text if source.flags & REGEXP_OPTIONS["x"] else _ESCAPED.sub(rb"\1", source.text)
        size = nodes(text)
        if size > NODES + len(text):
            raise PatternError("Regular expression too big")
        made = compile_regexp(source.text, source.flags)
        made.weigh(size, source.text, lines)
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
            made = compile_pcre(to_perl(source.text), options)
        except PatternError as error:
            raise PatternError(error.args[0]) from error
        made.weigh(len(source.text), source.text, True)
        return made


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError where the table can't be read."""
    return open_patterns(Regexp(), name, flags, config)
