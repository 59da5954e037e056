"""Configuration files of tables (mysql_table(5), sqlite_table(5), ldap_table(5) ...): `name = value` lines as in main.cf.

A table name that does not start with "/" or "." is the old form: parameter NAME_x of main.cf stands for x.
"""

from __future__ import annotations

from typing import Any

from ..config.lines import split_nameval
from ..errors import ConfigError, TableConfigError
from . import report
from .lines import logical_lines


class Settings:
    """The parameters of one table; `where` is what messages call it."""

    def __init__(self, title: str, where: str, values: dict[str, str]) -> None:
        self.title, self.where, self.values = title, where, values
        self.in_file = where[:1] in "/."

    def trouble(self, text: str, name: str) -> TableConfigError:
        """An error about a parameter, with the names that Postfix gives it."""
        return TableConfigError(self.title, (f"{self.where}: " if self.in_file else "") + text.format(
            name if self.in_file else f"{self.where}_{name}"))

    def text(self, name: str, default: str = "") -> str:
        """The text of a parameter. TableConfigError where it is needed (default None) and missing."""
        return self.values.get(name, default)

    def need(self, name: str) -> str:
        """The text of a parameter that must be there."""
        value = self.values.get(name, "")
        if not value:
            raise self.trouble("bad string length 0 < 1: {} = ", name)
        return value

    def number(self, name: str, default: int, low: int = 0, high: int = 0) -> int:
        """An integer within bounds (0: none)."""
        text = self.values.get(name, "").strip()
        if not text:
            return default
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()):
            raise self.trouble("bad numerical configuration: {} = " + _plain(text), name)
        value = int(text)
        if low and value < low:
            raise self.trouble(f"invalid {{}} parameter value {value} < {low}", name)
        if high and value > high:
            raise self.trouble(f"invalid {{}} parameter value {value} > {high}", name)
        return value

    def boolean(self, name: str, default: bool) -> bool:
        """yes or no."""
        text = self.values.get(name, "").strip().lower()
        if text not in ("", "yes", "no"):
            raise self.trouble("bad boolean configuration: {} = " + _plain(text), name)
        return text == "yes" if text else default


def read_settings(type: str, name: str, config: Any) -> Settings:
    """The parameters of "type:name". Raises TableConfigError where the file can't be read."""
    title = f"{type}:{name}"
    if name[:1] not in "/.":
        prefix = f"{name}_"
        values = {key[len(prefix):]: _expanded(config, key, title) for key in getattr(config, "raw", ())
                  if key.startswith(prefix)}
        return Settings(title, name, values)
    try:
        with open(name, "rb") as file:
            data = file.read()
    except OSError as error:
        raise TableConfigError(title, f"open {name}: {error.strerror}") from error
    values = {}
    for line in logical_lines(data, name):
        try:
            key, value = split_nameval(report.show(line.text))
        except ConfigError as error:
            raise TableConfigError(title, f"{name}, line {line.first}: {error.text}") from None
        values[key] = value
    return Settings(title, name, values)


def _plain(text: str) -> str:
    """`text` for a place where braces have a meaning."""
    return text.replace("{", "{{").replace("}", "}}")


def _expanded(config: Any, key: str, title: str) -> str:
    try:
        return str(config[key])
    except ConfigError as error:
        raise TableConfigError(title, str(error)) from error
