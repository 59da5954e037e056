"""Over 500 bad command lines, addresses and parameters to Debian's Postfix and to pyfix: the same reply, but for what DIFFERS says."""

import pytest

from tests.dialogs import test_command_lines as lines
from tests.interop.test_smtpd_dialogues import SETTINGS, postfix
from tests.kit.postfix import plain
from tests.kit.smtpd import Smtpd, Wire

__all__ = ["postfix"]
pytestmark = [pytest.mark.interop, pytest.mark.timeout(600)]
MAIL = b"MAIL FROM:<a@b.example>\r\n"
EASY = "smtpd_hard_error_limit = 10000\nsmtpd_soft_error_limit = 10000\nsmtpd_junk_command_limit = 10000\n"
CASES = [*((b"", line) for _, _, line in lines.CASES), *((b"", b"MAIL FROM:" + path) for path in lines.PATHS),
         *((MAIL, b"RCPT TO:" + path) for path in lines.PATHS), *((b"", MAIL.rstrip() + b" " + word) for word in lines.PARAMETERS),
         *((MAIL, b"RCPT TO:<a@example.org> " + word) for word in lines.PARAMETERS)]


# where pyfix answers otherwise, and why
DIFFERS = {
    b"ORCPT=rfc822;a+0": "what decodes to a control character is refused",
    b"ENVID=a+00": "what decodes to a control character is refused",
    b"P0=x P1=x": "a line has a bounded number of words here",
}


def differs(line: bytes) -> bool:
    """Whether another reply is known: those above, and control characters, which are bad syntax here."""
    return any(c < 32 or c == 127 for c in line) or any(part in line for part in DIFFERS)


def replies(port: int) -> list[bytes]:
    """The reply to each of them, on a connection of its own."""
    found = []
    for first, line in CASES:
        with Wire(port, 20) as wire:
            wire.reply()
            wire.ask(b"EHLO a.example\r\n")
            if first:
                wire.ask(first)
            found.append(plain(wire.ask(line + b"\r\n")))
    return found


def test_the_same_replies(postfix, tmp_path):
    theirs = replies(postfix.port)
    with Smtpd(tmp_path, SETTINGS) as server:
        ours = replies(server.port)
    assert len(set(CASES)) >= 500
    differences = [(line[:90], their[:160], our[:160]) for (_, line), their, our in zip(CASES, theirs, ours, strict=True)
                   if their != our and not (differs(line) and our[:1] in (b"5", b"2"))]
    assert not differences, f"{len(differences)}:\n" + "\n".join(map(repr, differences))
