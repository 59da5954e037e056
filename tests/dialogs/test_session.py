"""Whole sessions over a socket: replies, log lines, limits, what reaches the queue."""

import asyncio
import fcntl
import mmap
import socket
import struct
import threading
import time

import pytest

from pyfix.model import HAS_DOT_LINE, Reply
from pyfix.smtpd.anvil import SIZE, key_of
from pyfix.smtpd.tally import Tally
from tests.kit.smtpd import Smtpd

E, M, R = b"EHLO client.example\r\n", b"MAIL FROM:<joe@a.example>\r\n", b"RCPT TO:<ann@b.example>\r\n"
GREETING = b"220 mx.example.org ESMTP Postfix\r\n"
EHLO = (b"250-mx.example.org\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-VRFY\r\n250-ETRN\r\n250-ENHANCEDSTATUSCODES\r\n"
        b"250-8BITMIME\r\n250-DSN\r\n250-SMTPUTF8\r\n250 CHUNKING\r\n")
OUTSIDER = "mynetworks = 192.0.2.0/24\nsmtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\n"


def test_one_message(tmp_path):
    with Smtpd(tmp_path) as server:
        replies = server.talk(E, M, R, b"DATA\r\n", b"Subject: x\r\n\r\n..dot\r\n.\r\n", b"QUIT\r\n")
        assert replies == [GREETING, EHLO, b"250 2.1.0 Ok\r\n", b"250 2.1.5 Ok\r\n",
                           b"354 End data with <CR><LF>.<CR><LF>\r\n", b"250 2.0.0 Ok: queued as ID1\r\n", b"221 2.0.0 Bye\r\n"]
        assert server.lines() == [
            "connect from unknown[127.0.0.1]", "ID1: client=unknown[127.0.0.1]",
            "disconnect from unknown[127.0.0.1] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5"]
        message, = server.messages
        assert bytes(message.body) == b"Subject: x\r\n\r\n.dot\r\n" and message.flags == HAS_DOT_LINE
        assert message.sender == b"joe@a.example" and [r.address for r in message.recipients] == [b"ann@b.example"]
        assert message.origin.received == (b"from client.example (unknown [127.0.0.1])\r\n"
                                           b"\tby mx.example.org (Postfix) with ESMTP id ")


@pytest.mark.parametrize("later", [0, 0.02])
def test_pipelined_messages_and_a_late_commit(tmp_path, later):
    with Smtpd(tmp_path) as server:
        server.later = later
        with server.client() as wire:
            wire.reply()
            wire.ask(E)
            wire.socket.sendall(M + R + b"DATA\r\n")
            assert [wire.reply()[:3] for _ in range(3)] == [b"250", b"250", b"354"]
            wire.socket.sendall(b"one\r\n.\r\n" + M + R + R + b"DATA\r\n")
            assert [wire.reply()[:3] for _ in range(5)] == [b"250", b"250", b"250", b"250", b"354"]
            assert wire.ask(b"two\r\n.\r\n") == b"250 2.0.0 Ok: queued as ID2\r\n"
            wire.ask(b"QUIT\r\n")
        assert [bytes(m.body) for m in server.messages] == [b"one\r\n", b"two\r\n"]
        assert server.lines()[-1].endswith("ehlo=1 mail=2 rcpt=3 data=2 quit=1 commands=9")


def test_chunks(tmp_path):
    with Smtpd(tmp_path) as server:
        replies = server.talk(E, M, R, b"BDAT 4\r\nab\r\n", b"BDAT 3 LAST\r\nc\nd", b"QUIT\r\n")
        assert replies[4:6] == [b"250 2.0.0 Ok: 4 bytes\r\n", b"250 2.0.0 Ok: 10 bytes queued as ID1\r\n"]
        assert bytes(server.messages[0].body) == b"ab\r\nc\r\nd\r\n"


def test_a_queue_that_says_no(tmp_path):
    with Smtpd(tmp_path) as server:
        server.verdict = Reply(451, "4.3.0", "Error: queue file write error")
        replies = server.talk(E, M, R, b"DATA\r\n", b"x\r\n.\r\n", b"DATA\r\n", M)
        assert replies[5:] == [b"451 4.3.0 Error: queue file write error\r\n", b"503 5.5.1 Error: need RCPT command\r\n",
                               b"250 2.1.0 Ok\r\n"]


def test_relaying_is_refused_to_outsiders(tmp_path):
    with Smtpd(tmp_path, OUTSIDER) as server:
        replies = server.talk(E, M, R, b"DATA\r\n", b"RCPT TO:<me@example.org>\r\n", b"QUIT\r\n")
        assert replies[3:6] == [b"554 5.7.1 <ann@b.example>: Relay access denied\r\n",
                                b"554 5.5.1 Error: no valid recipients\r\n", b"250 2.1.5 Ok\r\n"]
        assert server.lines()[1] == (
            "NOQUEUE: reject: RCPT from unknown[127.0.0.1]: 554 5.7.1 <ann@b.example>: Relay access denied; "
            "from=<joe@a.example> to=<ann@b.example> proto=ESMTP helo=<client.example>")
        assert server.lines()[-1].endswith(" ehlo=1 mail=1 rcpt=1/2 data=0/1 quit=1 commands=4/6")
        assert [m.aborted for m in server.aborted] == [True]


def test_unknown_local_users_are_refused(tmp_path):
    with Smtpd(tmp_path, "local_recipient_maps = inline:{{ann = x}}") as server:
        replies = server.talk(E, M, b"RCPT TO:<bob@example.org>\r\n", b"RCPT TO:<ann@example.org>\r\n",
                              b"RCPT TO:<postmaster>\r\n")
        assert replies[3:] == [b"550 5.1.1 <bob@example.org>: Recipient address rejected: User unknown in local "
                               b"recipient table\r\n", b"250 2.1.5 Ok\r\n", b"250 2.1.5 Ok\r\n"]


def test_size_is_checked_before_anything_is_stored(tmp_path):
    with Smtpd(tmp_path, "message_size_limit = 1000") as server:
        replies = server.talk(E, b"MAIL FROM:<a@b.example> SIZE=1001\r\n", b"RSET\r\n")
        assert replies[2:] == [b"552 5.3.4 Message size exceeds fixed limit\r\n", b"250 2.0.0 Ok\r\n"]
        assert server.lines()[1] == ("NOQUEUE: reject: MAIL from unknown[127.0.0.1]: 552 5.3.4 Message size exceeds fixed "
                                     "limit; from=<a@b.example> proto=ESMTP helo=<client.example>")


def test_too_big_and_then_the_next(tmp_path):
    with Smtpd(tmp_path, "message_size_limit = 100") as server:
        replies = server.talk(E, M, R, b"DATA\r\n", b"x" * 200 + b"\r\n.\r\n", M, R, b"DATA\r\n", b"x\r\n.\r\n")
        assert replies[5] == b"552 5.3.4 Error: message file too big\r\n" and replies[-1].startswith(b"250 2.0.0 Ok: queued")
        assert "warning: ID1: queue file size limit exceeded" in server.log.lines
        assert len(server.messages) == 1 and len(server.aborted) == 1


def test_early_talkers_are_cut_off(tmp_path):
    with Smtpd(tmp_path) as server:
        assert server.talk(E + M)[1:] == [b"554 5.5.0 Error: SMTP protocol synchronization\r\n"]
        assert "improper command pipelining after EHLO from unknown[127.0.0.1]: MAIL FROM:<joe@a.example>\\r\\n" \
            in server.lines()


def test_errors_slow_a_client_down_but_not_the_others(tmp_path):
    with Smtpd(tmp_path, "smtpd_error_sleep_time = 1s\nsmtpd_soft_error_limit = 2") as server:
        start = time.monotonic()
        with server.client() as slow:
            slow.reply()
            slow.ask(b"FOO\r\n"), slow.ask(b"FOO\r\n")
            assert time.monotonic() - start < 0.5
            slow.socket.sendall(b"FOO\r\n")
            assert server.talk(E)[1] == EHLO and time.monotonic() - start < 0.5
            assert slow.reply() == b"500 5.5.2 Error: command not recognized\r\n"
            assert time.monotonic() - start > 0.9


def test_timeouts(tmp_path):
    with Smtpd(tmp_path, "smtpd_timeout = 1s") as server, server.client() as wire:
        wire.reply()
        wire.ask(E)
        assert wire.reply() == b"421 4.4.2 mx.example.org Error: timeout exceeded\r\n" and wire.rest() == b""
        assert server.lines()[1:] == ["timeout after EHLO from unknown[127.0.0.1]",
                                      "disconnect from unknown[127.0.0.1] ehlo=1 commands=1"]


def test_lost_connections(tmp_path):
    with Smtpd(tmp_path) as server:
        server.talk(E, M, R, b"DATA\r\n")
        assert server.lines()[-2:] == ["lost connection after DATA (0 bytes) from unknown[127.0.0.1]",
                                       "disconnect from unknown[127.0.0.1] ehlo=1 mail=1 rcpt=1 data=0/1 commands=3/4"]
        assert len(server.aborted) == 1


def test_too_many_connections_of_one_client(tmp_path):
    extra = "smtpd_client_connection_count_limit = 2\nsmtpd_client_event_limit_exceptions =\n"
    with Smtpd(tmp_path, extra) as server, server.client() as one, server.client() as two:
        assert one.reply() == two.reply() == GREETING
        assert server.talk() == [b"421 4.7.0 mx.example.org Error: too many connections from 127.0.0.1\r\n"]
        assert "warning: Connection concurrency limit exceeded: 3 from unknown[127.0.0.1] for service smtp" in server.log.lines
        one.close()
        time.sleep(0.1)
        assert server.talk() == [GREETING]


def test_the_number_of_sessions_is_bounded(tmp_path):
    with Smtpd(tmp_path, limit=2) as server, server.client() as one, server.client() as two:
        assert one.reply() == two.reply() == GREETING
        with server.client() as three:
            three.socket.settimeout(0.2)
            with pytest.raises(TimeoutError):
                three.socket.recv(1)
            one.close()
            three.socket.settimeout(5)
            assert three.socket.recv(100) == GREETING


def test_masked_keywords(tmp_path):
    with Smtpd(tmp_path, "smtpd_discard_ehlo_keywords = chunking, dsn, vrfy") as server:
        replies = server.talk(E, b"MAIL FROM:<a@b> RET=FULL\r\n", b"BDAT 3 LAST\r\n")
        assert replies[1] == EHLO.replace(b"250-DSN\r\n", b"").replace(b"250-VRFY\r\n", b"").replace(
            b"250-SMTPUTF8\r\n250 CHUNKING", b"250 SMTPUTF8")
        assert replies[2:] == [b"501 5.7.1 DSN support is disabled\r\n", b"521 5.5.1 Error: command not implemented\r\n"]
        assert "discarding EHLO keywords: VRFY DSN CHUNKING" in server.log.lines


def test_helo_first_where_it_is_required(tmp_path):
    with Smtpd(tmp_path, "smtpd_helo_required = yes") as server:
        assert server.talk(M)[1] == b"503 5.5.1 Error: send HELO/EHLO first\r\n"


def test_vrfy_and_etrn(tmp_path):
    with Smtpd(tmp_path, OUTSIDER) as server:
        replies = server.talk(b"VRFY <me@example.org>\r\n", b"VRFY <x@b.example>\r\n", b"ETRN #foo.example\r\n")
        assert replies[1:] == [b"252 2.0.0 <me@example.org>\r\n", b"554 5.7.1 <x@b.example>: Relay access denied\r\n",
                               b"459 <foo.example>: service unavailable\r\n"]


def test_a_client_list_at_connect(tmp_path):
    extra = "smtpd_delay_reject = no\nsmtpd_client_restrictions = reject\n"
    with Smtpd(tmp_path, extra) as server:
        replies = server.talk(E, M, b"QUIT\r\n")
        assert replies == [b"554 5.7.1 <unknown[127.0.0.1]>: Client host rejected: Access denied\r\n",
                           b"503 5.7.0 Error: access denied for unknown[127.0.0.1]\r\n",
                           b"503 5.7.0 Error: access denied for unknown[127.0.0.1]\r\n", b"221 2.0.0 Bye\r\n"]


def test_a_hundred_clients_at_once(tmp_path):
    with Smtpd(tmp_path) as server:
        server.later = 0.005
        wires = [server.client() for _ in range(100)]
        for wire in wires:
            wire.socket.sendall(b"")
            assert wire.reply() == GREETING
        for wire in wires:
            wire.ask(E)
            wire.socket.sendall(M + R + b"DATA\r\n")
        for wire in wires:
            assert [wire.reply()[:3] for _ in range(3)] == [b"250", b"250", b"354"]
            wire.socket.sendall(b"hello\r\n.\r\n")
        for wire in wires:
            assert wire.reply().startswith(b"250 2.0.0 Ok: queued as ")
            wire.close()
        assert len(server.messages) == 100


def test_connections_to_other_processes_count_too(tmp_path):
    extra = "smtpd_client_connection_count_limit = 2\nsmtpd_client_event_limit_exceptions =\n"
    with open(tmp_path / "anvil.smtp.1", "w+b") as file, Smtpd(tmp_path, extra) as server:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(SIZE)
        memory = mmap.mmap(file.fileno(), SIZE)
        other, key = Tally(memory, True), key_of(b"127.0.0.1", 32, 84)
        other.connect(key, 1)
        with server.client() as one:
            assert one.reply() == GREETING
            assert server.talk()[0].startswith(b"421 4.7.0 ")
        other.leave(key)
        server.lines("disconnect")
        time.sleep(0.1)
        assert server.talk()[0] == GREETING
        del other


def test_who_has_no_limits_is_not_counted(tmp_path):
    with Smtpd(tmp_path) as server, server.client() as wire:
        assert wire.reply() == GREETING and not server.server.tallied and server.server.counts is None
        assert not list(tmp_path.glob("anvil.*"))


def test_a_client_that_is_gone_before_it_has_a_name(tmp_path):
    with Smtpd(tmp_path, "smtpd_peername_lookup = yes\nsmtpd_client_event_limit_exceptions =\n") as server:
        started = threading.Event()

        async def never(address):
            started.set()
            await asyncio.sleep(30)
        server.server.names.find = never
        wire = server.client()
        assert started.wait(5)
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wire.close()                # a reset
        deadline = time.monotonic() + 5
        while server.server.sessions and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not server.server.sessions and not server.server.tallied
