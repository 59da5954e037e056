"""$name in replies: default_rbl_reply, rbl_reply_maps, smtpd_reject_footer (postconf(5), smtpd_expansion_filter).

The law: only the names listed here have a value; what came from the client is censored to smtpd_expansion_filter, so that
a template can't be made to say more than one line or to drive a terminal.
"""

import time
from typing import TYPE_CHECKING

from pyfix.access.subject import Subject
from pyfix.config.expand import ERROR, Expander

if TYPE_CHECKING:
    from pyfix.access.engine import Engine

ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def unescape(text: str) -> str:
    """The C escapes of smtpd_expansion_filter: \\t, \\040."""
    out, at = [], 0
    while at < len(text):
        if text[at] != "\\" or at + 1 == len(text):
            out.append(text[at])
            at += 1
            continue
        end = at + 1
        while end < len(text) and end < at + 4 and text[end] in "01234567":
            end += 1
        digits = text[at + 1:end]
        out.append(chr(int(digits, 8) & 255) if digits else ESCAPES.get(text[at + 1], text[at + 1]))
        at = end if digits else at + 2
    return "".join(out)


def attributes(engine: "Engine", subject: Subject) -> dict[str, str]:
    """The names that a template may use."""
    shown = {name: value.decode("utf-8", "replace") for name, value in (
        ("client", subject.client), ("client_address", subject.address), ("client_name", subject.name),
        ("client_port", subject.port), ("reverse_client_name", subject.reverse_name), ("helo_name", subject.helo or b""),
        ("protocol", subject.protocol), ("sasl_username", subject.sasl_username))}
    for name, address in (("sender", subject.sender), ("recipient", subject.recipient)):
        text = (address or b"").decode("utf-8", "replace")
        local, at, domain = text.rpartition("@")
        null = "<>" if address == b"" else ""
        shown[name] = text or null
        shown[name + "_name"] = (local if at else text) or null
        shown[name + "_domain"] = domain if at else null
    shown["server_name"] = engine.config["myhostname"]
    shown["localtime"] = time.strftime("%b %d %H:%M:%S")
    return shown


def expanded(engine: "Engine", subject: Subject, template: str, extra: dict[str, str]) -> bytes | None:
    """The template with its names replaced; None where it is malformed."""
    values = attributes(engine, subject) | extra

    def lookup(name: str, test: bool) -> str | None:
        value = values.get(name)
        if value is None:
            subject.warning(f'unknown macro name "{name}" in expansion request'.encode())
        return value

    expander = Expander(lookup, lambda text: subject.warning(text.encode()), recurse=False, clean=engine.censor)
    expander.run(template)
    return None if expander.status & ERROR else "".join(expander.result).encode("utf-8", "replace")
