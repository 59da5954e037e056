"""Where the rules of pcre:, regexp: and cidr: come from: a file, or `{ {rule}, {rule} }` in the name itself."""

from __future__ import annotations

from ..errors import TableConfigError
from .braces import SEPARATORS, balanced, extract, tokens
from .lines import Line, logical_lines


def read_rules(type: str, name: str) -> list[Line]:
    """The logical lines; of an inline table, each rule is a line, counted from 1. Raises TableConfigError."""
    if name.startswith("{"):
        return _inline(type, name)
    try:
        with open(name, "rb") as file:
            data = file.read()
    except IsADirectoryError as error:
        raise TableConfigError(f"{type}:{name}", f"{type} map {name}: read error: {error.strerror}") from error
    except OSError as error:
        raise TableConfigError(f"{type}:{name}", f"open {name}: {error.strerror}") from error
    return list(logical_lines(data, name))


def _inline(type: str, name: str) -> list[Line]:
    def bad(text: str) -> TableConfigError:
        return TableConfigError(f"{type}:{name}", f"{type} map: {text}")

    body, error = extract(name)
    if error:
        raise bad(error)
    rules = []
    for number, token in enumerate(tokens(body, SEPARATORS), 1):
        if not token.startswith("{"):
            raise bad(f"no '{{' at start of text in \"{token}\"")
        if balanced(token) < 0:
            raise bad(f"missing '}}' in \"{token}\"")
        text, error = extract(token)
        if error:
            raise bad(error)
        rules.append(Line(number, number, text.encode("utf-8", "surrogateescape")))
    return rules
