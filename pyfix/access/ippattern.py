"""Patterns of IPv4 addresses, such as 127.0.0.[2;4..11]: which answers of a DNS list count.

Law: postconf(5), reject_rbl_client ("rbl_domain=d.d.d.d"). Four fields with a dot between them; a field is a number from 0 to 255
or, in brackets, numbers and ranges LOW..HIGH with semicolons between them. No blanks. Error texts are Postfix's.
"""

import re
from functools import lru_cache

from pyfix.errors import ConfigError

Ranges = tuple[tuple[int, int], ...]
_NUMBER = re.compile(r"[0-9]+", re.ASCII)
REMEDY = "write four fields like 127.0.0.[2;4..11]"


class _Reader:
    """A pattern and how far it has been read."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def wrong(self, what: str) -> ConfigError:
        """The error that shows the offending number or character as >x<."""
        found = _NUMBER.match(self.text, self.at)
        end = found.end() if found else min(self.at + 1, len(self.text))
        return ConfigError(f'{what} at "{self.text[:self.at]}>{self.text[self.at:end]}<{self.text[end:]}"', remedy=REMEDY)

    def takes(self, character: str) -> bool:
        """Whether the character comes next; then it is read."""
        there = self.text.startswith(character, self.at)
        self.at += there
        return there

    def number(self, low: int, what: str) -> int:
        """A number from `low` to 255. Raises ConfigError with `what`."""
        found = _NUMBER.match(self.text, self.at)
        value = int(found[0].lstrip("0")[:4] or "0") if found else -1
        if found is None or not low <= value <= 255:
            raise self.wrong(what)
        self.at = found.end()
        return value

    def field(self) -> Ranges:
        """A number, or numbers and ranges in brackets. Raises ConfigError."""
        if not self.takes("["):
            value = self.number(0, 'need decimal number 0..255 or "["')
            return ((value, value),)
        if not self.closed():
            raise ConfigError('missing "]" character', remedy=REMEDY)
        found = [self.member()]
        while self.takes(";"):
            found.append(self.member())
        if not self.takes("]"):
            raise self.wrong('need ";" or "]"')
        return tuple(found)

    def closed(self) -> bool:
        """Whether the bracket just read has its partner."""
        level = 1
        for character in self.text[self.at:]:
            level += (character == "[") - (character == "]")
            if not level:
                return True
        return False

    def member(self) -> tuple[int, int]:
        """N or LOW..HIGH. Raises ConfigError."""
        low = self.number(0, "need decimal number 0..255")
        if not self.takes("."):
            return low, low
        if not self.takes("."):
            raise self.wrong("numeric range error")
        return low, self.number(low, "numeric range error")


@lru_cache(1000)
def parse(text: str) -> tuple[Ranges, ...]:
    """The four fields of a pattern, each as (low, high) pairs. Raises ConfigError."""
    reader = _Reader(text)
    fields = [reader.field()]
    while len(fields) < 4:
        if not reader.takes("."):
            raise reader.wrong('need "."')
        fields.append(reader.field())
    if reader.at < len(text):
        raise reader.wrong("garbage after pattern")
    return tuple(fields)


def matches(fields: tuple[Ranges, ...], address: str) -> bool:
    """Whether an IPv4 address in dotted form fits a parsed pattern."""
    return all(any(low <= int(octet) <= high for low, high in ranges)
               for ranges, octet in zip(fields, address.split("."), strict=True))
