"""postconf: which parameter names are known, and the warnings about those that are not. Law: postconf(1).

A name is known when it is built in, made by a service of master.cf
(transport_destination_...), or user-defined and *used*: it has a value somewhere
and appears as $name in a value, in smtpd_restriction_classes, or as the
prefix_suffix of a database client table.
"""

import os

from pyfix.commands.postconf_report import fatal, warn
from pyfix.config.deprecated import ALTERNATIVES, README_HINT
from pyfix.config.expand import ERROR, expand, names_in
from pyfix.config.lines import (iter_words, logical_lines, read_text, split_nameval, split_words,
                                unbrace)
from pyfix.config.snapshot import Config
from pyfix.config.suffixes import CLIENT_SUFFIXES, PATTERN_TYPES
from pyfix.config.table import COMMAND_FAMILY, TRANSPORT_FAMILY, is_builtin, parameters
from pyfix.errors import ConfigError

READ_ONLY = frozenset(("process_id", "process_name", "service_name"))
_COMMAND_AND_TRANSPORT = {**COMMAND_FAMILY, **TRANSPORT_FAMILY}
PROGRAMS = {"local": TRANSPORT_FAMILY, "error": TRANSPORT_FAMILY, "virtual": TRANSPORT_FAMILY,
            "smtp": TRANSPORT_FAMILY, "lmtp": TRANSPORT_FAMILY, "pipe": _COMMAND_AND_TRANSPORT,
            "spawn": COMMAND_FAMILY}


class Scope:
    """The parameters (-o) of one master.cf entry: `values`, and which of their names are `known`."""

    def __init__(self, service: str, kind: str, command: str, values: dict[str, str]) -> None:
        self.name = f"{service}/{kind}"
        self.values, self.known = values, set()
        self.own = {"service_name": service, "process_name": command}


class Names:
    """All known names and their values, as postconf sees them.

    defaults: show defaults only (-d); quiet: no warnings about unused and deprecated names (-q).
    """

    def __init__(self, config: Config, defaults: bool, quiet: bool) -> None:
        self.config, self.defaults, self.quiet = config, defaults, quiet
        self.service: dict[str, str] = {}
        self.user: set[str] = set()
        self.scopes: list[Scope] = []
        self.classes: set[str] = set()
        self._visited: set[str] = set()
        self.main_path, self.master_path = f"{config.directory}/main.cf", f"{config.directory}/master.cf"

    def is_known(self, name: str) -> bool:
        """Whether the name is in the global name space."""
        return is_builtin(name) or name in self.service or name in self.user

    def lookup(self, name: str, scope: Scope | None = None) -> str | None:
        """The unexpanded value of a name as `scope` sees it, None if it has none."""
        if scope is not None:
            value = scope.values.get(name, scope.own.get(name))
            if value is not None:
                return value
        if not self.defaults and name in self.config.raw and name not in READ_ONLY:
            return self.config.raw[name]
        return self.default(name)

    def default(self, name: str) -> str | None:
        """The default of a built-in or service-made name."""
        if is_builtin(name):
            return self.config.unexpanded(name) if name in READ_ONLY else self.config.default(name)
        return self.service.get(name)

    def expand(self, text: str, scope: Scope | None = None) -> str:
        """`text` with $names replaced; a syntax error ends the command."""
        result, status = expand(text, lambda name, test: self.lookup(name, scope), warn)
        if status & ERROR:
            fatal("macro processing error")
        return result

    def register_services(self, entries: list) -> None:
        """Add what the services of master.cf bring: their parameter families and -o name spaces."""
        for entry in entries:
            for suffix, default in PROGRAMS.get(entry.words[7], {}).items():
                name = f"{entry.words[0]}_{suffix}"
                if not is_builtin(name):
                    self.service.setdefault(name, "$" + default)
            if entry.scope is not None:
                self.scopes.append(entry.scope)

    def register_users(self) -> None:
        """Find the user-defined names that are used; warn about $names that nothing defines.

        Defaults need no look: each name in them is built in or legacy, which makes it known.
        """
        for scope in self.scopes:
            self._scan(scope.values, scope)
        self._scan(self.config.raw, None)

    def _scan(self, values: dict[str, str], scope: Scope | None) -> None:
        classes = values.get("smtpd_restriction_classes")
        if classes is not None:
            for name in split_words(self.expand(classes, scope), braces="\0\0"):
                if scope is None:
                    self.classes.add(name)
                self._flag(name, scope)
        for name in list(values):
            self._scan_one(name, values, scope)

    def _scan_one(self, name: str, values: dict[str, str], scope: Scope | None) -> None:
        value = values[name]
        if scope is not None and name in self.classes:
            scope.known.add(name)
        if name in READ_ONLY:
            path = self.main_path if scope is None else self.master_path
            warn(f"{path}: read-only parameter assignment: {name}={value}")
            del values[name]
            return
        row = parameters().get(name)
        if row is not None and row.type == "raw":
            return
        if row is not None and row.type == "legacy":
            self.user.add(name)
        names_in(value, lambda found, test: self._flag(found, scope), warn)
        if row is not None and any(char in value for char in ":$#{"):
            self._databases(self.expand(value, scope), scope, True)

    def _flag(self, name: str, scope: Scope | None, database: bool = False) -> None:
        supplied = False
        if scope is not None and name in scope.values:
            supplied = True
            scope.known.add(name)
        elif name in self.config.raw:
            supplied = True
            if not self.is_known(name):
                self.user.add(name)
        if scope is None:
            for other in self.scopes:
                if name in other.values:
                    supplied = True
                    other.known.add(name)
        if not supplied and not database and not self.is_known(name):
            warn(f"{self.main_path if scope is None else self.master_path}: undefined parameter: {name}")

    def _databases(self, text: str, scope: Scope | None, recurse: bool) -> None:
        """Look for type:name tables; flag prefix_suffix names, check clients' own files."""
        blame = self.main_path if scope is None else self.master_path
        for word, end in iter_words(text):
            if word.startswith("#"):
                warn(f"{blame}: #comment after other text is not allowed: {word} {text[end + 1:end + 21]}...")
                return
            if word.startswith("{"):
                if recurse:
                    self._databases(self._unbrace(word, scope), scope, recurse)
                continue
            self._table(word, scope, recurse)

    def _unbrace(self, word: str, scope: Scope | None) -> str:
        content, error = unbrace(word, strip=False)
        if error:
            warn(f"{self.main_path}: {error}" if scope is None else f"{self.master_path}:{scope.name}: {error}")
        return content

    def _table(self, word: str, scope: Scope | None, recurse: bool) -> None:
        kind, colon, name = word.partition(":")
        while colon and kind in ("proxy", "debug"):
            kind, colon, name = name.partition(":")
        if not colon or not name or name[0] == ".":
            return
        if name[0] == "/":
            if kind in CLIENT_SUFFIXES:
                self._client_file(kind, name)
        elif name[0] == "{":
            self._databases(self._unbrace(name, scope), scope, recurse and kind not in PATTERN_TYPES)
        elif kind in CLIENT_SUFFIXES:
            for suffix in CLIENT_SUFFIXES[kind]:
                self._flag(f"{name}_{suffix}", scope, database=True)

    def _client_file(self, kind: str, path: str) -> None:
        spec = f"{kind}:{path}"
        if spec in self._visited:
            return
        self._visited.add(spec)
        if os.path.exists(path) and not os.path.isfile(path):
            warn(f'open "{kind}" configuration "{path}": not a regular file')
            return
        try:
            text = read_text(path)
        except ConfigError as error:
            if isinstance(error.__cause__, OSError) and not isinstance(error.__cause__, PermissionError):
                warn(f'open "{kind}" configuration "{path}": {error.__cause__.strerror}')
            return
        for name, value in _client_settings(text, path).items():
            if name not in CLIENT_SUFFIXES[kind] and not self.quiet:
                warn(f"{spec}: unused parameter: {name}={value}")

    def report_main(self) -> bool:
        """Warn about unused and deprecated names in main.cf; true if one is deprecated."""
        return self._report(self.config.raw, self.main_path, None)

    def report_master(self) -> bool:
        """The same for every -o of master.cf."""
        found = [self._report(scope.values, self.master_path, scope) for scope in self.scopes]
        return any(found)

    def _report(self, values: dict[str, str], path: str, scope: Scope | None) -> bool:
        deprecated = False
        for name in sorted(values):
            instead = ALTERNATIVES.get(name)
            if not self.is_known(name) and (scope is None or name not in scope.known):
                if instead is None:
                    warn(f"{path}: unused parameter: {name}={values[name]}")
                else:
                    warn(f"{path}: support for parameter {name} has been removed; instead, {instead}")
            elif instead is not None:
                warn(f'{path}: support for parameter "{name}" will be removed; instead, {instead}')
            deprecated = deprecated or instead is not None
        return deprecated


def _client_settings(text: str, path: str) -> dict[str, str]:
    settings: dict[str, str] = {}
    for line in logical_lines(text):
        try:
            name, value = split_nameval(line.text)
        except ConfigError as error:
            fatal(f"{path}, line {line.last}: {error.text}")
        settings[name] = value
    return settings


def hint() -> None:
    """Say where deprecated names are explained."""
    warn(README_HINT)
