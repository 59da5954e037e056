"""postconf: main.cf parameters on standard output. Law: postconf(1)."""

from pyfix.commands.postconf_names import Names
from pyfix.commands.postconf_report import put, warn
from pyfix.config.table import is_builtin, parameters

LINE_LIMIT = 80
INDENT = "    "
_TO_BLANK = {ord(char): " " for char in "\t\r\n"}
_JSON = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Mode:
    """What the command line asks for: the letters of the options given, in any order, and their values."""

    def __init__(self) -> None:
        self.flags: set[str] = set()
        self.classes: frozenset[str] = frozenset(("builtin", "service", "user"))
        self.effective = False      # -PP

    def __contains__(self, letter: str) -> bool:
        return letter in self.flags


def json_string(text: str) -> str:
    """`text` as a JSON string, non-ASCII text as it is."""
    return '"' + "".join(_JSON.get(char, char) if char >= " " or char in _JSON else f"\\u{ord(char):04X}"
                         for char in text) + '"'


def width(text: str) -> int:
    """Columns as Postfix counts them: bytes."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))


def fold(text: str, long_lines: bool) -> str:
    """Words of `text` with one blank between them; in lines of up to 80 columns unless `long_lines`."""
    words = [word for word in text.translate(_TO_BLANK).split(" ") if word]
    if long_lines or not words:
        return " ".join(words)
    lines, size = words[0], width(words[0])
    for word in words[1:]:
        if size + 1 + width(word) <= LINE_LIMIT:
            lines, size = f"{lines} {word}", size + 1 + width(word)
        else:
            lines, size = f"{lines}\n{INDENT}{word}", len(INDENT) + width(word)
    return lines


def print_setting(mode: Mode, name: str, value: str) -> None:
    """One `name = value` in the form asked for (-f -h -H -j)."""
    if "j" in mode:
        put(f"{{{json_string(name)}: {json_string(value)}}}\n")
    elif "H" in mode:
        put(f"{name}\n")
    elif "h" in mode:
        put(fold(value, "f" not in mode) + "\n")
    else:
        put(fold(f"{name} = {value}", "f" not in mode) + "\n")


class View:
    """Prints parameters of the global name space."""

    def __init__(self, names: Names, mode: Mode) -> None:
        self.names, self.mode = names, mode

    def _print(self, name: str) -> None:
        row = parameters().get(name)
        names = self.names
        if "n" in self.mode:
            value = names.config.raw.get(name)
        else:
            value = names.lookup(name)
        if value is None:
            return
        if "x" in self.mode and not (row is not None and row.type == "raw"):
            value = names.expand(value)
        print_setting(self.mode, name, value)

    def _chosen(self) -> list[str]:
        found: set[str] = set()
        if "builtin" in self.mode.classes:
            found.update(name for name, row in parameters().items() if is_builtin(name) and row.type != "legacy")
        if "service" in self.mode.classes:
            found.update(self.names.service)
        if "user" in self.mode.classes:
            found.update(self.names.user - found)
        return sorted(found)

    def show(self, requests: list[str]) -> None:
        """Print the named parameters, or all of the chosen classes in order."""
        for name in requests or self._chosen():
            if not requests or self.names.is_known(name):
                self._print(name)
            else:
                warn(f"{name}: unknown parameter")
