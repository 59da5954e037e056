"""The bad command lines, addresses and parameters of the corpus to Debian's Postfix and to pyfix: the same reply, but for what DIFFERS says."""

from typing import Any

import pytest

from tests.dialogs.test_relay import CONFIG, FORMS, SENDERS, TRICKS, filled
from tests.interop.test_smtpd_dialogues import SETTINGS, postfix
from tests.kit import corpus
from tests.kit.postfix import Postfix, plain
from tests.kit.smtpd import Smtpd, Wire

__all__ = ["postfix"]
pytestmark = [pytest.mark.interop, pytest.mark.timeout(600)]
MAIL = b"MAIL FROM:<a@b.example>\r\n"
CASES = [*((b"", line) for _, _, line in corpus.LINES), *((b"", b"MAIL FROM:" + path) for path in corpus.PATHS),
         *((MAIL, b"RCPT TO:" + path) for path in corpus.PATHS), *((b"", MAIL.rstrip() + b" " + word) for word in corpus.PARAMETERS),
         *((MAIL, b"RCPT TO:<a@example.org> " + word) for word in corpus.PARAMETERS)]


# where pyfix answers otherwise, and why
DIFFERS = {
    b"ORCPT=rfc822;a+0": "what decodes to a control character is refused",
    b"ENVID=a+00": "what decodes to a control character is refused",
    b"ORCPT=rfc822;+FF": "what is no UTF-8 is refused",
    b"ORCPT=utf-8;\\x{}": "there is no such code point",
    b"ORCPT=utf-8;\\x{0}": "what decodes to a control character is refused",
    b"ORCPT=utf-8;\\x{D800}": "there is no such code point",
    "a@\u017fs.example".encode(): "Postfix's case folding makes ASCII of it, and so it needs no SMTPUTF8",
    b".com@>": "an empty domain behind a remote one: Postfix calls it bad syntax, pyfix a remote address",
    b"P0=x P1=x": "a line has a bounded number of words here",
}


def differs(line: bytes) -> bool:
    """Whether another reply is known: those above, and control characters, which are bad syntax here."""
    return any(c < 32 or c == 127 for c in line) or any(part in line for part in DIFFERS)


def connected(port: int) -> Wire:
    """A client that has said EHLO."""
    wire = Wire(port, 20)
    wire.reply()
    wire.ask(b"EHLO a.example\r\n")
    return wire


def replies(port: int) -> list[bytes]:
    """The reply to each of them; each connection serves as many as it lives for."""
    found, wire = [], connected(port)
    for first, line in CASES:
        if not wire.ask(b"RSET\r\n").startswith(b"250"):
            wire.close()
            wire = connected(port)
        if first:
            wire.ask(first)
        found.append(plain(wire.ask(line + b"\r\n")))
    wire.close()
    return found


def test_the_same_replies(postfix: Any, tmp_path: Any) -> None:
    theirs = replies(postfix.port)
    with Smtpd(tmp_path, SETTINGS) as server:
        ours = replies(server.port)
    assert len(set(CASES)) >= 1000
    differences = [(line[:90], their[:160], our[:160]) for (_, line), their, our in zip(CASES, theirs, ours, strict=True)
                   if their != our and not (differs(line) and our[:1] in (b"5", b"2"))]
    assert not differences, f"{len(differences)}:\n" + "\n".join(map(repr, differences))


def relayed(port: int) -> list[tuple[bytes, bytes, bytes]]:
    """(sender, recipient, reply) for each way to write a remote address, from a stranger."""
    found = []
    for sender in SENDERS:
        with connected(port) as wire:
            found.append((sender, b"", wire.ask(b"MAIL FROM:" + sender + b"\r\n")))
            for form in map(filled, [*FORMS, *TRICKS]):
                found.append((sender, form, wire.ask(b"RCPT TO:" + form + b"\r\n")))
    return found


def test_relay_attempts(tmp_path: Any, tmp_path_factory: Any) -> None:
    with Postfix(tmp_path_factory.mktemp("relay", numbered=True), CONFIG) as theirs:
        expected = relayed(theirs.port)
    with Smtpd(tmp_path, CONFIG) as server:
        got = relayed(server.port)
    differences = [(*mine, other[2]) for mine, other in zip(got, expected, strict=True) if mine != other and not differs(mine[1])]
    assert not differences, f"{len(differences)}:\n" + "\n".join(map(repr, differences))
