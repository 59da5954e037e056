"""Clients that drip, idle or never read, and what changes when all slots are taken (postconf(5), STRESS_README)."""

import contextlib
import socket
import time

import pytest

from tests.kit.smtpd import Smtpd

E, M, R = b"EHLO client.example\r\n", b"MAIL FROM:<joe@a.example>\r\n", b"RCPT TO:<ann@b.example>\r\n"
BY_REQUEST = "smtpd_timeout = 1s\nsmtpd_per_request_deadline = yes\n"
TIMEOUT = b"421 4.4.2 mx.example.org Error: timeout exceeded\r\n"


def drip(wire, data, pause=0.2, longest=4.0):
    """Sends byte by byte; how long until the other side had enough, None if it took all of it.

    A byte that crosses the server's last word on the way makes the kernel reset the connection, and the word is lost.
    """
    start = time.monotonic()
    wire.socket.settimeout(pause)
    for byte in data:
        if time.monotonic() - start > longest:
            return None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            wire.socket.sendall(bytes([byte]))
        try:
            enough = wire.socket.recv(1, socket.MSG_PEEK)[:1] == b"4"
        except TimeoutError:
            enough = False
        except ConnectionResetError:
            enough = True
        if enough:
            wire.socket.settimeout(5)
            return time.monotonic() - start
    wire.socket.settimeout(5)
    return None


def last_word(wire):
    """The server's reply, b"" where the connection was reset before it was read."""
    try:
        return wire.reply()
    except ConnectionResetError:
        return b""


def test_a_command_that_drips_has_one_deadline(tmp_path):
    with Smtpd(tmp_path, BY_REQUEST) as server, server.client() as wire:
        wire.reply()
        assert 0.8 < drip(wire, b"EHLO " + b"x" * 50) < 3.5 and last_word(wire) in (TIMEOUT, b"")
        assert server.lines()[1] == "timeout after CONNECT from unknown[127.0.0.1]"


def test_without_it_each_read_has_its_own(tmp_path):
    with Smtpd(tmp_path, "smtpd_timeout = 1s") as server, server.client() as wire:
        wire.reply()
        assert drip(wire, b"EHLO " + b"x" * 10) is None
        assert wire.ask(b"\r\n").startswith(b"250-mx.example.org\r\n")


def test_the_old_name_of_the_parameter(tmp_path):
    with Smtpd(tmp_path, "smtpd_timeout = 1s\nsmtpd_per_record_deadline = yes\n") as server, server.client() as wire:
        wire.reply()
        assert drip(wire, b"E" * 50) is not None


def test_an_endless_line_gets_no_more_time_than_another(tmp_path):
    with Smtpd(tmp_path, BY_REQUEST + "line_length_limit = 512\n") as server, server.client() as wire:
        wire.reply()
        wire.socket.sendall(b"EHLO " + b"x" * 520)
        assert drip(wire, b"x" * 50) < 3.5


def test_each_request_has_a_deadline_of_its_own(tmp_path):
    with Smtpd(tmp_path, BY_REQUEST) as server, server.client() as wire:
        wire.reply()
        for _ in range(8):
            assert drip(wire, b"NO", 0.1) is None and wire.ask(b"OP\r\n") == b"250 2.0.0 Ok\r\n"


@pytest.mark.parametrize("begin", [b"DATA\r\n", b"BDAT 100000 LAST\r\n"])
def test_content_has_to_come_at_the_minimal_rate(tmp_path, begin):
    with Smtpd(tmp_path, BY_REQUEST) as server, server.client() as wire:
        wire.reply()
        wire.ask(E)
        wire.socket.sendall(M + R + begin)
        for _ in range(2 if begin[:4] == b"BDAT" else 3):
            wire.reply()
        for _ in range(8):
            wire.socket.sendall(b"x" * 298 + b"\r\n")
            time.sleep(0.3)
        assert 0.5 < drip(wire, b"x" * 50) < 3.5 and last_word(wire) in (TIMEOUT, b"")
        log = server.lines()
        assert f"timeout after {begin[:4].decode()} (24" in log[-2] and len(server.aborted) == 1


def test_a_client_that_never_reads_is_ended_and_costs_little(tmp_path):
    with Smtpd(tmp_path, "smtpd_timeout = 1s\nsmtpd_junk_command_limit = 1000000\n") as server, server.client() as deaf:
        deaf.reply()
        deaf.ask(E)
        deaf.socket.settimeout(0.3)
        sent = 0
        with pytest.raises((TimeoutError, BrokenPipeError, ConnectionResetError)):
            for _ in range(2000):
                deaf.socket.sendall(b"RSET\r\n" * 2000)
                sent += 12000
        assert sent < 16_000_000 and server.talk(E)[1].startswith(b"250-")
        assert any("timeout after RSET" in line for line in server.lines("timeout after RSET"))


def test_a_crowd_that_says_nothing(tmp_path):
    with Smtpd(tmp_path, "smtpd_timeout = 2s\nsmtpd_client_connection_count_limit = 0\n") as server:
        crowd = [server.client() for _ in range(150)]
        assert all(wire.reply().startswith(b"220 ") for wire in crowd)
        assert server.talk(E, M)[2] == b"250 2.1.0 Ok\r\n"
        assert all(wire.reply() == TIMEOUT and wire.rest() == b"" for wire in crowd)
        assert not server.server.sessions and not server.server.tallied


@contextlib.contextmanager
def under_stress(tmp_path, extra=""):
    """A server whose two slots were taken, one still is: (server, a function that gives a new client)."""
    with Smtpd(tmp_path, extra, limit=2) as server, server.client() as one, server.client() as two:
        one.reply(), two.reply()
        two.close()
        yield server


def test_stress_shortens_every_limit_that_the_defaults_say(tmp_path):
    with under_stress(tmp_path) as server:
        assert server.talk(b"FOO\r\n", b"NOOP\r\n")[1:] == [
            b"500 5.5.2 Error: command not recognized\r\n", b"421 4.7.0 mx.example.org Error: too many errors\r\n"]
        settings = server.server.settings
        assert (settings.timeout, settings.request_deadline, settings.careful) == (10, True, True)
        assert (settings.limits.hard_errors, settings.limits.junk) == (1, 1)
        normal = server.server.normal
        assert (normal.timeout, normal.request_deadline, normal.limits.hard_errors) == (300, False, 20)
        assert settings.policy is normal.policy


def test_stress_reaches_what_main_cf_makes_of_it(tmp_path):
    extra = "smtpd_hard_error_limit = 20\nsmtpd_timeout = ${stress?{1}:{300}}s\nsmtpd_helo_restrictions = ${stress?{reject}:{}}\n"
    with under_stress(tmp_path, extra) as server, server.client() as wire:
        wire.reply()
        assert wire.ask(E).startswith(b"250-") and wire.ask(M).startswith(b"250 ")
        assert wire.ask(R) == b"554 5.7.1 <client.example>: Helo command rejected: Access denied\r\n"
        assert drip(wire, b"RCPT TO:<" + b"a" * 30) is not None


def test_stress_is_over_when_slots_are_free(tmp_path):
    with Smtpd(tmp_path, limit=3) as server:
        wires = [server.client() for _ in range(3)]
        assert all(wire.reply() for wire in wires) and server.server.stressed
        for wire in wires:
            wire.close()
        server.lines()
        assert server.talk(b"FOO\r\n", b"NOOP\r\n")[2] == b"250 2.0.0 Ok\r\n" and not server.server.stressed
