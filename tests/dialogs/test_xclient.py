"""XCLIENT and XFORWARD: who may, what they change, and that they give nobody more than they say (XCLIENT_README)."""

import pytest

from pyfix.smtpd import attributes
from pyfix.smtpd.attributes import BadAttribute
from tests.kit.smtpd import Smtpd

E, M, R = b"EHLO client.example\r\n", b"MAIL FROM:<joe@a.example>\r\n", b"RCPT TO:<ann@b.example>\r\n"
REFUSED = b"550 5.7.0 Error: insufficient authorization\r\n"
RELAYING = b"554 5.7.1 <ann@b.example>: Relay access denied\r\n"
GREETING = b"220 mx.example.org ESMTP Postfix\r\n"
GUARD = "smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\n"
ALLOWED = GUARD + "smtpd_authorized_xclient_hosts = 127.0.0.1\nsmtpd_authorized_xforward_hosts = 127.0.0.1\n"


def test_outsiders_are_not_heard_and_not_told(tmp_path):
    extra = GUARD + "mynetworks = 192.0.2.0/24\nsmtpd_authorized_xclient_hosts = 192.0.2.1\nsmtpd_authorized_xforward_hosts = 192.0.2.1\n"
    with Smtpd(tmp_path, extra) as server:
        replies = server.talk(E, b"XCLIENT ADDR=192.0.2.1 LOGIN=root\r\n", b"XFORWARD ADDR=192.0.2.1\r\n", M, R)
        assert b"XCLIENT" not in replies[1] and b"XFORWARD" not in replies[1]
        assert replies[2:] == [REFUSED, REFUSED, b"250 2.1.0 Ok\r\n", RELAYING]


def test_off_by_default(tmp_path):
    with Smtpd(tmp_path) as server:
        replies = server.talk(b"XCLIENT ADDR=192.0.2.1\r\n", b"XFORWARD NAME=a.b\r\n")
        assert replies[1:] == [REFUSED, REFUSED] and server.server.session_class is None


def test_the_session_becomes_the_other_clients(tmp_path):
    with Smtpd(tmp_path, ALLOWED) as server:
        replies = server.talk(E, b"XCLIENT NAME=x.example ADDR=198.51.100.7\r\n", E, M, R, b"RCPT TO:<me@example.org>\r\n",
                              b"RSET\r\n", b"XCLIENT ADDR=127.0.0.1\r\n")
        assert b"250-XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT\r\n250-XFORWARD NAME" in replies[1]
        assert replies[2] == GREETING and b"XCLIENT" not in replies[3] and b"XFORWARD" not in replies[3]
        assert replies[5:] == [RELAYING, b"250 2.1.5 Ok\r\n", b"250 2.0.0 Ok\r\n", REFUSED]
        assert server.lines()[-1].startswith("disconnect from x.example[198.51.100.7] ehlo=2 xclient=0/2 ")


def test_ipv4_in_ipv6_clothes_is_the_ipv4_address(tmp_path):
    extra = ALLOWED + "mynetworks = 198.51.100.0/24\nsmtpd_client_restrictions = check_client_access inline:{198.51.100.9=REJECT}\n"
    with Smtpd(tmp_path, extra) as server:
        replies = server.talk(b"XCLIENT ADDR=IPV6:::ffff:198.51.100.9\r\n", E, M, R)
        assert replies[4] == b"554 5.7.1 <unknown[198.51.100.9]>: Client host rejected: Access denied\r\n"


def test_its_connections_are_counted_as_its_own(tmp_path):
    extra = ALLOWED + "smtpd_client_connection_count_limit = 1\nsmtpd_client_event_limit_exceptions =\n"
    with Smtpd(tmp_path, extra) as server, server.client() as one, server.client() as two:
        assert one.reply() == two.reply() == GREETING          # they may say XCLIENT: not counted themselves
        assert one.ask(b"XCLIENT ADDR=198.51.100.7\r\n") == GREETING
        assert two.ask(b"XCLIENT ADDR=198.51.100.7\r\n") == (
            b"421 4.7.0 mx.example.org Error: too many connections from 198.51.100.7\r\n")
        one.close()
        server.lines("disconnect from unknown[198.51.100.7]")
        assert not two.rest() and server.talk(b"XCLIENT ADDR=198.51.100.7\r\n")[1] == GREETING


def test_the_client_list_is_asked_again(tmp_path):
    extra = ALLOWED + "smtpd_delay_reject = no\nsmtpd_client_restrictions = check_client_access inline:{198.51.100.7=REJECT}\n"
    with Smtpd(tmp_path, extra) as server:
        denied = b"503 5.7.0 Error: access denied for unknown[198.51.100.7]\r\n"
        assert server.talk(b"XCLIENT ADDR=198.51.100.7\r\n", E, b"XCLIENT ADDR=127.0.0.1\r\n", b"QUIT\r\n")[1:] == [
            b"554 5.7.1 <unknown[198.51.100.7]>: Client host rejected: Access denied\r\n", denied, denied, b"221 2.0.0 Bye\r\n"]


def test_what_forwarded_attributes_do_and_do_not(tmp_path):
    with Smtpd(tmp_path, ALLOWED + "mynetworks = 192.0.2.0/24\n") as server:
        replies = server.talk(E, b"XFORWARD NAME=x.example ADDR=192.0.2.7 PORT=99 PROTO=SMTP HELO=a+0Ab IDENT=Q1 SOURCE=REMOTE\r\n", M, R,
                              b"RCPT TO:<me@example.org>\r\n", b"DATA\r\n", b"x\r\n.\r\n", M, b"RCPT TO:<me@example.org>\r\n",
                              b"DATA\r\n", b"x\r\n.\r\n")
        assert replies[4] == RELAYING                           # it is no permission
        first, second = server.messages
        assert first.origin.described == "x.example[192.0.2.7]" and not first.origin.local
        assert {k: first.origin.attributes[k] for k in ("client_name", "client_address", "client_port", "protocol", "helo", "ident")} == {
            "client_name": "x.example", "client_address": "192.0.2.7", "client_port": "99", "protocol": "SMTP", "helo": "a?b",
            "ident": "Q1"}
        assert b"unknown [127.0.0.1]" in first.origin.received
        assert second.origin.described == "unknown[127.0.0.1]" and "ident" not in second.origin.attributes
        assert [x.partition(": ")[2] for x in server.lines() if "client=" in x] == [
            "client=unknown[127.0.0.1], orig_queue_id=Q1, orig_client=x.example[192.0.2.7]", "client=unknown[127.0.0.1]"]


@pytest.mark.parametrize("when", [b"RSET\r\n", E])
def test_reset_without_a_transaction_forgets_them_too(tmp_path, when):
    with Smtpd(tmp_path, ALLOWED) as server:
        server.talk(E, b"XFORWARD IDENT=Q1\r\n", when, M, R, b"DATA\r\n", b"x\r\n.\r\n")
        assert "ident" not in server.messages[0].origin.attributes


def test_login_is_told_and_opens_nothing(tmp_path):
    with Smtpd(tmp_path, GUARD + "smtpd_authorized_xclient_hosts = static:all\nmynetworks = 192.0.2.0/24\n") as server:
        replies = server.talk(b"XCLIENT LOGIN=joe\r\n", E, M, R, b"RCPT TO:<me@example.org>\r\n", b"DATA\r\n", b"x\r\n.\r\n")
        assert replies[4] == RELAYING
        message, = server.messages
        assert message.origin.attributes["sasl_username"] == "joe" and b"with ESMTPA id" in message.origin.received


@pytest.mark.parametrize("value", [b"1.2.3", b"0177.0.0.1", b"127.1", b"IPV6:1.2.3.4", b"::1", b"IPV6:fe80::1?eth0", b"1.2.3.4 ", b"\xd9\xa3.0.0.1"])
def test_no_address_in_an_odd_spelling(value):
    with pytest.raises(BadAttribute):
        attributes.address(b"ADDR", value, lambda six: True)


@pytest.mark.parametrize("raw, value", [(b"a+2Bb", b"a+b"), (b"a+2bb", b"a+b"), (b"a+0Ab", b"a?b"), (b"a+", b"a+"), (b"a+zz", b"a+zz"),
                                        (b"+0D+0AX", b"??X"), (b"a\x7f", b"a?"), (b"+00", b"?")])
def test_values_are_xtext_and_print(raw, value):
    assert attributes.decoded(raw) == value


def test_a_lookup_by_address_knows_that_there_is_none(tmp_path):
    extra = ALLOWED + "smtpd_client_restrictions = reject_rbl_client rbl.invalid, reject_rhsbl_client rbl.invalid, permit_dnswl_client rbl.invalid,\n  check_client_ns_access inline:{a=b}, check_client_a_access inline:{a=b}, permit_inet_interfaces, reject_unknown_client_hostname\n"
    with Smtpd(tmp_path, extra) as server:
        assert server.talk(b"XCLIENT ADDR=[UNAVAILABLE]\r\n", E, M, R)[4][:4] == b"450 "
