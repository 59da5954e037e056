"""postconf: master.cf entries, fields and parameters (-M, -F, -P). Law: postconf(1), master(5)."""

from pyfix.commands.postconf_names import Names, Scope
from pyfix.commands.postconf_report import fatal, put, warn
from pyfix.commands.postconf_view import INDENT, LINE_LIMIT, Mode, json_string, print_setting, width
from pyfix.config.lines import (SPACE, WORD_BLANKS, indented, logical_lines, read_text, split_nameval, split_words,
                                unbrace)
from pyfix.config.master_cf import FIELDS, MINIMUM_FIELDS, check_fields
from pyfix.config.table import is_builtin, parameters
from pyfix.errors import ConfigError

COLUMNS = (0, 11, 17, 25, 33, 41, 49, 57)
COMMAND = 7


class Entry:
    """An entry as words: eight columns, then arguments with each -o apart from its name=value."""

    def __init__(self, text: str) -> None:
        self.words = split_words(text, WORD_BLANKS)
        try:
            check_fields(self.words, text)
        except ConfigError as error:
            if error.text == "bad field count":
                raise
            fatal(error.text.replace("\n", " "))
        self._normalize()
        self.scope: Scope | None = None

    def matches(self, pattern: list[str]) -> bool:
        """Whether service and type fit a pattern's first two components."""
        return match(pattern, self.words[0], self.words[1])

    def bind(self, spaces: dict[str, dict[str, str]]) -> None:
        """Gather the -o parameters into the entry's name space; entries of the same name and type share one."""
        values = spaces.setdefault(f"{self.words[0]}/{self.words[1]}", {})
        for at in self._options():
            if self.words[at] == "-o" and at + 1 < len(self.words):
                try:
                    name, value = split_nameval(self.words[at + 1])
                except ConfigError:
                    continue
                values[name] = value
        if values:
            self.scope = Scope(self.words[0], self.words[1], self.words[COMMAND], values)

    def _options(self) -> list[int]:
        """Positions of the command's options, values skipped."""
        found, at = [], MINIMUM_FIELDS
        while at < len(self.words) and self.words[at].startswith("-") and self.words[at] != "--":
            found.append(at)
            at += 2 if self.words[at][1:2] == "o" else 1
        return found

    def _normalize(self) -> None:
        """-vofoo=bar becomes -v -o foo=bar; { name = value } after -o becomes name=value."""
        words, at = self.words, MINIMUM_FIELDS
        while at < len(words) and words[at].startswith("-") and words[at] != "--":
            option = words[at]
            split = option.find("o", 2)
            if option[1:2] != "o" and split > 0:
                words[at:at + 1] = [option[:split], "-" + option[split:]]
            elif option[1:2] == "o":
                if len(option) > 2:
                    words[at:at + 1] = ["-o", option[2:]]
                at += 1
                if at < len(words) and words[at].startswith("{"):
                    words[at] = _nameval(_extract(words[at]))
            at += 1
        for at in range(at, len(words)):
            if words[at].startswith("{"):
                words[at] = _extract(words[at])

    def set_field(self, index: int, value: str) -> None:
        """Replace one column, or command and arguments."""
        if index == COMMAND:
            self.words[COMMAND:] = split_words(value, WORD_BLANKS)
            self._normalize()
        else:
            self.words[index] = value
        try:
            check_fields(self.words, value)
        except ConfigError as error:
            fatal(error.text)

    def set_parameter(self, name: str, value: str | None) -> None:
        """Replace, add or (None) remove -o name=value."""
        matched = False
        for at in reversed(self._options()):
            if self.words[at] == "-o" and at + 1 < len(self.words) and self.words[at + 1].startswith(name + "="):
                matched = True
                if value is None:
                    del self.words[at:at + 2]
                else:
                    self.words[at + 1] = f"{name}={value}"
        if value is not None and not matched:
            options = self._options()
            end = MINIMUM_FIELDS if not options else options[-1] + (2 if self.words[options[-1]][1:2] == "o" else 1)
            self.words[end:end] = ["-o", f"{name}={value}"]


def match(pattern: list[str], service: str, kind: str) -> bool:
    """Whether a service/type pattern (with * for anything) fits."""
    return pattern[0] in ("*", service) and pattern[1] in ("*", kind)


def parse_pattern(text: str, least: int, most: int) -> list[str] | None:
    """The components of service/type/field, missing ones as "*"; None if too few or too many."""
    parts = [part for part in text.split("/") if part]
    if not least <= len(parts) <= most:
        return None
    return parts + ["*"] * (most - len(parts))


def parse_field(name: str) -> int:
    """The column of a field name; -1 for "*". Ends the command on an unknown name."""
    if name == "*":
        return -1
    if name not in FIELDS:
        fatal(f'invalid service attribute name: "{name}"')
    return FIELDS.index(name)


def _extract(word: str) -> str:
    content, error = unbrace(word)
    if error:
        warn(f"master.cf: {error}")
    return content


def _nameval(text: str) -> str:
    try:
        name, value = split_nameval(text)
    except ConfigError as error:
        warn(f"master.cf: {error.text}")
        return text
    return f"{name}={value}"


def read_master(path: str, must_exist: bool) -> list[Entry]:
    """All entries; a missing file is fatal or only warned about."""
    try:
        text = read_text(path)
    except ConfigError as error:
        if must_exist:
            fatal(error.text)
        warn(error.text)
        return []
    entries: list[Entry] = []
    spaces: dict[str, dict[str, str]] = {}
    for line in logical_lines(text):
        if line.text[0] in SPACE:
            warn(f"{path}: {indented(line.text)}")
            continue
        try:
            entry = Entry(line.text)
        except ConfigError as error:
            fatal(f"file {path}: line {line.first}: {error.text}")
        entry.bind(spaces)
        entries.append(entry)
    return entries


class _Writer:
    """Words with line breaks as postconf puts them."""

    def __init__(self, folding: bool) -> None:
        self.text, self.size, self.folding = "", 0, folding

    def add(self, text: str) -> None:
        """Put `text` on the line."""
        self.text += text
        self.size += width(text)

    def gap(self, size: int) -> None:
        """A blank or a line break before a piece of `size` columns."""
        if self.size > len(INDENT):
            if not self.folding or self.size + 1 + size < LINE_LIMIT:
                self.add(" ")
            else:
                self.text += "\n" + INDENT
                self.size = len(INDENT)

    def force(self) -> None:
        """Break the line before what comes next."""
        self.size = LINE_LIMIT


def _braced(text: str) -> str:
    return f"{{{text}}}" if any(char in WORD_BLANKS for char in text) else text


def _arguments(out: _Writer, entry: Entry, names: Names | None) -> None:
    """The command's arguments, each -o together with its value; expanded where `names` is given."""
    words, at, in_options = entry.words, MINIMUM_FIELDS, True
    while at < len(words):
        word = words[at]
        value = None
        if in_options and (not word.startswith("-") or word == "--"):
            in_options = False
        elif in_options and word[1:2] == "o" and at + 1 < len(words):
            out.force()
            value = words[at + 1] if names is None else names.expand(words[at + 1], entry.scope)
            value = _braced(value)
            at += 1
        piece = word if value is not None or in_options else _braced(word)
        out.gap(width(word) + (width(value) + 3 if value is not None else 0))      # Postfix counts no braces here
        out.add(piece)
        if value is not None:
            out.add(" " + value)
            out.force()
        at += 1


def format_entry(entry: Entry, folding: bool, names: Names | None = None) -> str:
    """The entry as a line (or several with `folding`), columns in their places."""
    out = _Writer(folding)
    for index in range(MINIMUM_FIELDS):
        if out.size:
            out.add(" " * max(1, COLUMNS[index] - out.size))
        out.add(entry.words[index])
    _arguments(out, entry, names)
    return out.text + "\n"


def _command(entry: Entry, mode: Mode, names: Names | None, start: int = 0) -> str:
    out = _Writer("f" in mode and "j" not in mode)
    out.size = start
    if start + len(entry.words[COMMAND]) > LINE_LIMIT:
        out.text, out.size = "\n" + INDENT, len(INDENT)
    out.add(entry.words[COMMAND])
    _arguments(out, entry, names)
    return out.text


def print_entry(entry: Entry, mode: Mode, names: Names) -> None:
    """-M: one entry."""
    expanding = names if "x" in mode else None
    if "j" in mode:
        text = " ".join((*entry.words[:COMMAND], _command(entry, mode, expanding)))
        put(f"{{{json_string(f'{entry.words[0]}/{entry.words[1]}')}: {json_string(text)}}}\n")
    else:
        put(format_entry(entry, "f" in mode, expanding))


def print_field(entry: Entry, mode: Mode, names: Names, index: int) -> None:
    """-F: one column; the last is the command with its arguments."""
    expanding = names if "x" in mode else None
    label = f"{entry.words[0]}/{entry.words[1]}/{FIELDS[index]}"
    plain = "h" in mode or "j" in mode
    start = 0 if plain else len(label) + 3
    value = _command(entry, mode, expanding, start) if index == COMMAND else entry.words[index]
    if "j" in mode:
        put(f"{{{json_string(label)}: {json_string(value)}}}\n")
    elif "H" in mode:
        put(f"{label}\n")
    else:
        put(f"{value}\n" if plain else f"{label} = {value}\n")


def _parameters_of(entry: Entry, pattern: str, mode: Mode, names: Names) -> list[tuple[str, str]]:
    own = entry.scope.values if entry.scope is not None else {}
    if not mode.effective:
        return sorted(own.items()) if pattern == "*" else [(pattern, own[pattern])] if pattern in own else []
    if pattern != "*":
        value = names.lookup(pattern, entry.scope)
        return [] if value is None else [(pattern, value)]
    known = {name for name, row in parameters().items() if is_builtin(name) and row.type != "legacy"}
    known.update(own, names.service, names.user)
    return [(name, names.lookup(name, entry.scope) or "") for name in sorted(known)]


def print_parameters(entry: Entry, mode: Mode, names: Names, pattern: str) -> bool:
    """-P, -PP: the -o parameters (all that apply with -PP); is the request answered?

    As in Postfix "*" is answered by any entry with an -o, even if that sets what can't be set and is not shown.
    """
    found = _parameters_of(entry, pattern, mode, names)
    for name, value in found:
        label = f"{entry.words[0]}/{entry.words[1]}/{name}"
        print_setting(mode, label, names.expand(value, entry.scope) if "x" in mode else value)
    return bool(found) or (pattern == "*" and entry.scope is not None)


_USAGE = {"M": ("-M option requires service_name[/type]", 2),
          "F": ("-F option requires service_name[/type[/field]]", 3),
          "P": ("-P option requires service_name[/type[/parameter]]", 3)}


def show_master(what: str, entries: list[Entry], names: Names, mode: Mode, requests: list[str]) -> None:
    """Print what `requests` select with -M, -F or -P; all if there are none."""
    usage, most = _USAGE[what]
    patterns = []
    for request in requests or ["*"]:
        pattern = parse_pattern(request, 1, most)
        if pattern is None:
            fatal(usage)
        patterns.append([request, pattern, parse_field(pattern[2]) if what == "F" else 0, 0])
    for entry in entries:
        for item in patterns:
            if entry.matches(item[1]):
                item[3] += _print_one(what, entry, names, mode, item)
    for request, _, _, count in patterns:
        if not count and requests:
            warn(f'unmatched request: "{request}"')


def _print_one(what: str, entry: Entry, names: Names, mode: Mode, item: list) -> int:
    if what == "M":
        print_entry(entry, mode, names)
    elif what == "F":
        for index in range(len(FIELDS)) if item[2] < 0 else (item[2],):
            print_field(entry, mode, names, index)
    else:
        return print_parameters(entry, mode, names, item[1][2])
    return 1
