"""The proxy protocol: the same headers to Debian's Postfix and to pyfix, replies and log lines."""

import pytest

from tests.dialogs.test_proxied import FOUR, v2
from tests.kit.postfix import Postfix, told
from tests.kit.smtpd import Smtpd, Wire

pytestmark = pytest.mark.interop
ON = "smtpd_upstream_proxy_protocol = haproxy\nsmtpd_upstream_proxy_timeout = 1s\n"
HEADERS = [
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 25\r\n", b"PROXY UNKNOWN\r\n", b"PROXY TCP6 ::1 ::2 1 2\r\n", b"EHLO a\r\n",
    b"PROXY TCP4 300.0.2.1 1.2.3.4 1 2\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.5 99999 25\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.5 1 25 x\r\n",
    b"P" * 120 + b"\r\n", b"", v2(1, 0x11, FOUR), v2(0, 0, b""), v2(1, 0x11, b"abc"), v2(1, 0x12, FOUR), v2(1, 0x11, FOUR + b"\x01\0\x01x"),
    v2(1, 0, b""), v2(2, 0x11, FOUR)]


@pytest.fixture(scope="module")
def postfix(tmp_path_factory):
    with Postfix(tmp_path_factory.mktemp("pf", numbered=True), ON) as theirs:
        yield theirs


def said(port, header):
    with Wire(port) as wire:
        return [wire.ask(header), wire.ask(b"QUIT\r\n")]


@pytest.mark.parametrize("number", range(len(HEADERS)))
def test_same_replies_and_log(postfix, tmp_path, number):
    postfix.seen = postfix.log.stat().st_size if postfix.log.exists() else 0
    replies = said(postfix.port, HEADERS[number])
    log = postfix.told()
    with Smtpd(tmp_path, ON) as server:
        assert said(server.port, HEADERS[number]) == replies
        assert [told(line) for line in server.lines()] == log
