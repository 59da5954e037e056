"""postconf -e, -X, -#: edit main.cf and master.cf in place. Law: postconf(1).

Comments and the order of lines survive; the new file replaces the old one by a rename.
"""

import os
from collections.abc import Iterator

from pyfix.commands.postconf_master import COMMAND, Entry, format_entry, parse_field, parse_pattern
from pyfix.commands.postconf_report import fatal, warn
from pyfix.commands.postconf_view import Mode
from pyfix.config.lines import SPACE, WORD_BLANKS, read_text, split_nameval
from pyfix.errors import ConfigError

SUFFIX = ".tmp"


def _nameval(text: str, shown: str) -> tuple[str, str]:
    try:
        return split_nameval(text)
    except ConfigError as error:
        what = error.text.partition(': "')[0]
        fatal(f'{what}: "{shown}"')


def _lines(path: str) -> list[str]:
    try:
        text = read_text(path)
    except ConfigError as error:
        reason = error.text.removeprefix(f"open {path}: ")
        fatal(f"open {path} for reading: {reason}")
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line + "\n" for line in lines]


def _is_content(line: str) -> bool:
    body = line.lstrip(SPACE)
    return bool(body) and body[0] != "#"


def _replace(path: str, text: str) -> None:
    """Write PATH.tmp, force it to disk, and put it in PATH's place."""
    temporary = path + SUFFIX
    try:
        with open(temporary, "wb") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(text.encode("utf-8", "surrogateescape"))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        fatal(f"open {temporary}: {error.strerror}")


def _main_requests(mode: Mode, arguments: list[str]) -> dict[str, str]:
    requests: dict[str, str] = {}
    for argument in arguments:
        if "\n" in argument:
            fatal("-e, -X, or -# accepts no multi-line input")
        body = argument.lstrip(SPACE)
        if body.startswith("#"):
            fatal("-e, -X, or -# accepts no comment input")
        if "e" in mode:
            name, value = _nameval(body, body)
        else:
            if not body:
                fatal("-X or -# requires non-blank parameter names")
            if "=" in body:
                fatal("-X or -# requires parameter names without value")
            name, value = body, ""
        if name in requests:
            warn(f"ignoring earlier request: '{name} = {requests[name]}'" if "e" in mode else
                 f"ignoring earlier request: '{name} = (null)'")
        requests[name] = value
    return requests


def edit_main(path: str, mode: Mode, arguments: list[str]) -> None:
    """Set (-e), remove (-X) or comment out (-#) parameters of main.cf."""
    requests = _main_requests(mode, arguments)
    counts = dict.fromkeys(requests, 0)
    out, chosen = [], False
    for line in _lines(path):
        if not _is_content(line):
            out.append(line)
        elif line[0] in SPACE:
            out.extend(_kept(line, chosen, mode))
        else:
            name = line[:next(at for at, char in enumerate(line) if char in WORD_BLANKS or char == "=")]
            chosen = name in requests
            if chosen:
                counts[name] += 1
                if counts[name] == 2:
                    warn(f'{path}: multiple entries for "{name}"')
            if chosen and "e" in mode:
                out.append(f"{name} = {requests[name]}\n")
            else:
                out.extend(_kept(line, chosen, mode))
    if "e" in mode:
        out.extend(f"{name} = {requests[name]}\n" for name in sorted(requests) if not counts[name])
    _replace(path, "".join(out))


def _kept(line: str, chosen: bool, mode: Mode) -> list[str]:
    if not chosen:
        return [line]
    return ["#" + line] if "#" in mode else []


class _Request:
    """One edit of master.cf: a service pattern, and what to put there."""

    def __init__(self, what: str, mode: Mode, raw: str) -> None:
        self.raw, self.matches = raw, 0
        body = raw.lstrip(SPACE)
        if "\n" in raw:
            fatal("-Me, -Fe, -Pe, -X, or -# accept no multi-line input")
        if body.startswith("#"):
            fatal("-Me, -Fe, -Pe, -X, or -# accept no comment input")
        self.value: str | None = None
        if "e" in mode:
            pattern, self.value = _nameval(body, raw)
        else:
            if "=" in body:
                fatal("-X or -# requires names without value")
            pattern = body          # a blank at its end counts, as in Postfix
        self.field = 0
        self.pattern = getattr(self, "_parse_" + what)(pattern)

    def _parse_M(self, text: str) -> list[str]:
        pattern = parse_pattern(text, 2, 2)
        if pattern is None:
            fatal("-Me, -MX or -M# requires service_name/type")
        return pattern

    def _parse_F(self, text: str) -> list[str]:
        pattern = parse_pattern(text, 3, 3)
        if pattern is None:
            fatal("-Fe or -FX requires service_name/type/field_name")
        self.field = parse_field(pattern[2])
        if self.field < 0:
            fatal("-Fe does not accept wild-card field name")
        if self.field < COMMAND and any(char in WORD_BLANKS for char in self.value or ""):
            fatal("-Fe does not accept whitespace in non-command field")
        return pattern

    def _parse_P(self, text: str) -> list[str]:
        pattern = parse_pattern(text, 3, 3)
        if pattern is None:
            fatal("-Pe or -PX requires service_name/type/parameter")
        if pattern[2] == "*":
            fatal("-Pe does not accept wild-card parameter name")
        if any(char in WORD_BLANKS for char in self.value or ""):
            fatal("-Pe does not accept whitespace in parameter value")
        return pattern

    def fits(self, service: str, kind: str) -> bool:
        """Whether this request is about the service."""
        return self.pattern[0] in ("*", service) and self.pattern[1] in ("*", kind)

    def entry(self) -> Entry:
        """The new entry of a -Me request."""
        try:
            return Entry(self.value or "")
        except ConfigError as error:
            fatal(f'{error.text}: "{self.raw}"')


def _blocks(lines: list[str]) -> Iterator[tuple[int, str, list[str]]]:
    """(line number, line, continuation) of logical lines; other lines come alone, with an empty continuation.

    The continuation holds the lines up to the next logical line, comments between them included.
    """
    at = 0
    while at < len(lines):
        line, start = lines[at], at
        at += 1
        if not _is_content(line):
            yield start + 1, line, []
            continue
        while at < len(lines) and (lines[at][0] in SPACE or lines[at][0] == "#"):
            at += 1
        yield start + 1, line, lines[start + 1:at]


def _check_names(path: str, number: int, line: str) -> tuple[str, str]:
    words = line.split()
    where = f"file {path}: line {number}:"
    if len(words) < 2:
        fatal(f"{where} specify service name and type on the same line")
    if "=" in words[0]:
        fatal(f'{where} service name syntax "{words[0]}" is unsupported with -Me, -Fe, -Pe, -X, or -#')
    if "=" in words[1] or "/" in words[1]:
        fatal(f'{where} service type syntax "{words[1]}" is unsupported with -Me, -Fe, -Pe, -X, or -#')
    return words[0], words[1]


def edit_master(path: str, what: str, mode: Mode, arguments: list[str]) -> None:
    """Set, remove or comment out entries (-M), fields (-F) or parameters (-P) of master.cf."""
    requests = [_Request(what, mode, argument) for argument in arguments]
    out: list[str] = []
    for number, line, more in _blocks(_lines(path)):
        if not _is_content(line) or line[0] in SPACE:
            out.append(line)
            out.extend(more)
            continue
        names = _check_names(path, number, line)
        if what == "M":
            out.extend(_edit_entry(mode, requests, names, line, more))
        else:
            out.extend(_edit_part(path, number, what, requests, names, line, more))
    for request in requests:
        if request.matches:
            continue
        if what == "M" and "e" in mode:
            out.append(format_entry(request.entry(), True))
        elif what != "M":
            warn(f'unmatched service_name/type: "{request.raw}"')
    _replace(path, "".join(out))


def _edit_entry(mode: Mode, requests: list[_Request], names: tuple[str, str], line: str,
                more: list[str]) -> list[str]:
    """What stands in the place of an entry under -M: itself, a new entry, nothing, or itself as a comment."""
    hit, new = False, None
    for request in requests:
        entry = request.entry() if "e" in mode else None
        if request.fits(*names) or entry is not None and tuple(entry.words[:2]) == names:
            hit = True
            request.matches += 1
            if entry is not None and request.matches == 1:
                new = entry
    comments = [extra for extra in more if not _is_content(extra)]
    if not hit:
        return [line, *more]
    if new is not None:
        return [format_entry(new, True), *comments]
    if "#" in mode:
        return ["#" + line, *(extra if not _is_content(extra) else "#" + extra for extra in more)]
    return comments


def _edit_part(path: str, number: int, what: str, requests: list[_Request], names: tuple[str, str], line: str,
               more: list[str]) -> list[str]:
    """An entry with fields or parameters changed; comments within it come before it."""
    entry = None
    for request in requests:
        if not request.fits(*names):
            continue
        request.matches += 1
        if entry is None:
            try:
                entry = Entry("".join([line, *(extra for extra in more if _is_content(extra))]))
            except ConfigError as error:
                fatal(f"file {path}: line {number}: {error.text}")
        if what == "F":
            entry.set_field(request.field, request.value or "")
        else:
            entry.set_parameter(request.pattern[2], request.value)
    if entry is None:
        return [line, *more]
    return [*(extra for extra in more if not _is_content(extra)), format_entry(entry, True)]
