"""The expansion language of main.cf: $name, ${name?a:b}, ${{a} op {b} ? {c} : {d}}, ${function{x}}, $$.

Law: postconf(5), "DESCRIPTION". The warnings are Postfix's, word for word.

`expand(text, lookup)` gives (result, status): what was expanded so far, also
after an error, and the bits ERROR (syntax or lookup error) and UNDEFINED
(some name had no value). `lookup(name, test)` returns the value or None;
`test` is true where only existence is asked for. Warnings go to `warn`.
"""

from collections.abc import Callable

from pyfix.config.level import malformed, parse_level

ERROR, UNDEFINED = 1, 2
DEPTH_LIMIT = 100
BLANKS = " \t\r\n"
_OPERATOR_CHARS = "<>!=?+-*/~&|%"
_EXPECTED = '"==" or "!="" or "<"" or "<="" or ">="" or ">"'
_NAME_CHARS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")

Lookup = Callable[[str, bool], "str | None"]
Warn = Callable[[str], None]

_COMPARE: dict[str, Callable[[int], bool]] = {
    "==": lambda d: d == 0, "!=": lambda d: d != 0, "<": lambda d: d < 0,
    "<=": lambda d: d <= 0, ">=": lambda d: d >= 0, ">": lambda d: d > 0,
}


class _Syntax(Exception):
    """A mistake in the text; args[0] is the warning ("" when it was given already)."""


def _order(left: str, right: str, warn: Warn) -> int:
    if left.isascii() and right.isascii() and left.isdigit() and right.isdigit():
        return int(left) - int(right)
    one, two = left.encode("utf-8", "surrogateescape"), right.encode("utf-8", "surrogateescape")
    return (one > two) - (one < two)


def _order_level(left: str, right: str, warn: Warn) -> int:
    levels = []
    for text in (left, right):
        level = parse_level(text)
        if level is None:
            raise _Syntax(malformed(text))
        levels.append(level)
    return levels[0] - levels[1]


def _to_ascii(name: str, warn: Warn) -> str:
    from pyfix.config.idna import domain_to_ascii

    result = name if name.isascii() else domain_to_ascii(name, warn)
    if result is None:
        raise _Syntax(f"bad domain argument in: 'domain_to_ascii{{{name}}}'")
    return result


def _to_utf8(name: str, warn: Warn) -> str:
    from pyfix.config.idna import domain_to_utf8

    result = domain_to_utf8(name, warn) if name.isascii() else name
    if result is None:
        raise _Syntax(f"bad domain argument in: 'domain_to_utf8{{{name}}}'")
    return result


ORDERS: dict[str, Callable[[str, str, Warn], int]] = {"level": _order_level}
FUNCTIONS: dict[str, Callable[[str, Warn], str]] = {"domain_to_ascii": _to_ascii, "domain_to_utf8": _to_utf8}


def _head(text: str, limit: int = 20) -> str:
    """The first `limit` bytes, as C's %.20s prints them."""
    return text if text.isascii() and len(text) <= limit else \
        text.encode("utf-8", "surrogateescape")[:limit].decode("utf-8", "surrogateescape")


def _span(text: str, pos: int, chars: str) -> int:
    while pos < len(text) and text[pos] in chars:
        pos += 1
    return pos


def _curly(text: str, pos: int) -> tuple[str, int]:
    """(payload, position after trailing blanks) of the balanced {} that opens at `pos`."""
    level, at = 1, pos + 1
    while at < len(text):
        if text[at] == "{":
            level += 1
        elif text[at] == "}":
            level -= 1
            if not level:
                return text[pos + 1:at], _span(text, at + 1, BLANKS)
        at += 1
    raise _Syntax(f'unbalanced {{}} in attribute expression: "{text[pos:]}"')


def parse(text: str) -> "list[tuple[bool, str]]":
    """Cut into (is_expression, text) pieces; `$$` has become `$` in literal text."""
    pieces, literal, pos = [], "", 0
    while True:
        at = text.find("$", pos)
        if at < 0:
            literal += text[pos:]
            break
        literal += text[pos:at]
        if text.startswith("$$", at):
            literal, pos = literal + "$", at + 2
            continue
        if literal:
            pieces.append((False, literal))
            literal = ""
        try:
            expression, pos = _reference(text, at + 1)
        except _Syntax as error:
            error.args = (error.args[0], pieces)
            raise
        pieces.append((True, expression))
    if literal:
        pieces.append((False, literal))
    return pieces


def _reference(text: str, pos: int) -> tuple[str, int]:
    opener = text[pos:pos + 1]
    if opener in ("(", "{") and opener:
        closer, level, end = ")" if opener == "(" else "}", 1, pos + 1
        while level:
            if end >= len(text):
                raise _Syntax(f'truncated macro reference: "{text}"')
            level += (text[end] == opener) - (text[end] == closer)
            end += 1
        expression = text[pos + 1:end - 1]
    else:
        end = pos
        while end < len(text) and text[end] in _NAME_CHARS:
            end += 1
        expression = text[pos:end]
    if not expression:
        raise _Syntax(f'empty macro name: "{text}"')
    return expression, end


class Expander:
    """One expansion; `result` grows, `status` gathers ERROR and UNDEFINED.

    recurse: values that are looked up are expanded too.
    scan: look at every name in every branch and produce nothing.
    clean: applied to looked-up values (not to literal text) when not recursing.
    """

    def __init__(self, lookup: Lookup, warn: Warn, recurse: bool = True, scan: bool = False,
                 clean: Callable[[str], str] | None = None, orders: dict | None = None,
                 functions: dict | None = None) -> None:
        self.lookup, self.warn, self.recurse, self.scan, self.clean = lookup, warn, recurse, scan, clean
        self.orders = ORDERS if orders is None else orders
        self.functions = FUNCTIONS if functions is None else functions
        self.result: list[str] = []
        self.status, self.depth = 0, 0

    def run(self, text: str) -> None:
        """Expand `text` onto the result."""
        try:
            pieces = parse(text)
        except _Syntax as error:
            self._pieces(error.args[1])
            self._fail(error)
            return
        self._pieces(pieces)

    def _pieces(self, pieces: "list[tuple[bool, str]]") -> None:
        for is_expression, text in pieces:
            self.depth += 1
            if self.depth > DEPTH_LIMIT + 1:
                self._fail(_Syntax(f'unreasonable macro call nesting: "{text}"'))
            if self.status & ERROR:
                return
            if is_expression:
                try:
                    self._expression(text)
                except _Syntax as error:
                    self._fail(error)
                if self.status & ERROR:
                    return
            elif not self.scan:
                self.result.append(text)
            self.depth -= 1

    def _fail(self, error: _Syntax) -> None:
        self.status |= ERROR
        if error.args[0]:
            self.warn(error.args[0])

    def _expression(self, text: str) -> None:
        start = _span(text, 0, BLANKS)
        if text.startswith("{", start):
            value, pos = self._relation(text, start)
            operator = text[pos:pos + 1]
            if operator not in ("", "?", ":"):
                raise _Syntax(f'"?" or ":" expected at: "...}}>>>{_head(text[pos:])}"')
            pos += len(operator)
        else:
            end = start
            while end < len(text) and text[end] in _NAME_CHARS:
                end += 1
            after = _span(text, end, BLANKS)
            operator = text[after:after + 1]
            if operator == "{" and after == end > start:
                self._function(text, text[start:end], after)
                return
            if operator not in ("", "?", ":"):
                raise _Syntax(f'attribute name syntax error at: "...{text[:end]}>>>{_head(text[end:])}"')
            pos = after + 1
            value = self.lookup(text[start:end], operator != "")
        self._branches(text, pos, operator, value)

    def _branches(self, text: str, pos: int, operator: str, value: str | None) -> None:
        if not operator:
            self._use(value)
            return
        if operator == "?":
            chosen, pos = self._operand(text, pos)
            if value or self.scan:
                self.run(chosen)
            if pos >= len(text):
                return
            if text[pos] != ":":
                raise _Syntax(f'":" expected at: "...{chosen}}}>>>{_head(text[pos:])}"')
            pos += 1
        chosen, pos = self._operand(text, pos)
        if not value or self.scan:
            self.run(chosen)
        if pos < len(text):
            raise _Syntax(f'unexpected input at: "...{chosen}}}>>>{_head(text[pos:])}"')

    def _operand(self, text: str, pos: int) -> tuple[str, int]:
        start = _span(text, pos, BLANKS)
        if text.startswith("{", start):
            return _curly(text, start)
        return text[pos:], len(text)

    def _use(self, value: str | None) -> None:
        if value is None:
            self.status |= UNDEFINED
        elif not value or self.scan:
            return
        elif self.recurse:
            self.run(value)
        else:
            self.result.append(self.clean(value) if self.clean else value)

    def _inner(self, text: str) -> str:
        """`text` expanded on its own, for an operand or an argument."""
        inner = Expander(self.lookup, self.warn, self.recurse, self.scan, self.clean, self.orders, self.functions)
        inner.depth = self.depth        # bounds the recursion of $foo in the operand of foo
        inner.run(text)
        self.status |= inner.status
        return "".join(inner.result)

    def _operand_value(self, text: str) -> str:
        """An operand's value. An error ends the whole expression at once: of two operands that lead back to it, each would
        be tried to the last level."""
        value = self._inner(text)
        if self.status & ERROR:
            raise _Syntax("")
        return value

    def _relation(self, text: str, start: int) -> tuple[str | None, int]:
        left_text, pos = _curly(text, start)
        end = _span(text, pos, _OPERATOR_CHARS)
        operator = text[pos:end]
        if operator not in _COMPARE:
            raise _Syntax(f'{_EXPECTED} expected at: "...{left_text}}}>>>{_head(text[pos:])}"')
        order = _order
        last = end
        while last < len(text) and text[last].isascii() and text[last].isalnum():
            last += 1
        if last > end:
            suffix = text[end:last]
            if suffix not in self.orders:
                raise _Syntax(f'bad operator suffix at: "...{operator}>>>{suffix}"')
            order = self.orders[suffix]
        opener = _span(text, last, BLANKS)
        if not text.startswith("{", opener):
            raise _Syntax(f'"{{expression}}" expected at: "...{{{left_text}}} {operator}>>>{_head(text[last:])}"')
        right_text, pos = _curly(text, opener)
        left = self._operand_value(left_text)
        right = self._operand_value(right_text)
        if self.scan:
            return None, pos
        return ("true" if _COMPARE[operator](order(left, right, self.warn)) else ""), pos

    def _function(self, text: str, name: str, start: int) -> None:
        argument, pos = _curly(text, start)
        if pos < len(text):
            raise _Syntax(f'unexpected input at: "...{argument}}}>>>{_head(text[pos:])}"')
        if name not in self.functions:
            raise _Syntax(f'attribute name syntax error at: "...{text[:start]}>>>{_head(text[start:])}"')
        value = self._inner(argument)
        if self.status & ERROR:
            raise _Syntax("")
        if not self.scan:
            self.result.append(self.functions[name](value, self.warn))


def expand(text: str, lookup: Lookup, warn: Warn, recurse: bool = True) -> tuple[str, int]:
    """(expanded text, status bits) of `text`."""
    if "$" not in text:
        return text, 0
    expander = Expander(lookup, warn, recurse)
    expander.run(text)
    return "".join(expander.result), expander.status


def names_in(text: str, lookup: Lookup, warn: Warn) -> int:
    """Call `lookup` for every name in every branch of `text`; the status bits come back."""
    expander = Expander(lookup, warn, scan=True)
    expander.run(text)
    return expander.status
