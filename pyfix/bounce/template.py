"""Bounce templates: bounce(5). The built-in texts, and `bounce_template_file`.

A template has a charset, From and Subject, and a text whose $names are expanded from the
configuration, with `delay_warning_time_hours` and its like computed. The built-in texts are
sentences of our own where Postfix's are not an interface.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pyfix.errors import ConfigError

UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400, "weeks": 604800}
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


def load(config: Any, path: str) -> dict[str, Template]:
    """All four templates, those of the file at `path` ("" for none) in place of the built-in ones. Raises ConfigError."""
    templates = built_in(config)
    if not path:
        return templates
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().split("\n")
    except OSError as error:
        raise ConfigError(f"open {path}: {error.strerror}", remedy="see bounce_template_file in main.cf") from None
    at = 0
    while at < len(lines):
        line = lines[at].strip()
        at += 1
        if not line or line.startswith("#"):
            continue
        name, end = _opening(line, path, at)
        start = at
        while at < len(lines) and lines[at] != end:
            at += 1
        if at == len(lines):
            raise ConfigError(f"end of file while reading template {name}_template", path, start,
                              f"end it with a line {end}")
        templates[name] = parse(templates[name], lines[start:at], path, start)
        at += 1
    return templates


def _opening(line: str, path: str, number: int) -> tuple[str, str]:
    """(template name, end word) of a line "NAME_template = <<EOF"."""
    name, equals, rest = line.partition("=")
    name, rest = name.strip(), rest.strip()
    if not equals or not rest.startswith("<<") or not rest[2:].strip():
        raise ConfigError(f"bad template line: {line}", path, number, 'write "failure_template = <<EOF"')
    if not name.endswith("_template") or name[:-9] not in BUILT_IN:
        raise ConfigError(f"unknown template name: {name}", path, number,
                          "the names are failure_template, delay_template, success_template and verify_template")
    return name[:-9], rest[2:].strip()


def parse(base: Template, lines: list[str], path: str, first: int) -> Template:
    """A template from the lines between the markers: headers, an empty line, text. Raises ConfigError."""
    values: dict[str, str] = {}
    for count, line in enumerate(lines):
        name, colon, value = line.partition(":")
        known = HEADERS.get(name.strip().lower())
        if not colon or known is None:
            break
        if not value.isascii() or "\0" in value:
            raise ConfigError(f"template header {name} has non-ASCII characters", path, first + count + 1,
                              "headers of a template must be ASCII")
        values[known] = value.strip()
    else:
        count = len(lines)
    body = lines[count:]
    if body and not body[0].strip():
        body = body[1:]
    if not body:
        raise ConfigError(f"{base.name}_template has no text", path, first, "put the text after an empty line")
    text = "\n".join(body) + "\n"
    if not text.isascii() and values.get("charset", base.charset).lower() == "us-ascii":
        raise ConfigError(f"{base.name}_template has 8-bit text but Charset is us-ascii", path, first,
                          "set Charset: utf-8")
    return replace(base, text=text, origin=path, **values)


def expand(template: Template, config: Any, warn: Callable[[str], None]) -> str:
    """The template's text with all names expanded. `warn` gets a sentence about what came to zero."""
    text = template.text
    for time_name in TIMES:
        for unit, seconds in UNITS.items():
            name = f"{time_name}_{unit}"
            if name in text:
                text = _put(text, name, _time(template, config, time_name, unit, seconds, warn))
    return config.expand(text)


def _time(template: Template, config: Any, name: str, unit: str, seconds: int, warn: Callable[[str], None]) -> str:
    value = config.typed(name)
    if value < seconds:
        warn(f'{template.origin}: zero result in {template.name} template conversion of parameter "{name}_{unit}"')
        warn(f'please reduce time unit "{unit}" of "{name}_{unit}" in {template.name} template')
        warn("for instructions see the bounce(5) manual")
    return str(value // seconds)


def _put(text: str, name: str, value: str) -> str:
    for form in (f"${{{name}}}", f"$({name})", f"${name}"):
        text = text.replace(form, value)
    return text


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
