"""Logical lines, words and name=value pairs of configuration files. Law: postconf(5), master(5).

Text is str, decoded as UTF-8 with surrogates for other bytes, so that any file
survives reading and writing unchanged.
"""

from collections.abc import Iterator
from typing import NamedTuple

from pyfix.errors import ConfigError

SPACE = " \t\n\v\f\r"
SEPARATORS = ", \t\r\n"
WORD_BLANKS = " \t\r\n"


class Line(NamedTuple):
    """A logical line: its text without line ends and comments, first and last physical line number."""

    text: str
    first: int
    last: int


def read_text(path: str) -> str:
    """The file as text; ConfigError naming the file when it can't be read."""
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise ConfigError(f"open {path}: {error.strerror}", remedy="create the file or correct its permissions") from error


def logical_lines(text: str) -> Iterator[Line]:
    """Join continuation lines (leading blank); drop empty lines and comments, also inside a logical line."""
    current: list[str] = []
    first = last = 0
    for number, line in enumerate(text.split("\n"), 1):
        body = line.lstrip(SPACE)
        if not body or body[0] == "#":
            continue
        if current and line[0] in SPACE:
            current.append(line)
        else:
            if current:
                yield Line("".join(current), first, last)
            current, first = [line], number
        last = number
    if current:
        yield Line("".join(current), first, last)


def indented(text: str) -> str:
    """What is wrong with a logical line that begins with a blank, in Postfix's words."""
    head = text.encode("utf-8", "surrogateescape")
    shown = head[:30].decode("utf-8", "surrogateescape") + ("..." if len(head) > 30 else "")
    return f'logical line must not start with whitespace: "{shown}"'


def split_nameval(text: str) -> tuple[str, str]:
    """(name, value) of "name = value"; ConfigError with Postfix's words otherwise."""
    body = text.lstrip(SPACE)
    if not body or body[0] == "=":
        raise ConfigError(f'missing attribute name: "{text}"', remedy="write name = value")
    end = 0
    while end < len(body) and body[end] not in SPACE and body[end] != "=":
        end += 1
    rest = body[end:].lstrip(SPACE)
    if not rest.startswith("="):
        raise ConfigError(f'missing \'=\' after attribute name: "{text}"', remedy="write name = value")
    return body[:end], rest[1:].strip(SPACE)


def iter_words(text: str, separators: str = SEPARATORS, braces: str = "{}") -> Iterator[tuple[str, int]]:
    """(word, end) of words between separators; a balanced { } holds separators and stays (mystrtokq)."""
    at, size = 0, len(text)
    while True:
        while at < size and text[at] in separators:
            at += 1
        if at >= size:
            return
        start, level = at, 0
        while at < size and (level or text[at] not in separators):
            level += (text[at] == braces[0]) - (text[at] == braces[1] and level > 0)
            at += 1
        yield text[start:at], at


def split_words(text: str, separators: str = SEPARATORS, braces: str = "{}") -> list[str]:
    """The words of `iter_words`."""
    return [word for word, _ in iter_words(text, separators, braces)]


def unbrace(word: str, strip: bool = True) -> tuple[str, str]:
    """(content, error) of "{ content }", without the blanks at its edges if `strip`; error is Postfix's words or ""."""
    level = 0
    for at, char in enumerate(word):
        level += (char == "{") - (char == "}")
        if level == 0:
            error = f'syntax error after \'}}\' in "{word}"' if at + 1 < len(word) else ""
            content = word[1:at]
            break
    else:
        content, error = word[1:], f'missing \'}}\' in "{word}"'
    return content.strip(SPACE) if strip else content, error
