"""All orders of two and three verbs, fresh and inside a transaction, with Debian's Postfix: the reference automaton says what it says."""

import itertools
from typing import Any

import pytest

from tests.kit.postfix import Postfix
from tests.kit.smtpd import Wire
from tests.oracle.server import CONTENT, LINES, VERBS, run

pytestmark = [pytest.mark.interop, pytest.mark.timeout(600)]
SETTINGS = """smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_hard_error_limit = 100000
smtpd_soft_error_limit = 100000
smtpd_junk_command_limit = 100000
relay_domains =
"""


def codes(wire: Wire, verbs: tuple[str, ...]) -> list[int]:
    """The codes of the replies."""
    found = []
    for verb in verbs:
        reply = wire.ask(LINES[verb])
        found.append(int(reply[:3] or b"0"))
        if reply.startswith(b"354"):
            found.append(int(wire.ask(CONTENT)[:3] or b"0"))
        if verb == "QUIT":
            break
    return found


@pytest.fixture(scope="module")
def postfix(tmp_path_factory: Any) -> Any:
    with Postfix(tmp_path_factory.mktemp("orders", numbered=True), SETTINGS) as theirs:
        yield theirs


@pytest.mark.parametrize("before", [(), ("EHLO", "MAIL"), ("EHLO", "MAIL", "RCPT"), ("EHLO", "MAIL", "RCPT", "BDAT")])
def test_the_automaton_is_postfix_s(postfix: Any, before: tuple[str, ...]) -> None:
    wrong, wire = [], None
    for verbs in itertools.product(VERBS, repeat=2 if before else 3):
        if wire is None or not wire.ask(b"RSET\r\n").startswith(b"250"):
            wire = Wire(postfix.port, 20)
            wire.reply()
        got = codes(wire, (*before, *verbs))
        if got != run((*before, *verbs)):
            wrong.append((verbs, got, run((*before, *verbs))))
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(map(repr, wrong[:40]))
