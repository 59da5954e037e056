"""notify_classes: which sessions the postmaster hears of, and what the notice says (postconf(5))."""

import re

import pytest

from pyfix.smtpd.notify import blame, wrapped
from tests.kit.smtpd import Smtpd

E, M, R, Q = b"EHLO client.example\r\n", b"MAIL FROM:<joe@a.example>\r\n", b"RCPT TO:<ann@b.example>\r\n", b"QUIT\r\n"
ALL = "notify_classes = protocol, policy, resource, software, bounce, data\n"
GUARD = "mynetworks = 192.0.2.0/24\nsmtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\n"
ME = b"RCPT TO:<me@example.org>\r\n"
CONTENT = [b"DATA\r\n", b"x\r\n.\r\n"]

NOTICE = """From: Mail Delivery System <MAILER-DAEMON@mx.example.org>
To: Postmaster <postmaster@mx.example.org>
Subject: Postfix SMTP server: errors from unknown[127.0.0.1]

Transcript of session follows.

 Out: 220 mx.example.org ESMTP Postfix
 In:  HELO a
 Out: 250 mx.example.org
 In:  FOO
 Out: 500 5.5.2 Error: command not recognized
 In:  MAIL FROM:<joe@a.example>
 Out: 250 2.1.0 Ok
 In:  RCPT TO:<ann@b.example>
 Out: 554 5.7.1 <ann@b.example>: Relay access denied
 In:  QUIT
 Out: 221 2.0.0 Bye


For other details, see the local mail logfile
"""


def session(tmp_path, extra, *lines):
    """The notices of one session."""
    with Smtpd(tmp_path, GUARD + extra) as server:
        server.talk(*lines)
        server.lines()
        return list(server.notices)


def test_the_notice_is_postfix_s(tmp_path):
    (sender, recipient, content), = session(tmp_path, ALL, b"HELO a\r\n", b"FOO\r\n", M, R, Q)
    assert (sender, recipient) == (b"double-bounce@mx.example.org", b"postmaster@mx.example.org")
    assert content.decode().replace("\r\n", "\n") == NOTICE


CASES = [
    ("protocol", [E, b"FOO\r\n", Q]), ("protocol", [E, b"MAIL FROM:<a b@c>\r\n", Q]), ("protocol", [b"\r\n", Q]), ("protocol", [b"NOOP \xff\r\n", Q]),
    ("protocol", [b"AUTH x\r\n", Q]), ("protocol", [b"FOO\r\n"] * 22),
    ("policy", [E, M, R, Q]), ("policy", [E, b"MAIL FROM:<a@b> SIZE=99999999\r\n", Q]), ("policy", [E, b"VRFY foo@b.example\r\n", Q]),
    ("policy", [b"XCLIENT NAME=x\r\n", Q]), ("bounce", [E, M, b"RCPT TO:<nobody@l.example>\r\n", Q]),
    ("software", [E, M, b"RCPT TO:<cfg@example.org>\r\n", Q]),
    ("", [E, M, ME, Q]), ("", [E, M, ME]), ("", [b"GET / HTTP\r\n"]), ("", [E, b"ETRN b.example\r\n", Q]), ("", [E, M, ME, *CONTENT, Q]),
    ("", [E, b"FOO\r\n", M, ME, *CONTENT, Q]),
]


@pytest.mark.parametrize("kind, lines", CASES)
def test_each_trouble_is_of_one_class(tmp_path, kind, lines):
    extra = ("virtual_alias_domains = l.example\nvirtual_alias_maps = inline:{z=z}\n"
             "smtpd_recipient_restrictions = check_recipient_access inline:{cfg@example.org=nonsense}\n")
    for one in ("protocol, data", "policy", "bounce", "software, data"):
        notices = session(tmp_path, extra + f"notify_classes = {one}\n", *lines)
        assert len(notices) == (kind in one.split(", ")), (one, notices)


def test_why_a_session_ended_early(tmp_path):
    (_, _, content), = session(tmp_path, ALL, *[b"FOO\r\n"] * 22)
    assert b"\r\nSession aborted, reason: too many errors\r\n" in content
    (_, _, content), = session(tmp_path, ALL, b"FOO\r\n")
    assert b"\r\nSession aborted, reason: lost connection\r\n" in content


def test_bounces_are_told_to_who_wants_bounces(tmp_path):
    extra = ALL + "bounce_notice_recipient = b@x.example\nvirtual_alias_domains = l.example\nvirtual_alias_maps = inline:{z=z}\n"
    assert session(tmp_path, extra, E, M, b"RCPT TO:<nobody@l.example>\r\n", Q)[0][1] == b"b@x.example"


def test_a_long_transcript_is_told_in_pieces(tmp_path):
    notices = session(tmp_path, ALL + "smtpd_history_flush_threshold = 20\n", E, b"FOO\r\n", *[b"RSET\r\n"] * 12, b"BAR\r\n", Q)
    assert len(notices) == 2 and b"FOO" in notices[0][2] and b"BAR" not in notices[0][2] and b"BAR" in notices[1][2]


def test_by_default_nothing_is_recorded_and_only_our_own_trouble_told(tmp_path):
    extra = "smtpd_recipient_restrictions = check_recipient_access inline:{me@example.org=nonsense}\n"
    with Smtpd(tmp_path, GUARD + extra) as server:
        assert server.server.session_class is None
        server.talk(E, M, ME, ME, R, b"FOO\r\n", Q)
        (_, _, content), = server.notices
        assert b" In:  MAIL FROM:<joe@a.example>\r\n Out: 451 4.3.5" in content


def test_nothing_a_client_sends_can_be_a_header_or_a_control(tmp_path):
    (_, _, content), = session(tmp_path, ALL, b"FOO\x1b[2J \rBcc: x\r\n", b"HELO " + b"long " * 40 + b"\r\n", Q)
    body = content.partition(b"\r\n\r\n")[2]
    assert b"\x1b" not in content and b"\nBcc" not in content and not re.search(rb"[^\r]\n|\r[^\n]", content)
    assert all(len(line) < 81 for line in body.split(b"\r\n"))


def test_wrapping():
    assert wrapped(b"Out: 451 4.3.5 <dict@example.org>: Recipient address rejected: Server configuration error") == [
        " Out: 451 4.3.5 <dict@example.org>: Recipient address rejected: Server", "     configuration error"]
    assert wrapped(b"In:  " + b"x" * 200) == [" In:", "     " + "x" * 200]


def test_blame():
    assert blame(b"452 4.3.1 Insufficient system storage", False) == "resource"
    assert blame(b"250 2.1.0 Ok", False) == "" and blame(b"500 5.5.2 x", False) == "protocol"
