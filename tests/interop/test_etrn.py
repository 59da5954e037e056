"""ETRN: the same dialogues with Debian's Postfix, which has its flush service, and with pyfix and a qmgr that says yes."""

import pytest

from tests.kit.postfix import Postfix, play, told
from tests.kit.smtpd import FakeQmgr, Smtpd

pytestmark = pytest.mark.interop
E, Q = b"EHLO a\r\n", b"QUIT\r\n"
SITES = [b"b.example", b"#b.example", b"@b.example", b"sub.b.example", b"a_b", b"-x", b"[1.2.3.4]", b"[127.0.0.1", b"1.2.3.4",
         b"other.example", b"", b"a b", b"b.example"]
ASK = [b"ETRN " + site + b"\r\n" for site in SITES]
CASES = {
    "served": ("relay_domains = b.example", [E, *ASK, b"MAIL FROM:<>\r\n", ASK[0], Q]),
    "off": ("relay_domains = b.example\nfast_flush_domains =", [E, *ASK, Q]),
    "refused": ("relay_domains = b.example\nsmtpd_etrn_restrictions = reject", [E, *ASK, Q]),
    "client": ("relay_domains = b.example\nsmtpd_client_restrictions = reject", [E, ASK[0], Q]),
    "no HELO": ("relay_domains = b.example\nsmtpd_helo_required = yes", [ASK[0], Q]),
}


@pytest.mark.parametrize("name", CASES)
def test_same_replies_and_log(tmp_path_factory, name):
    settings, lines = CASES[name]
    with Postfix(tmp_path_factory.mktemp("pf", numbered=True), settings + "\n") as theirs:
        replies, log = theirs.play(lines)
    ours = tmp_path_factory.mktemp("ours")
    with FakeQmgr(ours), Smtpd(ours, settings) as server:
        assert play(server.port, lines) == replies
        assert [told(line) for line in server.lines()] == log
