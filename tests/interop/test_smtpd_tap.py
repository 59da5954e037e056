"""smtpd_command_filter and reject footers: the same dialogues with Debian's Postfix and with pyfix."""

import re

import pytest

from tests.kit.postfix import Postfix, play, told
from tests.kit.smtpd import Smtpd

pytestmark = pytest.mark.interop
FILTER = r"""/^HELO\s*$/ HELO domain.invalid
/^\s*$/ NOOP
/^BAD/ RCPT
/^(RCPT .*)x@(.*)/ ${1}y@${2}
/^GET/ NOOP
"""
FOOTERS = r"""/^5.*Relay/ \c R $$client_address
/^501/ once\nand twice
/^500/ $$nobody
"""
GUARD = "smtpd_relay_restrictions = reject_unauth_destination\nsmtpd_forbidden_commands = GET\n"
E, M, R, X, Q = b"EHLO a\r\n", b"MAIL FROM:<a@b.example>\r\n", b"RCPT TO:<x@example.org>\r\n", b"RCPT TO:<x@b.example>\r\n", b"QUIT\r\n"
REFUSALS = [E, b"FOO\r\n", M, X, b"RCPT TO:<>\r\n", b"DATA\r\n", b"MAIL\r\n", b"VRFY\r\n", b"ETRN\r\n", b"HELO\r\n", b"BDAT 5\r\nabcde",
            b"AUTH x\r\n", R, b"DATA\r\n", b"x\r\n.\r\n", Q]
CASES = {
    "filter": ("smtpd_command_filter = regexp:{base}/filter\n",
               [b"HELO\r\n", b"\r\n", b"BAD\r\n", b" HELO\r\n", b"GET / HTTP\r\n", M, X, R, b"helo\r\n", b"NOOP\n", b"BAR\r\n", Q]),
    "filter and pipelining": ("smtpd_command_filter = regexp:{base}/filter\n", [E, M + R + b"DATA\r\n", b"x\r\n", b"", b".\r\n", Q]),
    "footer": (r"smtpd_reject_footer = \c. For help ($client_address $server_name) ${{client_port?yes}}", REFUSALS),
    "lines": (r"smtpd_reject_footer = Help 1\nHelp 2 ($client_address) $foo", REFUSALS),
    "maps": ("smtpd_reject_footer = other\nsmtpd_reject_footer_maps = regexp:{base}/footers", REFUSALS),
    "last words": ("smtpd_reject_footer = foot\nsmtpd_hard_error_limit = 2", [E, b"FOO\r\n", b"FOO\r\n", b"FOO\r\n"]),
    "not SMTP": ("smtpd_reject_footer = foot", [b"GET / H\r\n"]),
    "refused at connect": ("smtpd_reject_footer = foot\nsmtpd_delay_reject = no\nsmtpd_client_restrictions = reject", [E, Q]),
}


@pytest.mark.parametrize("name", CASES)
def test_same_replies_and_log(tmp_path_factory, name):
    base = tmp_path_factory.mktemp("pf", numbered=True)
    (base / "filter").write_text(FILTER)
    (base / "footers").write_text(FOOTERS)
    settings, lines = CASES[name]
    settings = GUARD + settings.format(base=base) + "\n"
    with Postfix(base, settings) as theirs:
        replies, log = theirs.play(lines)
    ours = tmp_path_factory.mktemp("ours")
    with Smtpd(ours, settings) as server:
        assert play(server.port, lines) == replies
        assert [re.sub("^warning: macro.*", "", told(line)) for line in server.lines()] == log
