"""What postmap(1) and postalias(1) have in common: options, and to query, list, delete, add and build.

Exit status 0: done, or found; 1: not found, or a fatal error (one line on standard error).
"""

from __future__ import annotations

import getopt
import os
import stat
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from ..errors import ConfigError, TableError
from ..maps import flags as F
from ..maps import registry, report
from ..maps.files import decode_value
from ..maps.table import Table


class Fatal(Exception):
    """A message for the administrator; the command ends with status 1."""


def printable(text: str) -> str:
    """`text` as it may go to a terminal: control characters and raw bytes become "?"."""
    return "".join("?" if c < " " or c == "\x7f" or "\ud800" <= c <= "\udfff" or "\x80" <= c < "\xa0" else c
                   for c in text)


class Tool:
    """One run of postmap or postalias.

    `letters`: the options it knows (getopt form); `read`: reads a source into an editor, `read(tool, table, file, where)`.
    """

    def __init__(self, name: str, letters: str, usage: str, read: Callable[[Any, Any, Any, str], None]) -> None:
        self.name, self.letters, self.usage, self.read = name, letters, usage, read
        self.flags = F.DUP_WARN | F.FOLD_FIX | F.UTF8_REQUEST
        self.action, self.key = "create", ""
        self.directory = ""
        self.json = self.body = self.header = self.mime = False
        self.as_owner = self.save_mode = True
        self.verbose = 0
        self.config: Any = None

    # -- messages

    def say(self, level: str, text: str) -> None:
        """One line on standard error."""
        sys.stdout.flush()
        label = f"{level}: " if level != "info" else ""
        os.write(2, f"{self.name}: {label}{printable(text)}\n".encode("utf-8", "surrogateescape"))

    def write(self, data: bytes) -> None:
        """To standard output."""
        sys.stdout.buffer.write(data)

    # -- options

    def run(self, arguments: list[str]) -> int:
        """The exit status."""
        report.set_sink(self.say)
        try:
            names = self._options(arguments)
            return self._act(names)
        except Fatal as error:
            self.say("fatal", str(error))
        except (TableError, ConfigError) as error:
            self.say("fatal", error.text if isinstance(error, TableError) else self._config_text(error))
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1

    @staticmethod
    def _config_text(error: ConfigError) -> str:
        return f"open {error.file}: {error.text}" if error.file and "open" not in error.text else str(error)

    def _options(self, arguments: list[str]) -> list[str]:
        try:
            given, names = getopt.getopt(arguments, self.letters)
        except getopt.GetoptError as error:
            text = "option requires an argument" if "requires" in error.msg else "invalid option"
            self.say("info", f"{text} -- '{error.opt}'")
            raise Fatal(self._usage()) from None
        for option, value in given:
            self._option(option[1], value)
        if (self.body or self.header or self.mime) and not (self.action == "query" and self.key == "-"):
            raise Fatal("specify -b -h or -m only with \"-q -\"")
        if self.mime and not (self.body or self.header):
            report.warning("ignoring -m option without -b or -h")
        if not names and self.action != "list":
            raise Fatal(self._usage())
        return names

    def _usage(self) -> str:
        return f"usage: {self.name} {self.usage}"

    def _option(self, letter: str, value: str) -> None:
        actions = {"d": "delete", "i": "add", "q": "query", "s": "list"}
        if letter in actions:
            if self.action != "create":
                raise Fatal("specify only one of -d -i -q or -s")
            self.action, self.key = actions[letter], value
        elif letter == "c":
            self.directory = value
            os.environ["MAIL_CONFIG"] = value
        elif letter == "v":
            self.verbose += 1
        elif letter in "jbhm":
            setattr(self, {"j": "json", "b": "body", "h": "header", "m": "mime"}[letter], True)
        elif letter == "o":
            self.as_owner = False
        elif letter == "p":
            self.save_mode = False
        else:
            clear, add = _FLAGS[letter]
            self.flags = self.flags & ~clear | add

    # -- actions

    def _load(self) -> Any:
        from ..config import Config

        return Config.load(self.directory)

    def _act(self, names: list[str]) -> int:
        self.config = self._load()
        specs = [name if ":" in name else f"{self.config['default_database_type']}:{name}" for name in names]
        if self.action == "query":
            return self._queries(specs) if self.key == "-" else self._query(specs)
        if self.action == "delete":
            return self._deletes(specs)
        if self.action == "list":
            return self._list(specs)
        for spec in specs:
            self._create(spec)
        return 0

    def _open(self, spec: str, mode: str) -> Table:
        return registry.open_spec(spec, self.config, self.flags, mode)

    def lookup(self, table: Table, key: bytes) -> bytes | None:
        """The value that is shown; says what is wrong with an empty one."""
        try:
            value = table.get(key)
            if value is not None and self.flags & F.RHS_IS_FILE:
                value = decode_value(table.title, key, value)
        except TableError as error:
            self._broken(table, "query", error)
        if value == b"":
            self.say("warning", f"table {table.title}: key {report.show(key)}: empty string result is not allowed")
            self.say("warning", f"table {table.title} should return NO RESULT in case of NOT FOUND")
        return value

    @staticmethod
    def _broken(table: Table, what: str, error: TableError) -> NoReturn:
        if error.text.endswith("operation is not supported"):
            raise Fatal(error.text) from error
        raise Fatal(f"table {table.title}: {what} error" + (f": {error.text}" if error.text else "")) from error

    def show(self, key: bytes, value: bytes) -> None:
        """One pair on standard output."""
        if self.json:
            import json

            pair = {report.show(key): report.show(value)}
            text = json.dumps(pair, ensure_ascii=False)
            self.write(text.encode("utf-8", "surrogateescape") + b"\n")
        else:
            self.write(key + self.list_separator + value + b"\n")

    list_separator = b"\t"

    def _query(self, specs: list[str]) -> int:
        key = os.fsencode(self.key)
        for spec in specs:
            table = self._open(spec, "r")
            value = self.lookup(table, key)
            if value is not None:
                if self.json:
                    self.show(key, value)
                else:
                    self.write(value + b"\n")
                sys.stdout.flush()
                return 0
            table.close()
        return 1

    def _queries(self, specs: list[str]) -> int:
        """Each line of standard input is a key (or, with -b or -h, a part of a message)."""
        tables: list[Table | None] = [None] * len(specs)
        if len(specs) == 1 and not (self.json or self.body or self.header or self.flags & F.RHS_IS_FILE):
            first = tables[0] = self._open(specs[0], "r")
            mapped = getattr(first, "map", None)
            if mapped is not None:
                from .table_stream import query_stream

                return query_stream(self, first, mapped)
        found = False
        for key in self._keys():
            for at, spec in enumerate(specs):
                table = tables[at] = tables[at] or self._open(spec, "r")
                value = self.lookup(table, key)
                if value is not None:
                    self.show_query(key, value)
                    found = True
                    break
        sys.stdout.flush()
        return 0 if found else 1

    def show_query(self, key: bytes, value: bytes) -> None:
        """One answer of "-q -"."""
        if self.json:
            self.show(key, value)
        else:
            self.write(key + b"\t" + value + b"\n")

    def _keys(self) -> Iterator[bytes]:
        lines = (line[:-1] if line.endswith(b"\n") else line for line in sys.stdin.buffer)
        if not (self.body or self.header):
            return lines
        from .table_mime import split_message

        return (text for is_header, text in split_message(lines, self.mime)
                if (self.header if is_header else self.body))

    def _deletes(self, specs: list[str]) -> int:
        keys = self._keys() if self.key == "-" else iter([os.fsencode(self.key)])
        tables = [self._open(spec, "w") for spec in specs]
        found = False
        for key in keys:
            for table in tables:
                try:
                    found |= table.delete(key)
                except TableError as error:
                    self._broken(table, "delete", error)
        for table in tables:
            table.close()
        return 0 if found else 1

    def _list(self, specs: list[str]) -> int:
        for spec in specs:
            table = self._open(spec, "r")
            try:
                for key, value in table.items():
                    if self.flags & F.RHS_IS_FILE:
                        value = decode_value(table.title, key, value)
                    self.show(key, value)
            except TableError as error:
                self._broken(table, "sequence", error)
        sys.stdout.flush()
        return 0 if specs else 1

    # -- building

    def _create(self, spec: str) -> None:
        kind, name = registry.split(spec)
        adding = self.action == "add"
        if adding:
            file, where, status = sys.stdin.buffer, "stdin", None
        else:
            file, where, status = self._source(name)
        registry.must_build(kind)
        with file, _Identity(status if self.as_owner else None), _Mask(status if self.save_mode else None):
            table = registry.open_spec(spec, self.config, self.flags, "i" if adding else "c")
            try:
                self.read(self, table, file, where)
                table.close()
            except TableError as error:
                self._broken(table, "write", error)
            except OSError as error:
                raise Fatal(f"read {where}: {error.strerror}") from error

    @staticmethod
    def _source(name: str) -> tuple[Any, str, os.stat_result | None]:
        try:
            file = open(name, "rb", buffering=0)
            status = os.fstat(file.fileno())
            return file, name, status if stat.S_ISREG(status.st_mode) else None
        except OSError as error:
            raise Fatal(f"open {name}: {error.strerror}") from error


_DUPLICATES = F.DUP_WARN | F.DUP_IGNORE | F.DUP_REPLACE
#: option -> (flags taken away, flags added)
_FLAGS = {
    "f": (F.FOLD_FIX, 0),
    "F": (0, F.RHS_IS_FILE),
    "N": (F.TRY0NULL, F.TRY1NULL),
    "n": (F.TRY1NULL, F.TRY0NULL),
    "r": (_DUPLICATES, F.DUP_REPLACE),
    "w": (_DUPLICATES, F.DUP_IGNORE),
    "u": (F.UTF8_REQUEST | F.UTF8_FORCE, 0),
    "U": (0, F.UTF8_REQUEST | F.UTF8_FORCE),
}


class _Identity:
    """Root becomes the owner of a source that is not root's while the table is made."""

    def __init__(self, status: os.stat_result | None) -> None:
        self.status = status if status and os.geteuid() == 0 and status.st_uid != 0 else None

    def __enter__(self) -> None:
        if self.status:
            self.groups = os.getgroups()
            os.setgroups([])
            os.setegid(self.status.st_gid)
            os.seteuid(self.status.st_uid)

    def __exit__(self, *_: object) -> None:
        if self.status:
            os.seteuid(0)
            os.setegid(os.getgid())
            os.setgroups(self.groups)


class _Mask:
    """A new table can be read by those who can read its source."""

    def __init__(self, status: os.stat_result | None) -> None:
        self.status = status

    def __enter__(self) -> None:
        if self.status:
            self.saved = os.umask(0o022 | (~self.status.st_mode & 0o077))

    def __exit__(self, *_: object) -> None:
        if self.status:
            os.umask(self.saved)
