"""What header and body checks can do with a message that comes in: one function for each action.

Law: header_checks(5) "ACTIONS". An action gets the message's Checker, the table's parameter, "header" or "body", the text and
the action's argument; it gives what is left of the text, None for nothing.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from pyfix.filters.checks import misfit
from pyfix.model import Reply

if TYPE_CHECKING:
    from pyfix.cleanup.checks import Checker

DSN = re.compile(rb"([45]\.[0-9]{1,3}\.[0-9]{1,3})(?:[ \t]+|$)")


def do_reject(one: "Checker", name: str, what: str, text: bytes, argument: bytes) -> bytes | None:
    """The message is refused, with the text's status code or 5.7.1."""
    found = DSN.match(argument)
    code, said = (found[1], argument[found.end():]) if found else (b"5.7.1", argument)
    said = said or b"message content rejected"
    one.refuse(Reply(450 if code.startswith(b"4") else 550, code.decode(), said.decode("utf-8", "replace")))
    one.tell("reject", what, text, code + b" " + said)
    return text


def do_warn(one: "Checker", name: str, what: str, text: bytes, argument: bytes) -> bytes | None:
    """Only logged, as a warning."""
    one.tell("warning", what, text, argument)
    return text


def do_info(one: "Checker", name: str, what: str, text: bytes, argument: bytes) -> bytes | None:
    """Only logged."""
    one.tell("info", what, text, argument)
    return text


def do_pass(one: "Checker", name: str, what: str, text: bytes, argument: bytes) -> bytes | None:
    """No more checks for this message."""
    one.tell("pass", what, text, argument)
    one.active = False
    return text


def do_hold(one: "Checker", name: str, what: str, text: bytes, argument: bytes) -> bytes | None:
    """The message goes on hold."""
    if not (one.intake.actions or {}).get("hold"):
        one.tell("hold", what, text, argument)
        one.actions()["hold"] = True
    return text


def do_discard(one: "Checker", name: str, what: str, text: bytes, argument: bytes) -> bytes | None:
    """Accepted and thrown away; no more checks."""
    one.tell("discard", what, text, argument)
    one.actions()["discard"] = True
    one.active = False
    return text


def do_filter(one: "Checker", name: str, what: str, text: bytes, argument: bytes) -> bytes | None:
    """The message goes to a content filter."""
    if not argument:
        one.warn(f"missing FILTER command argument in {name} map")
    elif b":" not in argument:
        one.warn(f"bad FILTER command {argument.decode('utf-8', 'replace')} in {name} -- need transport:destination")
    else:
        one.actions()["filter"] = argument
        one.tell("filter", what, text, argument)
    return text


def is_user(one: "Checker", target: str, name: str, argument: bytes) -> bool:
    """Whether an argument is an address that mail can go to; said if not."""
    if b"@" in argument:
        return True
    one.warn(f"bad {target} \"{argument.decode('utf-8', 'replace')}\" in {name} map -- need user@domain")
    return False


def do_redirect(one: "Checker", name: str, what: str, text: bytes, argument: bytes) -> bytes | None:
    """Another recipient in the place of all."""
    if is_user(one, "REDIRECT target", name, argument):
        one.actions()["redirect"] = argument
        one.tell("redirect", what, text, argument)
    return text


def do_bcc(one: "Checker", name: str, what: str, text: bytes, argument: bytes) -> bytes | None:
    """One recipient more."""
    if is_user(one, "BCC address", name, argument):
        one.actions().setdefault("bcc", []).append(argument)
        one.tell("bcc", what, text, argument)
    return text


def fits(one: "Checker", word: str, name: str, what: str, argument: bytes) -> bool:
    """Whether a text can stand in the content; said if not."""
    trouble = misfit(word, argument, name, what)
    if trouble:
        one.warn(trouble)
    return not trouble


def do_prepend(one: "Checker", name: str, what: str, text: bytes, argument: bytes) -> bytes | None:
    """A header or line before this one."""
    if fits(one, "PREPEND", name, what, argument):
        one.tell("prepend", what, text, argument)
        one.out(one.insert(argument) + b"\r\n")
    return text


def do_replace(one: "Checker", name: str, what: str, text: bytes, argument: bytes) -> bytes | None:
    """Another header or line in the place of this one."""
    if fits(one, "REPLACE", name, what, argument):
        one.tell("replace", what, text, argument)
        return one.insert(argument)
    return text


def do_strip(one: "Checker", name: str, what: str, text: bytes, argument: bytes) -> bytes | None:
    """Left out, and logged."""
    one.tell("strip", what, text, argument)
    return None


def do_ignore(one: "Checker", name: str, what: str, text: bytes, argument: bytes) -> bytes | None:
    """Left out."""
    return None


def do_dunno(one: "Checker", name: str, what: str, text: bytes, argument: bytes) -> bytes | None:
    """Nothing is done."""
    return text


ACTIONS: dict[bytes, Callable[["Checker", str, str, bytes, bytes], bytes | None]] = {
    b"REJECT": do_reject, b"WARN": do_warn, b"INFO": do_info, b"PASS": do_pass, b"HOLD": do_hold, b"DISCARD": do_discard,
    b"FILTER": do_filter, b"REDIRECT": do_redirect, b"BCC": do_bcc, b"PREPEND": do_prepend, b"REPLACE": do_replace,
    b"STRIP": do_strip, b"IGNORE": do_ignore, b"DUNNO": do_dunno, b"OK": do_dunno,
}
