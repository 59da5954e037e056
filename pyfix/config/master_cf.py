"""master.cf: the services that master runs. Law: master(5); error texts are Postfix's.

An entry is eight columns and the command's arguments. `{ ... }` around an
argument keeps its blanks and goes away; `-o name=value` and
`-o { name = value }` override main.cf for that service.
"""

from typing import NamedTuple

from pyfix.config.lines import SPACE, WORD_BLANKS, Line, indented, logical_lines, read_text, split_nameval, split_words, unbrace
from pyfix.errors import ConfigError

TYPES = ("unix", "fifo", "inet", "pass", "unix-dgram")
FIELDS = ("service", "type", "private", "unprivileged", "chroot", "wakeup", "process_limit", "command")
MINIMUM_FIELDS = 8


class Service(NamedTuple):
    """One line of master.cf.

    `wakeup` in seconds (0 never; `wakeup_if_used`: not before the first use), `maxproc` None for
    default_process_limit, 0 without limit; `args` as the command gets them, `overrides` the -o pairs in
    order; `line` where it begins, `fields` its words as written.
    """

    service: str
    type: str
    private: bool
    unprivileged: bool
    chroot: bool
    wakeup: int
    wakeup_if_used: bool
    maxproc: int | None
    command: str
    args: tuple[str, ...]
    overrides: tuple[tuple[str, str], ...]
    line: int = 0
    fields: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """service/type, as postconf names it."""
        return f"{self.service}/{self.type}"


def _yes_no(text: str, what: str, line: str, default: bool) -> bool:
    if text == "-":
        return default
    if text in ("y", "n"):
        return text == "y"
    raise ConfigError(f'invalid {what} field "{text}" in "{line}"', remedy="write y, n or -")


def _is_digits(text: str) -> bool:
    return not text or text.isascii() and text.isdigit()


def check_fields(words: list[str], text: str) -> None:
    """Raise ConfigError unless the columns of a raw entry are well formed."""
    if len(words) < MINIMUM_FIELDS:
        raise ConfigError("bad field count", remedy="an entry has eight columns")
    if words[1] not in TYPES:
        raise ConfigError(f'invalid type field "{words[1]}" in "{text}"', remedy=f"use one of {', '.join(TYPES)}")
    for what, word in zip(("private", "unprivileged", "chroot"), words[2:5], strict=True):
        _yes_no(word, what, text, False)
    wakeup = words[5].removesuffix("?")
    if wakeup != "-" and not _is_digits(wakeup):
        raise ConfigError(f'invalid wakeup field "{words[5]}" in "{text}"', remedy="write seconds, seconds? or -")
    if words[6] != "-" and not _is_digits(words[6]):
        raise ConfigError(f'invalid process_limit field "{words[6]}" in "{text}"', remedy="write a number or -")


def overrides_of(args: list[str]) -> list[tuple[str, str]]:
    """The name=value pairs of all -o options among a command's arguments (getopt rules)."""
    found, at = [], 0
    while at < len(args):
        arg = args[at]
        at += 1
        if len(arg) < 2 or arg[0] != "-" or arg == "--":
            break
        letter = arg.find("o", 1)
        if letter < 0:
            continue
        value = arg[letter + 1:]
        if not value:
            if at >= len(args):
                break
            value = args[at]
            at += 1
        found.append(split_nameval(value))
    return found


def parse_entry(line: Line, chroot_default: bool = False) -> Service:
    """A Service from one logical line."""
    words = split_words(line.text, WORD_BLANKS)
    check_fields(words, line.text)
    if words[1] == "inet" and words[2] not in ("n", "-"):
        raise ConfigError(f'inet service cannot be private: "{line.text}"', remedy="write n in the third column")
    args = []
    for word in words[8:]:
        content, error = unbrace(word) if word.startswith("{") else (word, "")
        if error:
            raise ConfigError(error, remedy="balance the braces")
        args.append(content)
    wakeup = words[5].removesuffix("?")
    return Service(
        words[0], words[1],
        private=_yes_no(words[2], "private", line.text, words[1] != "inet"),
        unprivileged=_yes_no(words[3], "unprivileged", line.text, True),
        chroot=_yes_no(words[4], "chroot", line.text, chroot_default),
        wakeup=0 if wakeup == "-" else int(wakeup or 0), wakeup_if_used=words[5].endswith("?"),
        maxproc=None if words[6] == "-" else int(words[6] or 0),
        command=words[7], args=tuple(args), overrides=tuple(overrides_of(args)),
        line=line.first, fields=tuple(words))


def load_master(path: str, chroot_default: bool = False) -> list[Service]:
    """All services of the file, in order; ConfigError names file and line."""
    services = []
    for line in logical_lines(read_text(path)):
        if line.text[0] in SPACE:
            raise ConfigError(indented(line.text), path, line.first, "begin the first line of an entry in the first column")
        try:
            services.append(parse_entry(line, chroot_default))
        except ConfigError as error:
            raise ConfigError(error.text, path, line.first, error.remedy) from None
    return services
