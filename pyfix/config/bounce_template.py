"""The text at the head of delivery status notifications: built-in and from a file. Law: bounce(5).

A template is a header (Charset, From, Subject, Postmaster-Subject), an empty
line and a body; `$name` in the body is replaced by a parameter's value.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pyfix.config.expand import expand
from pyfix.config.lines import read_text
from pyfix.errors import ConfigError

NAMES = ("failure_template", "delay_template", "success_template", "verify_template")
_UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400, "weeks": 604800}
_TIMES = ("delay_warning_time", "maximal_queue_lifetime", "bounce_queue_lifetime")
_STANDARD, _OBSOLETE = "Mail Delivery System <MAILER-DAEMON>", "MAILER-DAEMON (Mail Delivery System)"


@dataclass(frozen=True)
class Template:
    """`header` lines in order as (name, value); `body` lines, unexpanded."""

    name: str
    header: tuple[tuple[str, str], ...]
    body: tuple[str, ...]

    def get(self, name: str) -> str:
        """A header's value, "" where it is missing."""
        return next((value for found, value in self.header if found.lower() == name.lower()), "")

    def expanded(self, config: object, warn: Callable[[str], None]) -> str:
        """The body with $names replaced; `config` is the Config."""
        result, _ = expand("".join(line + "\n" for line in self.body), lambda name, test: value_of(config, name),
                           warn, recurse=False)
        return result


def value_of(config: object, name: str) -> str | None:
    """The value of $name in a template: a parameter, or a time as a whole number of `time_unit`s."""
    time, _, unit = name.rpartition("_")
    if time in _TIMES and unit in _UNITS:
        seconds = getattr(config, time)
        return str((seconds + _UNITS[unit] - 1) // _UNITS[unit] if seconds % _UNITS[unit] else seconds // _UNITS[unit])
    return config.get(name)


def parse(text: str, path: str, warn: Callable[[str], None]) -> dict[str, Template]:
    """The templates of a file's text; of several with one name the last counts."""
    found: dict[str, Template] = {}
    lines = iter(enumerate(text.split("\n"), 1))
    for number, line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, rest = line.partition("=")
        marker = rest.strip()
        if not equals or not marker.startswith("<<") or not marker[2:].strip():
            raise ConfigError("missing '= <<' after template name", path, number, "write name = <<EOF")
        body = _body(lines, marker[2:].strip(), path, number)
        if name.strip() in NAMES:
            found[name.strip()] = _template(name.strip(), body)
        else:
            warn(f"{path}, line {number}: unknown template name: {name.strip()}")
    return found


def _body(lines, marker: str, path: str, number: int) -> list[str]:
    body = []
    for _, line in lines:
        if line.rstrip() == marker:
            return body
        body.append(line)
    raise ConfigError(f"missing {marker} end marker", path, number, f"end the template with {marker}")


def _template(name: str, lines: list[str]) -> Template:
    header = []
    for at, line in enumerate(lines):
        key, colon, value = line.partition(":")
        if not line.strip() or not colon:
            return Template(name, tuple(header), tuple(lines[at + 1 if not line.strip() else at:]))
        header.append((key, value.strip()))
    return Template(name, tuple(header), ())


def load(path: str, from_format: str, warn: Callable[[str], None]) -> dict[str, Template]:
    """All four templates: the built-in ones, replaced by those of the file `path` ("" for none)."""
    builtin = read_text(__file__.rpartition("/")[0] + "/data/bounce_templates.cf")
    if from_format == "obsolete":
        builtin = builtin.replace(_STANDARD, _OBSOLETE)
    found = parse(builtin, "built-in templates", warn)
    if path:
        found.update(parse(read_text(path), path, warn))
    return {name: found[name] for name in NAMES}
