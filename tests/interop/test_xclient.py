"""XCLIENT, XFORWARD and XVERP: the same dialogues with Debian's Postfix and with pyfix, replies and log lines."""

import pytest

from tests.kit.postfix import Postfix, play, told
from tests.kit.smtpd import Smtpd

pytestmark = pytest.mark.interop
BOTH = """smtpd_authorized_xclient_hosts = static:all
smtpd_authorized_xforward_hosts = static:all
smtpd_authorized_verp_clients = static:all
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
"""
SOME = """smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_authorized_xforward_hosts = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_client_restrictions = check_client_access inline:{192.0.2.66=REJECT}
smtpd_delay_reject = no
smtpd_helo_required = yes
smtpd_discard_ehlo_keywords = xforward size 8bitmime
"""
E, M, R, Q = b"EHLO a\r\n", b"MAIL FROM:<a@b.example>\r\n", b"RCPT TO:<x@example.org>\r\n", b"QUIT\r\n"
RELAY = b"RCPT TO:<x@b.example>\r\n"
D = [b"DATA\r\n", b"x\r\n.\r\n"]


def x(words):
    return b"XCLIENT " + words + b"\r\n"


def f(words):
    return b"XFORWARD " + words + b"\r\n"


DIALOGUES = [
    [E, x(b"NAME=spike.example ADDR=192.0.2.7 PORT=1234 HELO=sp(ike PROTO=SMTP"), E, M, R, RELAY, *D, Q],
    [x(b"ADDR=192.0.2.7"), b"HELO foo\r\n", M, RELAY, x(b"ADDR=1.2.3.4"), b"RSET\r\n", x(b"ADDR=127.0.0.1 HELO=h"), M, RELAY, Q],
    [x(w) for w in (b"NAME", b"NAME=", b"FOO=x", b"NAME=-bad-", b"NAME=[UNAVAILABLE]", b"NAME=[TEMPUNAVAIL]", b"NAME=a_b",
                    b"REVERSE_NAME=[unavailable]", b"ADDR=1.2.3", b"NAME=joe%0a", b"NAME=+zz", b"NAME=a=b", b"NAME=1.2.3.4")],
    [x(b"ADDR=[UNAVAILABLE]"), x(b"PORT=1a"), x(b"PORT=123456"), x(b"PORT=[UNAVAILABLE]"), x(b"HELO=[UNAVAILABLE]"),
     x(b"HELO=" + b"x" * 256), x(b"HELO=" + b"x" * 255), M, x(b"PROTO=foo"), M, b"RSET\r\n", x(b"PROTO=[UNAVAILABLE]"), x(b"PROTO=foo"),
     x(b"ADDR=IPV6:::1"), E, x(b"ADDR=::1"), x(b"ADDR=IPV6:2001:db8::1 NAME=a.c"), E, M, R, *D, Q],
    [x(b"DESTADDR=127.0.0.1 DESTPORT=25"), x(b"DESTPORT=70000"), x(b"DESTADDR=foo"), x(b"DESTADDR=[UNAVAILABLE]"),
     x(b"DESTPORT=[UNAVAILABLE]"), x(b"PORT=0"), x(b"NAME=" + b"x" * 300), b"XCLIENT\r\n", E, Q],
    [x(b"ADDR=192.0.2.66"), E, x(b"ADDR=192.0.2.67"), E, Q],
    [x(b"ADDR=IPV6:::ffff:127.0.0.1"), E, M, RELAY, Q],
    [x(b"NAME=n.example REVERSE_NAME=r.example ADDR=192.0.2.9 PORT=77 HELO=he(lo PROTO=esmtp"), M, R, *D, Q],
    [x(b"LOGIN=joe"), E, M, R, *D, Q], [x(b"NAME=a+2Eb.c ADDR=127.1.2.3"), E, M, RELAY, *D, Q],
    [E, f(b"NAME=spike.example ADDR=192.0.2.7 PORT=99 PROTO=ESMTP HELO=h"), f(b"IDENT=ABC SOURCE=REMOTE"), M, R, *D, M, R, *D, Q],
    [E, f(b"FOO=x"), f(b"NAME"), f(b"NAME=[UNAVAILABLE]"), f(b"NAME=b(a)d"), f(b"ADDR=[UNAVAILABLE]"), f(b"ADDR=x"), f(b"PORT=x"),
     f(b"PROTO=" + b"x" * 65), f(b"PROTO=local"), f(b"SOURCE=foo"), f(b"SOURCE=LOCAL"), f(b"HELO=a+20b"), f(b"IDENT=[UNAVAILABLE]"),
     b"XFORWARD\r\n", M, f(b"NAME=a.b"), R, *D, Q],
    [E, f(b"NAME=spike.example"), M, R, b"RSET\r\n", M, R, *D, Q], [E, f(b"IDENT=QQ"), M, R, *D, Q], [E, f(b"ADDR=192.0.2.5"), M, R, *D, Q],
    [E, *(b"MAIL FROM:<a@b.example> XVERP%b\r\n" % word for word in (b"X", b"=", b"=-", b"=+-=", b"=ab")),
     b"MAIL FROM:<> XVERP\r\n", b"MAIL FROM:<a@b.example> xverp=-= SIZE=5\r\n", R, R[:-2] + b" XVERP\r\n", *D, M, R, *D, Q],
    [E, f(b"NAME=spike.example"), b"RSET\r\n", M, R, *D, Q], [E, f(b"NAME=spike.example"), E, f(b"IDENT=Q"), M, R, *D, Q],
]


@pytest.fixture(scope="module", params=[BOTH, SOME], ids=["all", "some"])
def postfix(request, tmp_path_factory):
    with Postfix(tmp_path_factory.mktemp("pf", numbered=True), request.param) as theirs:
        theirs.settings = request.param
        yield theirs


@pytest.mark.parametrize("number", range(len(DIALOGUES)))
def test_same_replies_and_log(postfix, tmp_path, number):
    replies, log = postfix.play(DIALOGUES[number])
    with Smtpd(tmp_path, postfix.settings) as server:
        assert play(server.port, DIALOGUES[number]) == replies
        assert [told(line) for line in server.lines()] == log
