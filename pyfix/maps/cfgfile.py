"""Configuration files of tables (mysql_table(5), sqlite_table(5), ldap_table(5) ...): `name = value` lines as in main.cf.

A table name that does not start with "/" or "." is the old form: parameter NAME_x of main.cf stands for x.
"""

from __future__ import annotations

from typing import Any

from ..errors import ConfigError, TableConfigError
from . import report
from .braces import split_assignment
from .lines import logical_lines


class Settings:
    """The parameters of one table; `where` is what messages call it."""

    def __init__(self, title: str, where: str, values: dict[str, str]) -> None:
        self.title, self.where, self.values = title, where, values

    def text(self, name: str, default: str = "") -> str:
        """The text of a parameter. TableConfigError where it is needed (default None) and missing."""
        return self.values.get(name, default)

    def need(self, name: str) -> str:
        """The text of a parameter that must be there."""
        value = self.values.get(name, "")
        if not value:
            raise TableConfigError(self.title, f"bad string length 0 < 1: {self.where}:{name} =")
        return value

    def number(self, name: str, default: int, low: int = 0, high: int = 0) -> int:
        """An integer within bounds (high 0: none)."""
        text = self.values.get(name, "").strip()
        if not text:
            return default
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()):
            raise TableConfigError(self.title, f"bad numerical configuration: {self.where}: {name} = {text}")
        value = int(text)
        if value < low or high and value > high:
            raise TableConfigError(self.title, f"invalid {self.where}: {name} parameter value {value}: out of range")
        return value

    def boolean(self, name: str, default: bool) -> bool:
        """yes or no."""
        text = self.values.get(name, "").strip().lower()
        if text not in ("", "yes", "no"):
            raise TableConfigError(self.title, f"bad boolean configuration: {self.where}: {name} = {text}")
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
        key, value, error = split_assignment(line.text.decode("utf-8", "surrogateescape"))
        if error:
            raise TableConfigError(title, f'{name}, line {line.first}: {error}: "{report.show(line.text)}"')
        values[key] = value
    return Settings(title, name, values)


def _expanded(config: Any, key: str, title: str) -> str:
    try:
        return str(config[key])
    except ConfigError as error:
        raise TableConfigError(title, str(error)) from error
