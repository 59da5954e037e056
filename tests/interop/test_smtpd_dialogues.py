"""The same bytes to Debian's Postfix and to pyfix: replies and log lines must be the same, but for what DIFFERS says."""

import pytest

from tests.core.test_server import SESSIONS
from tests.kit.postfix import Postfix, play, told
from tests.kit.smtpd import Smtpd

pytestmark = pytest.mark.interop
SETTINGS = """smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_forbid_bare_newline = normalize
smtpd_forbid_bare_newline_exclusions =
smtpd_forbid_unauth_pipelining = yes
smtpd_forbidden_commands = CONNECT GET POST
smtpd_timeout = 5s
message_size_limit = 20000
smtpd_recipient_limit = 3
"""
# what Postfix 3.7 answers where 3.11 and pyfix, or pyfix by design, answer otherwise: line -> why
DIFFERS = {
    b"MAIL FROM:<a@b> RET=full ENVID=abc+00\r\n": "a NUL in ENVID is refused (3.12-20260602)",
    b"NO\0OP\r\n": "a NUL in a command is bad syntax here; Postfix 3.7 stops reading the line at it",
}
E, M, R = b"EHLO a\r\n", b"MAIL FROM:<a@b.example>\r\n", b"RCPT TO:<x@example.org>\r\n"
MORE = [
    [b"FOO\r\n"] * 21, [b"NOOP\r\n"] * 105, [E, M, R, R, R, R, R, b"DATA\r\n", b"x\r\n.\r\n", b"QUIT\r\n"],
    [E, M, R, b"DATA\r\n", b"x" * 19000 + b"\r\n" + b"y" * 3000 + b"\r\n.\r\n", R, M, b"QUIT\r\n"],
    [E, b"MAIL FROM:<a@b.example> SIZE=20001\r\n", b"MAIL FROM:<a@b.example> SIZE=20000\r\n", b"RSET\r\n", b"QUIT\r\n"],
    [E, M, R, b"DATA\r\n", b"x\n.\n.\r\n\r\n.\r\n", b"QUIT\r\n"], [E + M], [b"HELO a\r\n", M + R], [E, b"NOOP\r\nNOOP\r\n"],
    [E, M, R, b"DATA\r\nx"], [E, M, R, b"BDAT 30000 LAST\r\n" + b"x" * 30000, M, b"QUIT\r\n"],
    [b"HELO foo bar\r\n", M, R, b"DATA\r\n", b".\r\n", b"QUIT\r\n"], [E, b"VRFY x@example.org\r\n", b"VRFY\r\n", b"VRFY <>\r\n"],
    [E, b"ETRN foo.example\r\n", b"ETRN #foo\r\n", b"ETRN foo bar\r\n", b"ETRN a_b..c\r\n", b"QUIT\r\n"],
    [E, b"MAIL FROM:<a b@c>\r\n", b"MAIL FROM:<a>,<b>\r\n", b"MAIL FROM:<@a,@b:c@d>\r\n", b"RSET\r\n", b"MAIL FROM:<@>\r\n",
     b"MAIL FROM:<a@>\r\n", b"MAIL FROM:<a@-b>\r\n", b"MAIL FROM:<a..b@c>\r\n", b"RSET\r\n", b'MAIL FROM:<"a b"@c>\r\n', b"QUIT\r\n"],
    [E, M, b"RCPT TO:<\"x\"@example.org>\r\n", b"RCPT TO:<x%y@example.org>\r\n", b"RCPT TO:x@example.org\r\n", b"QUIT\r\n"],
    [E, *[b"FOO\r\n"] * 15, M, R, b"DATA\r\n", b"x\r\n.\r\n", *[b"FOO\r\n"] * 15, *[b"NOOP\r\n"] * 6, b"QUIT\r\n"],
    [b"NOOP " + b"x" * 3000 + b"\r\n", b"VRFY " + b"x" * 2100 + b"\r\n", b"QUIT\r\n"],
]


@pytest.fixture(scope="module")
def postfix(tmp_path_factory):
    with Postfix(tmp_path_factory.mktemp("pf", numbered=True), SETTINGS) as theirs:
        yield theirs


@pytest.mark.parametrize("number", range(len(SESSIONS) + len(MORE)))
def test_same_replies_and_log(postfix, tmp_path, number):
    lines = [line for line, _ in SESSIONS[number]] if number < len(SESSIONS) else MORE[number - len(SESSIONS)]
    lines = [line for line in lines if not DIFFERS.get(line)]
    replies, log = postfix.play(lines)
    with Smtpd(tmp_path, SETTINGS) as server:
        assert play(server.port, lines) == replies
        assert [told(line) for line in server.lines()] == log
