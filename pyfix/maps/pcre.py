"""pcre:/path, pcre:{ {rule} }: Perl patterns through PCRE2 (pcre_table(5)), with limits on matching and depth.

PCRE2 is the system's shared library (Debian: libpcre2-8-0, which every installation has); it is bound at run time.
"""

from typing import Any

from ..errors import TableConfigError
from .pattern import PCRE_OPTIONS, Pattern, PatternError, compile_pcre, pcre_available
from .pattern_table import Dialect, Source, open_patterns
from .required import Needs, required
from .table import Table


class Pcre(Dialect):
    """PCRE2's patterns; case is ignored and "." matches newline unless a flag turns that over."""

    type = "pcre"
    options = PCRE_OPTIONS
    default = PCRE_OPTIONS["i"] | PCRE_OPTIONS["s"]
    unclosed = "ignoring"

    def compile(self, source: Source) -> Pattern:
        made = compile_pcre(source.text, source.flags)
        made.weigh(len(source.text), source.text, bool(source.flags & PCRE_OPTIONS["m"]))
        return made

    def needs(self, source: Source) -> Needs:
        return Needs() if source.flags & PCRE_OPTIONS["x"] else required(source.text, perl=True)

    def error_text(self, error: PatternError) -> str:
        text, offset = error.args
        return f"error in regex at offset {offset}: {text}"


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Raises TableConfigError where PCRE2 is missing or the table can't be read."""
    if not pcre_available():
        raise TableConfigError(f"{type}:{name}", "pcre tables need the PCRE2 library: install libpcre2-8 (Debian: "
                                                 "apt-get install libpcre2-8-0)")
    return open_patterns(Pcre(), name, flags, config)
