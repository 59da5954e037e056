"""Config: an immutable snapshot of all parameters under one configuration. Law: postconf(5).

A value comes from, in this order: the service's -o overrides, main.cf, the
table of parameters. Values are expanded and typed when first used and then kept as plain
instance attributes, so that later use costs one dictionary lookup.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import count

from pyfix.config import computed, units
from pyfix.config.expand import ERROR, expand
from pyfix.config.lines import SPACE, indented, logical_lines, read_text, split_nameval, split_words
from pyfix.config.table import Parameter, family_default, is_builtin, parameters
from pyfix.errors import ConfigError

DEFAULT_DIRECTORY = "/etc/postfix"
_generations = count(1)


def config_directory(given: str = "") -> str:
    """The directory in force: `-c`, else MAIL_CONFIG of the environment, else /etc/postfix."""
    return given or os.environ.get("MAIL_CONFIG", "") or DEFAULT_DIRECTORY


def read_main(path: str, warn: Callable[[str], None]) -> tuple[dict[str, str], dict[str, int]]:
    """(name -> text as written, name -> line) of a main.cf; the last of several settings counts, with a warning.

    A first line that begins with a blank continues nothing: it is left out, with a warning.
    """
    raw: dict[str, str] = {}
    where: dict[str, int] = {}
    for line in logical_lines(read_text(path)):
        if line.text[0] in SPACE:
            warn(f"{path}: {indented(line.text)}")
            continue
        try:
            name, value = split_nameval(line.text)
        except ConfigError as error:
            raise ConfigError(error.text, path, line.first, error.remedy) from None
        if raw.get(name, value) != value:
            warn(f"{path}, line {line.first}: overriding earlier entry: {name}={raw[name]}")
        raw[name], where[name] = value, line.first
    return raw, where


class Config:
    """Parameters of one configuration directory, seen by one service.

    config.message_size_limit  the typed value: int (bytes, seconds, counts), bool or str
    config["mydestination"]    the expanded text
    config.raw                 name -> text as main.cf and the overrides have it
    config.generation          grows with every snapshot that is made in this process
    config.warnings            what was odd so far, in Postfix's words, for the log
    """

    def __init__(self, directory: str, raw: dict[str, str], lines: dict[str, int] | None = None,
                 service_name: str = "", process_name: str = "") -> None:
        state = self.__dict__
        state["directory"], state["raw"], state["_lines"] = directory, raw, lines or {}
        state["_texts"], state["_making"] = {}, set()
        state["_preset"] = {"config_directory": directory, "process_id": str(os.getpid()),
                            "process_name": process_name, "service_name": service_name}
        state["generation"] = next(_generations)
        state["warnings"] = []

    @classmethod
    def load(cls, directory: str = "", overrides: Iterable[tuple[str, str]] = (), service_name: str = "",
             process_name: str = "") -> "Config":
        """Read DIRECTORY/main.cf and put `overrides` (the -o of a master.cf line) on top.

        ConfigError: the file can't be read, or a line is not `name = value`.
        """
        directory = config_directory(directory)
        warnings: list[str] = []
        raw, lines = read_main(f"{directory}/main.cf", warnings.append)
        for name, value in overrides:
            raw[name] = value
            lines.pop(name, None)
        config = cls(directory, raw, lines, service_name, process_name)
        config.warnings.extend(warnings)
        return config

    def override(self, overrides: Iterable[tuple[str, str]], service_name: str = "",
                 process_name: str = "") -> "Config":
        """The same main.cf as another service sees it, with that service's -o pairs; nothing is read again."""
        raw, lines = dict(self.raw), dict(self._lines)
        for name, value in overrides:
            raw[name] = value
            lines.pop(name, None)
        return Config(self.directory, raw, lines, service_name, process_name)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Config is immutable: {name}; use Config.override")

    def __getattr__(self, name: str) -> "int | bool | str":
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            value = self.typed(name)
        except KeyError:
            raise AttributeError(f"no such parameter: {name}") from None
        self.__dict__[name] = value
        return value

    def __getitem__(self, name: str) -> str:
        """The expanded text of a parameter; KeyError if nothing defines it."""
        texts = self._texts
        if name not in texts:
            texts[name] = self.expand(self.unexpanded(name), name)
        return texts[name]

    def get(self, name: str, default: str | None = None) -> str | None:
        """The expanded text, or `default` where nothing defines the name."""
        try:
            return self[name]
        except KeyError:
            return default

    def __contains__(self, name: str) -> bool:
        """Whether main.cf or an override sets it (a default does not count)."""
        return name in self.raw

    def __iter__(self) -> Iterator[str]:
        return (name for name in parameters() if is_builtin(name))

    def unexpanded(self, name: str) -> str:
        """The text before expansion: override, main.cf, computed or table default; KeyError if none."""
        text = self._preset.get(name)
        if text is None:
            text = self.raw.get(name)
        return self.default(name) if text is None else text

    def default(self, name: str) -> str:
        """The default's text before expansion; KeyError where the name is no parameter."""
        row = parameters().get(name)
        if row is not None and row.type not in ("obsolete", "family"):
            return self._computed(name) if name in _COMPUTED else row.default
        family = family_default(name)
        if family is None:
            raise KeyError(name)
        return "$" + family

    def _computed(self, name: str) -> str:
        """A default found out at run time; empty while it is being found (myhostname = a.$mydomain)."""
        if name in self._making:
            return ""
        self._making.add(name)
        try:
            return _COMPUTED[name](self)
        finally:
            self._making.discard(name)

    def expand(self, text: str, name: str = "") -> str:
        """`text` with all $names replaced; `name` says whose value it is, for the error."""
        if "$" not in text:
            return text
        result, status = expand(text, self._lookup, self.warnings.append)
        if status & ERROR:
            raise self.blame(ConfigError(self.warnings[-1], remedy="correct the ${...} expression"), name)
        return result

    def _lookup(self, name: str, test: bool) -> str | None:
        try:
            return self.unexpanded(name)
        except KeyError:
            return None

    def typed(self, name: str) -> "int | bool | str":
        """The value in its type (see the class); ConfigError names file and line of a bad one."""
        row = self.row(name)
        text = self.unexpanded(name) if row.type == "raw" else self[name]
        try:
            return _CONVERT[row.type](self, row, text)
        except ConfigError as error:
            raise self.blame(error, name) from None

    def row(self, name: str) -> Parameter:
        """The table's row; members of transport families and user-defined names get one made up."""
        row = parameters().get(name)
        if row is not None and row.type not in ("obsolete", "family"):
            return row
        family = family_default(name)
        if family is not None:
            return parameters()[family]._replace(name=name, default="$" + family)
        if name in self.raw:
            return Parameter(name, "str", "", None, None)
        raise KeyError(name)

    def transport(self, service: str, suffix: str) -> "int | bool | str":
        """The parameter SERVICE_suffix of a transport, by default that of all transports (default_suffix)."""
        return getattr(self, f"{service}_{suffix}")

    def words(self, name: str) -> list[str]:
        """The expanded value as a list: separated by comma or blank, { } kept together."""
        return split_words(self[name])

    def blame(self, error: ConfigError, name: str) -> ConfigError:
        """The error with the file and line that set parameter `name`."""
        line = self._lines.get(name, 0)
        file = f"{self.directory}/main.cf" if line or name not in self.raw else f"{self.directory}/master.cf"
        return ConfigError(error.text, file, line, error.remedy)

    def notices(self) -> list[str]:
        """What to tell the administrator once at start: settings of main.cf that have no effect here, and why."""
        from pyfix.config.table import details

        rows = details()
        return [f"{self.directory}/main.cf, line {self._lines[name]}: parameter {name} has no effect: {rows[name].note}"
                for name in self._lines if name in rows and rows[name].status == "ignored"]

    def own_interfaces(self) -> list:
        """The host's addresses that inet_interfaces and inet_protocols select (interfaces.Interface)."""
        from pyfix.config import interfaces

        return interfaces.select(self.inet_interfaces, self.inet_protocols, self.words("inet_interfaces"))


def _default_hostname(config: Config) -> str:
    return computed.hostname(config.expand(config.raw.get("mydomain", "")))


def _default_networks(config: Config) -> str:
    from pyfix.config import interfaces

    return interfaces.networks(config["mynetworks_style"], config.own_interfaces())


_COMPUTED = {
    "myhostname": _default_hostname,
    "mydomain": lambda config: computed.domainname(config["myhostname"]),
    "mynetworks": _default_networks,
}


def _time(config: Config, row: Parameter, text: str) -> int:
    unit = config.expand(row.default, row.name)
    return units.as_time(row.name, text, unit, row.low, row.high)


_CONVERT = {
    "time": _time,
    "int": lambda config, row, text: units.as_int(row.name, text, row.low, row.high),
    "long": lambda config, row, text: units.as_int(row.name, text, row.low, row.high, wide=True),
    "bool": lambda config, row, text: units.as_bool(row.name, text),
    "str": lambda config, row, text: units.as_text(row.name, text, row.low, row.high),
    "raw": lambda config, row, text: units.as_text(row.name, text, row.low, row.high),
    "legacy": lambda config, row, text: text,
}
