"""What is wrong in a configuration before anything runs: values that are not of their type, out of bounds, or no known word.

Law: a value is judged only where something that is to run reads it, since Postfix starts with any value that no program of its
master.cf asks for. The texts are Postfix's; each mistake names file, line and remedy.

Source: postconf(5); master(8) of Postfix finds such mistakes in each process, one at a time.
"""

from collections.abc import Collection, Iterable, Iterator

from pyfix.config.level import malformed, parse_level
from pyfix.config.lines import split_words
from pyfix.config.snapshot import Config
from pyfix.config.table import details, is_builtin, parameters
from pyfix.errors import ConfigError

# areas of the table that are read only where master.cf has a program of that name
PROGRAMS = frozenset(("smtpd", "smtp", "lmtp", "local", "virtual", "postscreen", "tlsproxy", "qmqpd"))
_CLASSES = ("envelope_sender", "envelope_recipient", "header_sender", "header_recipient")
_PREFERENCE = ("any", "ipv4", "ipv6")
# parameter -> the words that its list may have
WORDS: dict[str, tuple[str, ...]] = {
    "canonical_classes": _CLASSES, "masquerade_classes": _CLASSES,
    "sender_canonical_classes": ("envelope_sender", "header_sender"),
    "recipient_canonical_classes": ("envelope_recipient", "header_recipient"),
    "header_from_format": ("standard", "obsolete"),
    "inet_protocols": ("all", "ipv4", "ipv6"),
    "lmtp_address_preference": _PREFERENCE, "smtp_address_preference": _PREFERENCE,
    "lmtp_host_lookup": ("dns", "native"), "smtp_host_lookup": ("dns", "native"),
    "mynetworks_style": ("class", "subnet", "host"),
    "notify_classes": ("bounce", "2bounce", "data", "delay", "policy", "protocol", "resource", "software"),
    "propagate_unmatched_extensions": ("canonical", "virtual", "alias", "forward", "include", "generic"),
    "receive_override_options": ("no_unknown_recipient_checks", "no_address_mappings", "no_header_body_checks", "no_milters"),
    "smtpd_forbid_bare_newline": ("yes", "no", "normalize", "reject", "note"),
}
_CONTEXT = {"mynetworks_style": "mynetworks mask style"}      # what Postfix calls it in its message


def mistakes(config: Config, programs: Collection[str], names: Iterable[str] | None = None) -> list[ConfigError]:
    """What is wrong with the parameters that `config` sets (or with `names`), as far as `programs` read them."""
    rows, found = details(), []
    for name in config.raw if names is None else names:
        if not is_builtin(name) or rows[name].status == "ignored" or (rows[name].area in PROGRAMS - set(programs)):
            continue
        try:
            for error in _judged(config, name):
                found.append(config.blame(error, name))
        except ConfigError as error:
            found.append(error)
    return found


def _judged(config: Config, name: str) -> Iterator[ConfigError]:
    """Mistakes of one value; raises the one that conversion finds."""
    value = config.typed(name)
    if parameters()[name].type == "raw" or not isinstance(value, str):
        return
    if name == "compatibility_level" and parse_level(value) is None:
        yield ConfigError(malformed(value), remedy="write a release, like 3.6")
    allowed = WORDS.get(name)
    for word in split_words(value) if allowed else ():
        if word.lower() not in allowed:
            yield ConfigError(f'unknown {_CONTEXT.get(name, name)} value "{word}" in "{value}"', remedy=f"use {', '.join(allowed)}")


def together(found: list[ConfigError]) -> ConfigError:
    """One error for all: the first, whose remedy names where the others are."""
    first = found[0]
    if len(found) > 1:
        others = "; ".join(f"{error.file}, line {error.line}: {error.text}" for error in found[1:])
        first = ConfigError(first.text, first.file, first.line, f"{first.remedy}. Also wrong: {others}")
    return first
