"""Tables of patterns: what regexp: and pcre: have in common (regexp_table(5), pcre_table(5)).

A rule is `/pattern/flags result`, `!/pattern/flags result`, or lines between `if /pattern/flags` and `endif`. Rules are
tried in order with the whole key; the first that matches gives the result, with `$number` filled in.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..errors import TableConfigError, TableError
from . import flags as F
from . import report
from .files import FileTrouble, read_values
from .lines import WHITE, Line
from .macro import MacroError, parse_result
from .pattern import Pattern, PatternError, members
from .registry import wants_utf8
from .required import Needs, choose
from .rulefile import read_rules
from .rules import Rules
from .table import Table


class Skip(Exception):
    """A rule that is left out; the text is what the warning says, if there is one."""


class Source(NamedTuple):
    """A pattern as written."""

    text: bytes
    flags: int
    negate: bool


class Dialect:
    """What differs between regexp: and pcre:. Subclasses set these and give compile()."""

    type = ""
    options: dict[str, int] = {}
    default = 0
    unclosed = "skipping"
    low = "out of range"
    double = False

    def compile(self, source: Source) -> Pattern:
        """Raises PatternError."""
        raise NotImplementedError

    def needs(self, source: Source) -> Needs:
        """What a text needs for the pattern to match; empty where that is not certain."""
        raise NotImplementedError

    def error_text(self, error: PatternError) -> str:
        """The warning for a pattern that does not compile."""
        return str(error)


class PatternTable(Table):
    """The rules; `results` by rule number: (pieces, groups of the pattern, line)."""

    fixed = False

    def __init__(self, type: str, name: str, rules: Rules, results: dict[int, Any], flags: int, utf8: bool) -> None:
        super().__init__(type, name, flags, utf8)
        self.rules, self.results = rules, results

    def find(self, key: bytes) -> bytes | None:
        at = self.rules.find(key)
        if self.rules.troubles:
            self._report()
        if at < 0:
            if at == -2:
                raise TableError(self.title, "patterns took too long for one lookup")
            return None
        pieces, groups, _ = self.results[at]
        if isinstance(pieces, bytes):
            return pieces
        return b"".join([piece if isinstance(piece, bytes) else self.rules.group(key, piece, groups)
                         for piece in pieces])

    def _report(self) -> None:
        for at, code in self.rules.troubles:
            line = self.results.get(at, (b"", 0, 0))[2]
            text = _CUT.get(code, f"PCRE2 error {code}")
            report.warning(f"{self.type} map {self.name}, line {line}: {text}")


_CUT = {
    -47: "backtracking limit exceeded",
    -53: "recursion limit exceeded",
    -63: "out of memory for backtracking",
}


class Reader:
    """Turns the lines of one table into Rules."""

    def __init__(self, dialect: Dialect, name: str, flags: int, count: int) -> None:
        self.dialect, self.name, self.flags = dialect, name, flags
        self.rules = Rules(count)
        self.results: dict[int, Any] = {}
        self.open: list[int] = []
        self.clauses: list[tuple[int, list[list[bytes]]]] = []
        self.classes: dict[bytes, list[int]] = {}
        self.known: dict[tuple[bytes, int], bytes] = {}
        self.line = 0

    @property
    def where(self) -> str:
        """What warnings start with."""
        return f"{self.dialect.type} map {self.name}, line {self.line}"

    def warn(self, text: str) -> None:
        """A warning about this line."""
        report.warning(f"{self.where}: {text}")

    def read(self, lines: list[Line]) -> None:
        """All lines, in order."""
        for line in lines:
            self.line = line.first
            try:
                self._line(line.text.strip(WHITE))
            except Skip as error:
                if str(error):
                    self.warn(str(error))
        self.rules.finish()
        self.rules.need(choose(self.clauses), self.classes)
        for self.line in reversed(self.open):
            self.warn("IF has no matching ENDIF")

    def _line(self, text: bytes) -> None:
        word = text[:5].upper()
        if not text[:1].isalnum():
            self._match(text)
        elif word[:2] == b"IF" and not text[2:3].isalnum():
            self._if(text[2:].lstrip(WHITE))
        elif word == b"ENDIF" and not text[5:6].isalnum():
            self._endif(text[5:].lstrip(WHITE))
        else:
            raise Skip("ignoring unrecognized request")

    def _pattern(self, text: bytes) -> tuple[Source, bytes]:
        """(the pattern at the start of `text`, the rest)."""
        negate = False
        while text.startswith(b"!"):
            negate = not negate
            text = text[1:].lstrip(WHITE)
        if not text:
            raise Skip("no regexp: skipping this rule")
        end = 1
        while end < len(text) and (text[end] != text[0] or text[end] == 0x5C):
            end += 2 if text[end] == 0x5C and end + 1 < len(text) else 1
        if end >= len(text):
            shown = report.show(text[:1])
            raise Skip(f'no closing regexp delimiter "{shown}": {self.dialect.unclosed} this rule')
        flags, rest = self._options(text[end + 1:])
        return Source(text[1:end], flags, negate), rest

    def _options(self, text: bytes) -> tuple[int, bytes]:
        """(options, the rest): each letter turns its option over."""
        flags = self.dialect.default
        at = 0
        while at < len(text) and text[at] not in WHITE and not (self.dialect.double and text[at] == 0x21):
            bit = self.dialect.options.get(chr(text[at]))
            if bit is None:
                raise Skip(f'unknown regexp option "{report.show(text[at:at + 1])}": skipping this rule')
            flags ^= bit
            at += 1
        return flags, text[at:]

    def _compile(self, source: Source) -> Pattern:
        try:
            return self.dialect.compile(source)
        except PatternError as error:
            raise Skip(self.dialect.error_text(error)) from error

    def _added(self, source: Source) -> None:
        """Note what the rule that is added next needs."""
        needs = self.dialect.needs(source)
        if needs.clauses:
            self.clauses.append((self.rules.count, needs.clauses))
        for text in needs.classes:
            bits = self.known.get((text, source.flags))
            if bits is None:
                bits = members(self._compile(Source(text, source.flags, False)))
                self.known[text, source.flags] = bits
            if not self.classes.get(bits) or self.classes[bits][-1] != self.rules.count:
                self.classes.setdefault(bits, []).append(self.rules.count)

    def _if(self, text: bytes) -> None:
        source, rest = self._pattern(text)
        rest = rest.lstrip(WHITE)
        if rest:
            self.warn(f'ignoring extra text after IF statement: "{report.show(rest)}"')
            self.warn("do not prepend whitespace to statements between IF and ENDIF")
        pattern = self._compile(source)
        self._added(source)
        self.rules.begin(pattern, source.negate)
        self.open.append(self.line)

    def _endif(self, rest: bytes) -> None:
        if not self.open:
            raise Skip("ignoring ENDIF without matching IF")
        if rest:
            self.warn("ignoring extra text after ENDIF")
        self.rules.end()
        self.open.pop()

    def _match(self, text: bytes) -> None:
        first, rest = self._pattern(text)
        second = None
        if self.dialect.double and rest.startswith(b"!"):
            second, rest = self._pattern(rest)
        rest = rest.strip(WHITE)
        if not rest:
            self.warn("no replacement text: using empty string")
        pieces = self._result(rest)
        top = max((piece for piece in pieces if isinstance(piece, int)), default=0)
        if top and first.negate:
            raise Skip("$number found in negative match replacement text: skipping this rule")
        if top and self.flags & F.NO_REGSUB:
            raise Skip("regular expression substitution is not allowed: skipping this rule")
        pattern = self._compile(first)
        if top > pattern.groups:
            raise Skip(f'out of range replacement index "{top}": skipping this rule')
        other = self._compile(second) if second else None
        self._added(first)
        at = self.rules.match(pattern, first.negate, top > 0, other, bool(second and second.negate))
        result = pieces if top else b"".join(piece for piece in pieces if isinstance(piece, bytes))
        self.results[at] = (result, pattern.groups, self.line)

    def _result(self, text: bytes) -> list[bytes | int]:
        if self.flags & F.RHS_IS_FILE:
            try:
                return [read_values(report.show(text))]
            except FileTrouble as trouble:
                raise Skip(f"{trouble}: skipping this rule") from trouble
        try:
            return parse_result(text, self.where, self.dialect.low)
        except MacroError:
            raise Skip("bad replacement syntax: skipping this rule") from None


def open_patterns(dialect: Dialect, name: str, flags: int, config: Any) -> Table:
    """A table of `dialect` from a file or an inline list. Raises TableConfigError where it can't be read."""
    lines = read_rules(dialect.type, name)
    try:
        reader = Reader(dialect, name, flags, len(lines))
        reader.read(lines)
    except MemoryError as error:
        raise TableConfigError(f"{dialect.type}:{name}", "out of memory for its patterns") from error
    return PatternTable(dialect.type, name, reader.rules, reader.results, flags, wants_utf8(config, flags))
