"""Restrictions that ask others, against a running server: policy services, DNS lists, sleep, what is not there."""

import asyncio
import socket
import threading

import pytest

from pyfix.access import ippattern, lookups
from pyfix.dns import resolver as dns
from tests.kit.smtpd import Smtpd


class PolicyServer:
    """Answers policy requests on a loopback port with what `reply(attributes)` returns; None hangs up."""

    def __init__(self, reply):
        self.reply, self.requests, self.connections = reply, [], 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        file = connection.makefile("rwb")
        while True:
            attributes = {}
            for line in file:
                if line == b"\n":
                    break
                name, _, value = line[:-1].partition(b"=")
                attributes[name.decode()] = value.decode()
            else:
                return
            self.requests.append(attributes)
            reply = self.reply(attributes)
            if reply is None:
                connection.shutdown(socket.SHUT_RDWR)
                return
            file.write(reply)
            file.flush()

    def close(self):
        self.socket.close()


RELAY = "smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\n"


def lists(restriction, *more):
    """main.cf with a restriction in the recipient list."""
    return RELAY + f"smtpd_recipient_restrictions = {restriction}\n" + "\n".join(more)


def transaction(server, recipient=b"joe@example.org"):
    """The reply to RCPT."""
    return server.talk(b"EHLO client.test\r\n", b"MAIL FROM:<from@client.test> SIZE=1234\r\n",
                       b"RCPT TO:<%b>\r\n" % recipient, b"QUIT\r\n")[3]


@pytest.fixture
def policy():
    made = []

    def make(reply):
        made.append(PolicyServer(reply))
        return made[-1]

    yield make
    for server in made:
        server.close()


def test_policy_service_decides(tmp_path, policy):
    judge = policy(lambda asked: b"action=REJECT not %b\n\n" % asked["recipient"].encode()
                   if asked["recipient"].startswith("bad") else b"action=DUNNO\n\n")
    with Smtpd(tmp_path, lists(f"check_policy_service inet:127.0.0.1:{judge.port}")) as server:
        assert transaction(server) == b"250 2.1.5 Ok\r\n"
        assert transaction(server, b"bad@example.org") == \
            b"554 5.7.1 <bad@example.org>: Recipient address rejected: not bad@example.org\r\n"
    first = judge.requests[0]
    assert list(first)[:6] == ["request", "protocol_state", "protocol_name", "client_address", "client_name", "client_port"]
    assert (first["request"], first["protocol_state"], first["protocol_name"]) == ("smtpd_access_policy", "RCPT", "ESMTP")
    assert (first["helo_name"], first["sender"], first["recipient"]) == ("client.test", "from@client.test", "joe@example.org")
    assert (first["client_address"], first["server_address"], first["size"]) == ("127.0.0.1", "127.0.0.1", "1234")
    assert first["instance"] != judge.requests[1]["instance"]
    assert judge.connections == 1, "the connection is kept"


@pytest.mark.parametrize("reply", [None, b"nonsense\n\n", b"other=1\n\n", b"action=\xff\xfe\n\n"])
def test_policy_service_that_fails_is_temporary(tmp_path, policy, reply):
    judge = policy(lambda asked: reply)
    with Smtpd(tmp_path, lists(f"check_policy_service inet:127.0.0.1:{judge.port}",
                               "smtpd_policy_service_retry_delay = 1s", "smtpd_policy_service_try_limit = 1")) as server:
        assert transaction(server) == b"451 4.3.5 <joe@example.org>: Recipient address rejected: " \
            b"Server configuration problem\r\n"
        assert any("problem talking to server inet:127.0.0.1:" in line for line in server.lines())


def test_policy_service_options(tmp_path, policy):
    closed = policy(lambda asked: None)
    closed.close()
    spec = f"{{ inet:127.0.0.1:{closed.port}, timeout=1s, default_action=DUNNO, try_limit=1 }}"
    with Smtpd(tmp_path, lists(f"check_policy_service {spec}")) as server:
        assert transaction(server) == b"250 2.1.5 Ok\r\n"


def test_a_silent_policy_service_stops_nobody_else(tmp_path, policy):
    silent = policy(lambda asked: threading.Event().wait(3) or b"action=DUNNO\n\n")
    main_cf = lists(f"check_recipient_access inline:{{fast@example.org=OK}}, check_policy_service inet:127.0.0.1:{silent.port}",
                    "smtpd_policy_service_timeout = 1s", "smtpd_policy_service_try_limit = 1")
    with Smtpd(tmp_path, main_cf) as server, server.client() as slow:
        slow.reply()
        slow.ask(b"HELO a\r\n")
        slow.ask(b"MAIL FROM:<>\r\n")
        slow.socket.sendall(b"RCPT TO:<slow@example.org>\r\n")
        assert transaction(server, b"fast@example.org") == b"250 2.1.5 Ok\r\n"
        assert slow.reply().startswith(b"451 4.3.5 ")


class Lists:
    """A resolver with one list."""

    def __init__(self, rows):
        self.rows = rows

    async def lookup(self, name, kind):
        await asyncio.sleep(0.01)
        row = self.rows.get((name, kind))
        if isinstance(row, str):
            return dns.Answer(row, [], 60, name, dns.not_found(name, kind, "Host not found, try again"))
        return dns.Answer(dns.OK, row, 60, name) if row else dns.Answer(dns.NOT_FOUND, [], 60, name, "Host not found")


@pytest.mark.parametrize("spec, listed", [("list.test", True), ("list.test=127.0.0.4", True), ("list.test=127.0.0.5", False),
                                          ("list.test=127.0.0.[3..5]", True), ("list.test=127.0.0.[1;9]", False),
                                          ("broken.test", False)])
def test_block_lists(tmp_path, monkeypatch, spec, listed):
    rows = {("1.0.0.127.list.test", "A"): ["127.0.0.4"], ("1.0.0.127.list.test", "TXT"): [b"go away\r\n250 fake"],
            ("1.0.0.127.broken.test", "A"): dns.RETRY}
    monkeypatch.setattr(lookups, "_shared", [Lists(rows)])
    with Smtpd(tmp_path, lists(f"reject_rbl_client {spec}")) as server:
        reply = transaction(server)
    if not listed:
        assert reply == b"250 2.1.5 Ok\r\n"
    else:
        assert reply == b"554 5.7.1 Service unavailable; Client host [127.0.0.1] blocked using list.test; go away__250 fake\r\n"


def test_an_unknown_sender_is_deferred_when_the_dns_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(lookups, "_shared", [Lists({("client.test", "MX"): dns.RETRY})])
    with Smtpd(tmp_path, lists("reject_unknown_sender_domain")) as server:
        assert transaction(server) == b"450 4.1.8 <from@client.test>: Sender address rejected: Domain not found\r\n"


@pytest.mark.parametrize("restriction, reply", [
    ("reject_unverified_recipient", b"451 4.3.5 Server configuration error\r\n"),
    ("reject_plaintext_session", b"450 4.7.1 Session encryption is required\r\n"),
    ("reject_sender_login_mismatch", b"250 2.1.5 Ok\r\n"), ("permit_tls_clientcerts, reject",
                                                           b"554 5.7.1 <joe@example.org>: Recipient address rejected: Access denied\r\n"),
    ("sleep 1", b"250 2.1.5 Ok\r\n"), ("sleep x", b"451 4.3.5 Server configuration error\r\n"),
    ("check_policy_service nonsense", b"451 4.3.5 Server configuration error\r\n")])
def test_what_is_not_there_is_said(tmp_path, restriction, reply):
    with Smtpd(tmp_path, lists(restriction)) as server:
        assert transaction(server) == reply


@pytest.mark.parametrize("helo, code", [(b"[127.0.0.1]", b"250"), (b"[IPv6:::1]", b"250"), (b"[1.2.3]", b"501"), (b"a..b", b"501"),
                                        (b"1.2.3.4", b"501"), (b"host", b"250"), (b"host.test.", b"250")])
def test_helo_names(tmp_path, helo, code):
    with Smtpd(tmp_path, "smtpd_delay_reject = no\nsmtpd_helo_restrictions = reject_invalid_helo_hostname") as server:
        assert server.talk(b"HELO %b\r\n" % helo)[1][:3] == code


def test_patterns_of_lists():
    wanted = ippattern.parse("127.0.[0;2..3].[1..4]")
    assert [ippattern.matches(wanted, f"127.0.{tail}") for tail in ("0.1", "2.4", "3.3", "1.1", "2.5", "4.1")] == [True] * 3 + [False] * 3


@pytest.mark.parametrize("pattern, text", [
    ("127.0.0", 'need "." at "127.0.0><"'), ("127.0.0.[1..", 'missing "]" character'), ("127.0.0.1.1", 'garbage after pattern at "127.0.0.1>.<1"'),
    ("127.0.0.[]", 'need decimal number 0..255 at "127.0.0.[>]<"'), ("127.0.0.[1;]", 'need decimal number 0..255 at "127.0.0.[1;>]<"'),
    ("127.0.0.99999999999", 'need decimal number 0..255 or "[" at "127.0.0.>99999999999<"'),
    ("127.0.0.[1.2]", 'numeric range error at "127.0.0.[1.>2<]"'), ("127.0.0.[[1]]", 'need decimal number 0..255 at "127.0.0.[>[<1]]"')])
def test_bad_patterns_of_lists_are_told_and_refuse_nobody_for_good(tmp_path, monkeypatch, pattern, text):
    monkeypatch.setattr(lookups, "_shared", [Lists({("1.0.0.127.list.test", "A"): ["127.0.0.4"]})])
    with Smtpd(tmp_path, lists(f"reject_rbl_client list.test={pattern}")) as server:
        assert transaction(server) == b"451 4.3.5 Server configuration error\r\n"
        assert any(line == "warning: RBL reply error: " + text for line in server.lines("RBL reply"))


def test_a_full_server_is_under_stress(tmp_path):
    with Smtpd(tmp_path, "smtpd_hard_error_limit = ${stress?{2}:{20}}\n", limit=2) as server:
        with server.client() as one, server.client() as two:
            one.reply(), two.reply()
            waiting = server.client()
            one.ask(b"QUIT\r\n")
            waiting.reply()
            replies = waiting.ask(b"BAD\r\n") + waiting.ask(b"BAD\r\n") + waiting.ask(b"BAD\r\n")
            assert b"421 4.7.0 mx.example.org Error: too many errors\r\n" in replies
            two.ask(b"QUIT\r\n")
            waiting.close()
        server.lines()
        with server.client() as later:
            later.reply()
            replies = [later.ask(b"BAD\r\n") for _ in range(5)]
            assert replies[-1].startswith(b"502 ") or replies[-1].startswith(b"500 ")
