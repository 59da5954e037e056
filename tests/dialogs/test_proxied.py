"""The proxy protocol before the greeting: who the client is then, and what no header is (haproxy's proxy-protocol.txt)."""

import socket
import struct
import time

import pytest

from pyfix.smtpd.proxied import SIGNATURE, BadHeader, Ends, parse
from tests.kit.smtpd import Smtpd

ON = "smtpd_upstream_proxy_protocol = haproxy\nsmtpd_upstream_proxy_timeout = 1s\n"
GUARD = "smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\n"
GREETING = b"220 mx.example.org ESMTP Postfix\r\n"
REFUSED = b"421 4.3.0 mx.example.org Server local error\r\n"


def v2(command, family, body, version=2):
    return SIGNATURE + bytes([version << 4 | command, family]) + struct.pack(">H", len(body)) + body


FOUR = socket.inet_aton("192.0.2.1") + socket.inet_aton("192.0.2.2") + struct.pack(">HH", 1234, 25)
SIX = socket.inet_pton(socket.AF_INET6, "2001:db8::1") + socket.inet_pton(socket.AF_INET6, "::ffff:192.0.2.2") + struct.pack(">HH", 1, 2)
GOOD = [
    (b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 25\r\n", Ends(40, b"192.0.2.1", 1234, b"192.0.2.2", 25)),
    (b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 25 more\r\nEHLO", Ends(45, b"192.0.2.1", 1234, b"192.0.2.2", 25)),
    (b"PROXY TCP6 ::ffff:10.0.0.1 ::2 1 2\r\n", Ends(36, b"10.0.0.1", 1, b"::2", 2)),
    (v2(1, 0x11, FOUR), Ends(28, b"192.0.2.1", 1234, b"192.0.2.2", 25)),
    (v2(1, 0x11, FOUR + b"\x01\0\x01x") + b"EHLO", Ends(32, b"192.0.2.1", 1234, b"192.0.2.2", 25)),
    (v2(1, 0x21, SIX), Ends(52, b"2001:db8::1", 1, b"192.0.2.2", 2)), (v2(0, 0, b""), Ends(16)), (v2(0, 0x11, FOUR), Ends(28)),
]
BAD = [
    (b"EHLO a\r\n", "short protocol header"), (b"X" * 120, "unrecognized protocol header"), (b"PROXY UNKNOWN\r\n", "bad or missing protocol type"),
    (b"PROXY TCP4 300.0.2.1 1.2.3.4 1 2\r\n", "bad or missing client address"), (b"PROXY TCP4 1.2.3.4 ::1 1 2\r\n", "bad or missing server address"),
    (b"PROXY TCP6 1.2.3.4 ::1 1 2\r\n", "bad or missing client address"), (b"PROXY TCP4 1.2.3.4 1.2.3.5 99999 25\r\n", "bad or missing client port"),
    (b"PROXY TCP4 1.2.3.4 1.2.3.5 1 +5\r\n", "bad or missing server port"), (b"PROXY TCP4 1.2.3.4 1.2.3.5 1\r\n", "bad or missing server port"),
    (b"PROXY TCP4 0177.0.0.1 1.2.3.5 1 2\r\n", "bad or missing client address"), (b"PROXY TCP4 " + b"1" * 200, "missing protocol header terminator"),
    (b"PROXY \r\n", "bad or missing protocol type"), (v2(1, 0x11, b"abc"), "short address field"), (v2(1, 0x12, FOUR), "unsupported network protocol"),
    (v2(1, 0, b""), "unsupported network protocol"), (v2(2, 0x11, FOUR), "bad command in proxy header"),
    (v2(1, 0x11, FOUR, 1), "unrecognized protocol header"), (v2(1, 0x11, b"x" * 600), "protocol header too long"),
]


@pytest.mark.parametrize("data, ends", GOOD)
def test_headers(data, ends):
    assert parse(data, lambda six: True) == ends
    for cut in range(ends.used):
        assert parse(data[:cut], lambda six: True) is None


@pytest.mark.parametrize("data, why", BAD)
def test_what_is_no_header(data, why):
    with pytest.raises(BadHeader, match=f"^{why}$"):
        parse(data, lambda six: True)


def test_inet_protocols_count():
    with pytest.raises(BadHeader, match="bad or missing protocol type"):
        parse(b"PROXY TCP6 ::1 ::2 1 2\r\n", lambda six: not six)


def test_the_client_is_whom_the_proxy_names(tmp_path):
    with Smtpd(tmp_path, ON + GUARD + "mynetworks = 127.0.0.0/8\n") as server, server.client() as wire:
        for piece in (b"PROXY TCP4 192.0.2.1 ", b"192.0.2.2 1234 25\r\n"):
            wire.socket.sendall(piece)
            time.sleep(0.05)
        assert wire.reply() == GREETING
        wire.ask(b"EHLO a\r\n"), wire.ask(b"MAIL FROM:<a@b>\r\n")
        assert wire.ask(b"RCPT TO:<ann@b.example>\r\n") == b"554 5.7.1 <ann@b.example>: Relay access denied\r\n"
        wire.close()
        assert server.lines()[0] == "connect from unknown[192.0.2.1]"


def test_local_is_the_proxy_itself(tmp_path):
    with Smtpd(tmp_path, ON) as server, server.client() as wire:
        assert wire.ask(v2(0, 0, b"")) == GREETING and "connect from unknown[127.0.0.1]" in server.log.lines


@pytest.mark.parametrize("data, why", [(b"EHLO a\r\n", "short protocol header: EHLO a\\r\\n"), (b"", "timeout error"), (b"PROX", "timeout error")])
def test_without_a_header_nobody_is_served(tmp_path, data, why):
    with Smtpd(tmp_path, ON) as server, server.client() as wire:
        assert wire.ask(data) == REFUSED and wire.rest() == b""
        assert server.lines() == [f"warning: haproxy read: {why}", "connect from unknown[127.0.0.1]",
                                  "disconnect from unknown[127.0.0.1] commands=0/0"]


def test_nobody_speaks_behind_the_header_before_the_greeting(tmp_path):
    with Smtpd(tmp_path, ON) as server, server.client() as wire:
        assert wire.ask(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 25\r\nEHLO x\r\n") == b"554 5.5.0 Error: SMTP protocol synchronization\r\n"
        assert "improper command pipelining after CONNECT from unknown[192.0.2.1]: EHLO x\\r\\n" in server.lines() and wire.rest() == b""


def test_a_proxy_that_goes_away(tmp_path):
    with Smtpd(tmp_path, ON) as server:
        server.client().close()
        deadline = time.monotonic() + 5
        while server.server.sessions and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not server.server.sessions and not server.log.lines


def test_the_header_is_heard_once_only(tmp_path):
    with Smtpd(tmp_path, ON) as server, server.client() as wire:
        wire.ask(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 25\r\n")
        assert wire.ask(b"PROXY TCP4 127.0.0.1 192.0.2.2 1 25\r\n") == b"500 5.5.2 Error: command not recognized\r\n"
