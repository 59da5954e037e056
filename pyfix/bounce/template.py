"""Bounce templates: bounce(5). The built-in texts, and `bounce_template_file`.

A template has a charset, From and Subject, and a text whose $names are expanded from the
configuration, with `delay_warning_time_hours` and its like computed. The built-in texts are
sentences of our own where Postfix's are not an interface.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from pyfix.config.expand import ERROR, Lookup
from pyfix.config.expand import expand as expand_names
from pyfix.config.lines import read_text, split_nameval
from pyfix.errors import ConfigError

UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400, "weeks": 604800}
_LABEL = re.compile(r"([!-9;-~]+)[ \t]*:")
RESULT_LIMIT = 999          # what a notification should say in one of its units
TIMES = ("delay_warning_time", "maximal_queue_lifetime")
HEADERS = {"charset": "charset", "from": "sender", "subject": "subject", "postmaster-subject": "postmaster_subject"}


@dataclass(frozen=True)
class Template:
    """One kind of notification. `text` is unexpanded; `origin` names the file for messages."""

    name: str
    charset: str
    sender: str
    subject: str
    postmaster_subject: str
    text: str
    origin: str = "[built-in]"


_SENDER = "MAILER-DAEMON (Mail Delivery System)"
_HELP = """For further assistance, please send mail to postmaster.

If you do so, please include this problem report. You can
delete your own text from the attached returned message.
"""
_SIGNED = "                   The mail system\n"
BUILT_IN = {
    "failure": Template("failure", "us-ascii", _SENDER, "Undelivered Mail Returned to Sender",
                        "Postmaster Copy: Undelivered Mail", f"""This is the mail system at host $myhostname.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients. It's attached below.

{_HELP}
{_SIGNED}"""),
    "delay": Template("delay", "us-ascii", _SENDER, "Delayed Mail (still being retried)",
                      "Postmaster Warning: Delayed Mail", f"""This is the mail system at host $myhostname.

####################################################################
# THIS IS A WARNING ONLY.  YOU DO NOT NEED TO RESEND YOUR MESSAGE. #
####################################################################

Your message could not be delivered for more than $delay_warning_time_hours hour(s).
It will be retried until it is $maximal_queue_lifetime_days day(s) old.

{_HELP}
{_SIGNED}"""),
    "success": Template("success", "us-ascii", _SENDER, "Successful Mail Delivery Report", "",
                        f"""This is the mail system at host $myhostname.

Your message was successfully delivered to the destination(s)
listed below. If the message was delivered to mailbox you will
receive no further notifications. Otherwise you may still receive
notifications of mail delivery errors from other systems.

{_SIGNED}"""),
    "verify": Template("verify", "us-ascii", _SENDER, "Mail Delivery Status Report", "",
                       f"""This is the mail system at host $myhostname.

Enclosed is the mail delivery report that you requested.

{_SIGNED}"""),
}


def built_in(config: Any) -> dict[str, Template]:
    """The built-in templates, with From: as header_from_format has it."""
    if config["header_from_format"] != "standard":
        return dict(BUILT_IN)
    return {name: replace(one, sender="Mail Delivery System <MAILER-DAEMON>") for name, one in BUILT_IN.items()}


def load(config: Any, path: str, warn: Callable[[str], None]) -> dict[str, Template]:
    """All four templates, those of the file at `path` ("" for none) in place of the built-in ones.

    A template that can't be used is told to `warn`, and the built-in one stays. ConfigError: the file can't be read as a whole.
    """
    standard = built_in(config)
    templates = dict(standard)
    if not path:
        return templates
    try:
        lines = read_text(path).split("\n")
    except ConfigError as error:
        raise ConfigError(error.text, remedy="see bounce_template_file in main.cf") from None
    for number, name, text in _entries(lines, path, warn):
        kind = name.removesuffix("_template")
        if kind == name or kind not in BUILT_IN:
            warn(f"{path}, line {number}: unknown template name: {name} -- ignoring this template")
            continue
        try:
            templates[kind] = parse(standard[kind], text, path, warn)
        except ConfigError as error:
            warn(f"{path}: {error.text} in {kind} template -- ignoring this template")
    return templates


def _entries(lines: list[str], path: str, warn: Callable[[str], None]) -> Iterator[tuple[int, str, list[str]]]:
    """(line, name, lines of the text) of each "name = <<EOF" or "name = text"."""
    at, size = 0, len(lines) - (lines[-1] == "")
    while at < size:
        line = lines[at]
        at += 1
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            name, value = split_nameval(line)
        except ConfigError as error:
            raise ConfigError(error.text, path, at, 'write "failure_template = <<EOF"') from None
        if not value.startswith("<<"):
            yield at, name, [value] if value else []
            continue
        end, start = value[2:].strip(), at
        if not end:
            raise ConfigError("missing end marker after <<", path, at, 'write "<<EOF"')
        while at < size and lines[at] != end:
            at += 1
        if at == size:
            warn(f'{path}, line {at}: missing "{end}" end marker')
        yield start, name, lines[start:at]
        at += 1


def parse(base: Template, lines: list[str], path: str, warn: Callable[[str], None]) -> Template:
    """A template from the lines between the markers: headers, an empty line, text; ConfigError where it can't be used."""
    values: dict[str, str] = {}
    count = 0
    while count < len(lines) and (label := _LABEL.match(lines[count])):
        values[_header(label[1], base)] = _value(label[1], lines[count][label.end():])
        count += 1
    body = lines[count:]
    while body and not body[0].strip():
        body = body[1:]
    if not body:
        raise ConfigError("missing message text")
    text = "\n".join(body) + "\n"
    if not text.isascii() and values.get("charset", base.charset).lower() == "us-ascii":
        warn(f"{path}: 8-bit message text in {base.name} template")
        warn("please specify a charset value other than us-ascii")
        warn("-- ignoring this template for now")
        return base
    return replace(base, text=text, origin=path, **values)


def _header(label: str, base: Template) -> str:
    known = HEADERS.get(label.lower())
    if known is None:
        raise ConfigError(f'unknown "{label}" header label')
    if not getattr(base, known):        # success and verify have no copy for the postmaster
        raise ConfigError(f'inapplicable "{label}" header label')
    return known


def _value(label: str, value: str) -> str:
    if not value.strip():
        raise ConfigError(f'empty "{label}" header value')
    if not value.isascii() or "\0" in value:
        raise ConfigError(f'non-ASCII "{label}" header value')
    return value.strip()


def expand(template: Template, config: Any, warn: Callable[[str], None]) -> str:
    """The template's text with all names expanded, line by line. ConfigError: a name is undefined, or the syntax is bad.

    `warn` gets sentences about times that come to nothing, or to more than three digits.
    """
    told: set[str] = set()

    def lookup(name: str, test: bool) -> str | None:
        time, _, unit = name.rpartition("_")
        if time not in TIMES or unit not in UNITS:
            return config.get(name)
        value, seconds = config.typed(time), UNITS[unit]
        if name not in told:
            told.add(name)
            _judge(template, name, unit, value, value // seconds, warn)
        return str(value // seconds)

    return "".join(_line(template, line, lookup, warn) for line in template.text.splitlines(keepends=True))


def _line(template: Template, line: str, lookup: Lookup, warn: Callable[[str], None]) -> str:
    body = line.removesuffix("\n")
    result, status = expand_names(body, lookup, warn, recurse=False)
    if status:
        what = "bad $name syntax" if status & ERROR else "undefined $name"
        raise ConfigError(f"{template.origin}: {what} in {template.name} template: {body}", remedy="write $$ for a dollar sign")
    return result + line[len(body):]


def _judge(template: Template, name: str, unit: str, value: int, result: int, warn: Callable[[str], None]) -> None:
    if result > RESULT_LIMIT or (value and not result):
        what, change = ("zero result", "reduce") if not result else (f'excessive result "{result}"', "increase")
        warn(f'{template.origin}: {what} in {template.name} template conversion of parameter "{name}"')
        warn(f'please {change} time unit "{unit}" of "{name}" in {template.name} template')
        warn("for instructions see the bounce(5) manual")


def checked(templates: dict[str, Template], config: Any, warn: Callable[[str], None]) -> dict[str, Template]:
    """`templates` with the built-in one in the place of each that can't be expanded, which is told to `warn`."""
    good, standard = {}, built_in(config)
    for name, one in templates.items():
        try:
            expand(one, config, lambda text: None)
            good[name] = one
        except ConfigError as error:
            warn(f"{error.text} -- ignoring this template")
            good[name] = standard[name]
    return good


def dump(templates: dict[str, Template], expanded: Callable[[Template], str] | None = None) -> str:
    """The templates as `postconf -t` shows them, or their expanded texts as `postconf -b` does."""
    out = []
    for name, one in templates.items():
        if expanded is not None:
            out.append(f"expanded_{name}_text = <<EOF\n{expanded(one)}EOF\n")
            continue
        copy = f"Postmaster-Subject: {one.postmaster_subject}\n" if one.postmaster_subject else ""
        out.append(f"{name}_template = <<EOF\nCharset: {one.charset}\nFrom: {one.sender}\nSubject: {one.subject}\n"
                   f"{copy}\n{one.text}EOF\n")
    return "\n".join(out)
