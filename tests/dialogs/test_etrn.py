"""ETRN: who is served, what is answered, what qmgr is asked (RFC 1985, ETRN_README)."""

import pytest

from tests.kit.smtpd import FakeQmgr, Smtpd

E = b"EHLO client.example\r\n"
STARTED, FAILED = b"250 Queuing started\r\n", b"458 Unable to queue messages\r\n"
RELAY = "relay_domains = b.example\n"


def test_served_sites(tmp_path):
    with FakeQmgr(tmp_path) as qmgr, Smtpd(tmp_path, RELAY) as server:
        replies = server.talk(E, b"ETRN B.example\r\n", b"ETRN @b.example\r\n", b"ETRN #sub.b.example\r\n", b"ETRN a.example\r\n",
                              b"ETRN [192.0.2.1]\r\n")
        assert replies[2:] == [STARTED, STARTED, STARTED, b"459 <a.example>: service unavailable\r\n",
                               b"459 <[192.0.2.1]>: service unavailable\r\n"]
        assert qmgr.asked == [["flush_site", "b.example"], ["flush_site", "sub.b.example"]]     # once in a while is enough
        assert "warning: reject: ETRN a.example... from unknown[127.0.0.1]" in server.lines()


def test_address_literals_that_are_listed(tmp_path):
    with FakeQmgr(tmp_path) as qmgr, Smtpd(tmp_path, "fast_flush_domains = [192.0.2.1]\n") as server:
        assert server.talk(E, b"ETRN [192.0.2.1]\r\n")[2] == STARTED and qmgr.asked == [["flush_site", "[192.0.2.1]"]]


@pytest.mark.parametrize("site", [b"-x", b"[192.0.2", b"1.2.3.4", b"[::1]", b"a..b", b"a;b", b"#", b"x" * 300])
def test_what_is_no_site(tmp_path, site):
    with FakeQmgr(tmp_path) as qmgr, Smtpd(tmp_path, "fast_flush_domains = static:all\n") as server:
        assert server.talk(E, b"ETRN " + site + b"\r\n")[2] == b"501 Error: invalid parameter syntax\r\n" and not qmgr.asked


def test_qmgr_is_down_or_refuses(tmp_path):
    with Smtpd(tmp_path, RELAY) as server:
        assert server.talk(E, b"ETRN b.example\r\n")[2] == FAILED
        with FakeQmgr(tmp_path, "too many sites to flush") as qmgr:
            assert server.talk(E, b"ETRN b.example\r\n", b"ETRN b.example\r\n")[2:] == [FAILED, FAILED]
            qmgr.text = None
            assert server.talk(E, b"ETRN b.example\r\n")[2] == FAILED
            qmgr.text = ""
            assert server.talk(E, b"ETRN b.example\r\n")[2] == STARTED
        assert "warning: too many sites to flush" in server.lines()


def test_a_table_that_fails_serves_nobody(tmp_path):
    with FakeQmgr(tmp_path) as qmgr, Smtpd(tmp_path, "fast_flush_domains = fail:trouble\n") as server:
        assert server.talk(E, b"ETRN b.example\r\n")[2] == FAILED and not qmgr.asked
