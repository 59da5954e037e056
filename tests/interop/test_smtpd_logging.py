"""smtpd_client_port_logging, smtpd_log_access_permit_actions, smtpd_delay_open_until_valid_rcpt, debug_peer_list: the same log lines as Debian's Postfix."""

import re

import pytest

from tests.kit.postfix import Postfix, play, told
from tests.kit.smtpd import Smtpd

pytestmark = pytest.mark.interop
E, M, R, Q = b"EHLO a\r\n", b"MAIL FROM:<a@b.example>\r\n", b"RCPT TO:<x@example.org>\r\n", b"QUIT\r\n"
RELAY = b"RCPT TO:<x@b.example>\r\n"
PORTS = """smtpd_client_port_logging = yes
smtpd_relay_restrictions = reject_unauth_destination
smtpd_client_restrictions = check_client_access inline:{192.0.2.9=REJECT}
smtpd_authorized_xforward_hosts = static:all
smtpd_authorized_xclient_hosts = static:all
"""
PERMITS = """smtpd_log_access_permit_actions = static:all
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_client_restrictions = check_client_access inline:{127.0.0.1=OK}, permit
smtpd_helo_restrictions = check_helo_access inline:{a=123,b=DUNNO,c=permit}, permit_inet_interfaces
smtpd_sender_restrictions = check_sender_access inline:{a@b.example=klass,e@f.example=RELAY}, permit_inet_interfaces
smtpd_restriction_classes = klass
klass = permit
smtpd_recipient_restrictions = permit_auth_destination, check_recipient_access static:discard
smtpd_data_restrictions = permit
smtpd_etrn_restrictions = permit_mynetworks
smtpd_end_of_data_restrictions = permit_mynetworks
"""
EARLY = """smtpd_log_access_permit_actions = static:all
smtpd_delay_reject = no
smtpd_client_restrictions = permit_mynetworks
smtpd_helo_restrictions = permit
smtpd_sender_restrictions = permit
smtpd_relay_restrictions = permit_mynetworks, reject
"""
QUEUED = """smtpd_delay_open_until_valid_rcpt = no
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_recipient_restrictions = check_recipient_access inline:{no@example.org=REJECT}
"""
ALL = [E, M, R, b"DATA\r\n", b"x\r\n.\r\n", M, RELAY, b"RSET\r\n", b"EHLO c\r\n", b"VRFY x@example.org\r\n", b"ETRN x.example\r\n",
       b"MAIL FROM:<e@f.example>\r\n", R, b"RSET\r\n", b"HELO b\r\n", b"MAIL FROM:<>\r\n", R, Q]
CASES = {
    "ports": (PORTS, [E, b"FOO\r\n", b"XFORWARD NAME=a.b ADDR=192.0.2.1 PORT=77\r\n", M, RELAY, R, b"RSET\r\n",
                      b"XCLIENT ADDR=192.0.2.9 PORT=5\r\n", E, M, R, b"RSET\r\n", b"XCLIENT PORT=[UNAVAILABLE]\r\n", E, M, R, Q]),
    "permits": (PERMITS, ALL),
    "some permits": (PERMITS.replace("static:all", "permit_mynetworks, !permit, check_client_access, ok"), ALL),
    "early": (EARLY, [E, M, R, Q]),
    "early queue ID": (QUEUED, [E, M, b"RCPT TO:<no@example.org>\r\n", b"DATA\r\n", R, b"RSET\r\n", b"MAIL FROM:<@>\r\n",
                                b"MAIL FROM:<a@b> FOO\r\n", M, b"RCPT TO:<a b>\r\n", b"MAIL FROM:<>\r\n", R, b"DATA\r\n", b"x\r\n.\r\n", M, Q]),
    "early queue ID, asked at once": (QUEUED + "smtpd_delay_reject = no\nsmtpd_sender_restrictions = check_sender_access inline:{no@b=REJECT}\n",
                                      [E, b"MAIL FROM:<no@b>\r\n", R, M, R, b"EHLO b\r\n", M, Q]),
}


def without_port(line):
    return re.sub(r"(127\.0\.0\.1\]):\d{4,}", r"\1:PORT", told(line))


@pytest.mark.parametrize("name", CASES)
def test_same_log(tmp_path_factory, name):
    settings, lines = CASES[name]
    with Postfix(tmp_path_factory.mktemp("pf", numbered=True), settings) as theirs:
        replies, log = theirs.play(lines)
    with Smtpd(tmp_path_factory.mktemp("ours"), settings) as server:
        assert play(server.port, lines) == [(line, re.sub(rb"127.0.0.1\]:\d{4,}", b"127.0.0.1]", reply)) for line, reply in replies]
        assert [without_port(line) for line in server.lines()] == [without_port(line) for line in log]


def test_watched_sessions_have_the_same_lines(tmp_path_factory):
    """debug_peer_list: Postfix's lines about commands and replies, and the order of them among the others."""
    lines = [E, M, b"RCPT TO:<nosuch>\r\n", b"FOO\1bar\r\n", *ALL[2:5], Q]
    settings = "debug_peer_list = 127.0.0.1\n"
    with Postfix(tmp_path_factory.mktemp("pf", numbered=True), settings) as theirs:
        _, log = theirs.play(lines)
    log = [re.sub(r"queued as \w+", "queued as ID", line) for line in log if re.match(r"[<>] |connect from|disconnect|ID: client", line)]
    with Smtpd(tmp_path_factory.mktemp("ours"), settings) as server:
        play(server.port, lines)
        assert [re.sub(r"queued as \w+", "queued as ID", told(line)) for line in server.lines()] == log
    with Smtpd(tmp_path_factory.mktemp("others"), "debug_peer_list = 192.0.2.1\n") as server:
        play(server.port, lines)
        assert not [line for line in server.lines() if line[:2] in ("> ", "< ")]
