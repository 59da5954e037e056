"""The postconf command: show and edit configuration. Law: postconf(1), of Postfix 3.11.

This file reads the command line; postconf_names knows which names exist,
postconf_view, postconf_master and postconf_edit print and edit.
"""

import sys

from pyfix.commands.postconf_names import Names, hint
from pyfix.commands.postconf_report import fatal, put, warn
from pyfix.commands.postconf_view import Mode, View
from pyfix.config.lines import SEPARATORS, split_nameval, split_words
from pyfix.config.snapshot import Config, config_directory, read_main
from pyfix.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

OPTIONS = "aAbc:C:defFhHjlmMno:pPqtT:vxX#"
ORDER = "aAbCdefFhHlmMnopPtTxX#"
MAJOR = "aAblmMpPFtT"
EDITS = "eX#"
# Options of which at most one may be given.
EXCLUSIVE = (MAJOR, "den#X", "feX#", "xeX#", "ode#X", "hHeX#")
# What goes with each major option.
COMPATIBLE = {"p": "CdefhHnoxX#", "M": "efoxX#C", "F": "efhHoxC", "P": "efhHoxXC", "a": "", "A": "", "b": "C", "l": "",
              "m": "", "t": "C", "T": "C"}
CLASSES = {"builtin": ("builtin",), "service": ("service",), "user": ("user",), "all": ("builtin", "service", "user")}
BOUNCE = "postfix/bounce"
USAGE = """usage: postconf [-a (server SASL types)] [-A (client SASL types)] [-b (bounce templates)] [-c config_dir] \
[-C param_class] [-d (parameter defaults)] [-e (edit configuration)] [-f (fold lines)] [-F (master.cf fields)] \
[-h (no names)] [-H (no values)] [-j (JSON output)] [-l (lock types)] [-m (map types)] [-M (master.cf)] \
[-n (non-default parameters)] [-o name=value (override parameter value)] [-p (main.cf, default)] \
[-P (master.cf parameters)] [-q (no warnings)] [-t (bounce templates)] \
[-T compile-version|run-version|public-key-algorithms] [-v (verbose)] [-x (expand parameter values)] [-X (exclude)] \
[-# (comment-out)] [name...]"""


class Command:
    """One command line: `mode`, directory, overrides and the other arguments."""

    def __init__(self, argv: list[str]) -> None:
        self.mode, self.directory, self.overrides, self.tls = Mode(), "", [], ""
        pairs, self.arguments = scan(argv)
        classes: set[str] = set()
        for letter, value in pairs:
            self._option(letter, value, classes)
        if classes:
            self.mode.classes = frozenset(classes)
        if not self.mode.flags & set("aAbltTm") and "=" in "".join(self.arguments[:1]):
            self.mode.flags.add("e")
        self._check()

    def _option(self, letter: str, value: str, classes: set[str]) -> None:
        if letter == "c":
            self.directory = value
        elif letter == "C":
            self.mode.flags.add("C")
            classes.update(_classes(value))
        elif letter == "o":
            self.mode.flags.add("o")
            self.overrides.append(_override(value))
        elif letter == "v":
            return
        else:
            self.mode.effective = self.mode.effective or letter == "P" and "P" in self.mode
            self.mode.flags.add(letter)
            self.tls = value if letter == "T" else self.tls

    def _check(self) -> None:
        flags = self.mode.flags
        for group in EXCLUSIVE:
            given = [letter for letter in ORDER if letter in flags and letter in group]
            if len(given) > 1:
                fatal("specify one of -b and -t" if given == ["b", "t"] else
                      "specify one of " + " ".join("-" + letter for letter in given))
        major = next((letter for letter in MAJOR if letter in flags), "p")
        wrong = [letter for letter in ORDER if letter in flags and letter != major
                 and letter not in COMPATIBLE[major]]
        if wrong:
            fatal(f"with option -{major}, do not specify " + " ".join("-" + letter for letter in wrong))

    def run(self) -> int:
        """Do it; the exit status."""
        flags = self.mode.flags
        for letter in "aAlm":
            if letter in flags:
                if letter == "m":       # main.cf could name a directory with more types: it is read, as in Postfix
                    self._config(False)
                from pyfix.commands.postconf_lists import show_list

                show_list(letter)
                return 0
        if "T" in flags:
            from pyfix.commands.postconf_lists import show_tls

            show_tls(self.tls)
        elif flags & set("bt"):
            self._templates()
        elif flags & set(EDITS):
            self._edit()
        else:
            self._show()
        return 0

    def _edit(self) -> None:
        from pyfix.commands.postconf_edit import edit_main, edit_master

        if not self.arguments:
            fatal("-e requires name=value argument" if "e" in self.mode else "missing service argument")
        directory = config_directory(self.directory)
        what = next((letter for letter in "MFP" if letter in self.mode), "")
        if what:
            edit_master(f"{directory}/master.cf", what, self.mode, self.arguments)
        else:
            edit_main(f"{directory}/main.cf", self.mode, self.arguments)

    def _config(self, defaults: bool) -> Config:
        directory = config_directory(self.directory)
        raw: dict[str, str] = {} if defaults else {"config_directory": directory}
        lines: dict[str, int] = {}
        if not defaults:
            try:
                main, lines = read_main(f"{directory}/main.cf", warn)
            except ConfigError as error:
                fatal(f"{error.file}, line {error.line}: {error.text}" if error.line else error.text)
            raw.update(main)
            raw.update(self.overrides)
        return Config(directory, raw, lines, process_name="postconf")

    def _show(self) -> None:
        from pyfix.commands.postconf_master import read_master, show_master

        what = next((letter for letter in "MFP" if letter in self.mode), "")
        defaults = "d" in self.mode
        directory = config_directory(self.directory)
        entries = read_master(f"{directory}/master.cf", must_exist=True) if what else None
        names = Names(self._config(defaults), defaults, "q" in self.mode)
        if entries is None:
            entries = read_master(f"{directory}/master.cf", must_exist=False)
        names.register_services(entries)
        if not defaults:
            names.register_users()
        if what:
            show_master(what, entries, names, self.mode, self.arguments)
        else:
            View(names, self.mode).show(self.arguments)
        if not defaults and not names.quiet:
            found = False if what else names.report_main()
            if names.report_master() or found:
                hint()

    def _templates(self) -> None:
        """-b, -t: what Postfix lets its bounce program say, whose name is in the messages too."""
        from pyfix.bounce import template

        if len(self.arguments) > 1:
            fatal("options -b and -t require at most one template file")
        config = self._config(False)
        path = self.arguments[0] if self.arguments else config.bounce_template_file
        try:
            templates = template.load(config, path, lambda text: warn(text, BOUNCE))
            put(template.dump(templates, None if "t" in self.mode else
                              lambda one: template.expand(one, config, lambda text: warn(text, BOUNCE))))
        except ConfigError as error:
            fatal(f"{error.file}, line {error.line}: {error.text}" if error.line else error.text, BOUNCE)


def scan(argv: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """(options with their values, other arguments) as getopt(3) cuts them; a bad option ends the command."""
    found, at = [], 0
    while at < len(argv) and len(argv[at]) > 1 and argv[at][0] == "-":
        word, at = argv[at], at + 1
        if word == "--":
            break
        position = 1
        while position < len(word):
            letter, position = word[position], position + 1
            where = OPTIONS.find(letter)
            if where < 0 or letter == ":":
                _usage(f"invalid option -- '{letter}'")
            if OPTIONS[where + 1:where + 2] != ":":
                found.append((letter, ""))
                continue
            if position == len(word):
                if at == len(argv):
                    _usage(f"option requires an argument -- '{letter}'")
                word, at, position = argv[at], at + 1, 0
            found.append((letter, word[position:]))
            break
    return found, argv[at:]


def _usage(complaint: str) -> "NoReturn":
    sys.stderr.write(f"postconf: {complaint}\n")
    fatal(USAGE)


def _classes(value: str) -> list[str]:
    found: list[str] = []
    for word in split_words(value, SEPARATORS, "\0\0"):
        if word.lower() not in CLASSES:
            fatal(f'unknown -C option value "{word}" in "{value}"')
        found.extend(CLASSES[word.lower()])
    return found


def _override(value: str) -> tuple[str, str]:
    try:
        return split_nameval(value)
    except ConfigError as error:
        what = error.text.partition(': "')[0]
        fatal(f"invalid parameter override: {value}: {what}")


def main() -> int:
    """Entry point of the command."""
    arguments = [text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape") for text in sys.argv[1:]]
    try:
        status = Command(arguments).run()
        sys.stdout.flush()
    except BrokenPipeError:
        return 1
    except ConfigError as error:
        fatal(error.text)
    return status


if __name__ == "__main__":
    sys.exit(main())
