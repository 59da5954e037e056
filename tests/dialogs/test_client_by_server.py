"""What depends on the server and on the network: EHLO keywords, PIX workarounds, DNS filters, source addresses, deadlines. Law: postconf(5)."""

import ipaddress
import shutil
import socket
import tempfile
import time
import types
from typing import Any

import pytest

from pyfix import model
from pyfix.config import Config
from pyfix.deliver.parameters import Parameters
from tests.kit.client_cases import BARE, DOT, GO, H, HI, OK, P
from tests.kit.delivery import Bench, Content, Log, configuration
from tests.kit.smtp_server import Part, Server, Silence
from tests.dialogs.test_smtp_client import RECIPIENTS, play
from tests.dialogs.test_smtp_hosts import play as play_dns

TAKES = [*P, OK, OK, GO, DOT]


@pytest.mark.parametrize("maps, mail, logged", [
    ("inline:{{127.0.0.1 = pipelining, dsn vrfy size xxx 8bitmime}}", b"MAIL FROM:<s@example.org>\r\n",
     ["discarding EHLO keywords: 8BITMIME PIPELINING SIZE VRFY DSN"]),
    ("inline:{{127.0.0.1 = size, silent-discard}}", b"MAIL FROM:<s@example.org>\r\n", []),
    ("inline:{{192.0.2.1 = size}}", b"MAIL FROM:<s@example.org>\r\n", ["discarding EHLO keywords: SIZE DSN"]),
    ("inline:{{127.0.0.1 = nothing}}", b"MAIL FROM:<s@example.org> SIZE=%d\r\n", []),
])
def test_keywords_to_discard(tmp_path: Any, maps: str, mail: bytes, logged: list[str]) -> None:
    """A table takes the place of the list; what is discarded is logged once a session."""
    async def scenario(world: Bench, server: Server) -> None:
        _, rows = await world.send(server.nexthop)
        assert rows[0][1] == "sent" and world.log.lines[:-1] == logged
        assert server.heard[1] == (mail % len(b"Subject: test\r\n\r\nhello\r\n") if b"%d" in mail else mail)
    play(tmp_path, scenario, TAKES, smtp_discard_ehlo_keyword_address_maps=maps, smtp_discard_ehlo_keywords="size, dsn")


def test_a_table_of_keywords_that_fails_defers(tmp_path: Any) -> None:
    async def scenario(world: Bench, server: Server) -> None:
        trouble, rows = await world.send(server.nexthop)
        assert trouble == "" and rows[0][1:] == ["deferred", "4.3.0", f"local data error while talking to {H}"]
        assert world.log.lines[1] == "warning: QID0: smtp_discard_ehlo_keyword_address_maps map lookup error for 127.0.0.1"
    play(tmp_path, scenario, TAKES, smtp_discard_ehlo_keyword_address_maps="fail:x")


def test_lmtp_keywords_to_discard(tmp_path: Any) -> None:
    async def scenario(world: Bench, server: Server) -> None:
        await world.send(f"inet:127.0.0.1:{server.port}")
        assert server.heard[1] == b"MAIL FROM:<s@example.org>\r\n"
    play(tmp_path, scenario, TAKES, program="lmtp", lmtp_discard_lhlo_keyword_address_maps="static:size")


@pytest.mark.parametrize("maps, hello, told", [
    ("inline:{{127.0.0.1 = disable_esmtp}}", b"HELO", ["disable_esmtp"]), ("inline:{{127.0.0.1 = none}}", b"EHLO", ["none"]),
    ("fail:x", b"EHLO", [])])
def test_pix_workarounds_by_server(tmp_path: Any, maps: str, hello: bytes, told: list[str]) -> None:
    async def scenario(world: Bench, server: Server) -> None:
        _, rows = await world.send(server.nexthop)
        assert rows[0][1] == "sent" and server.heard[0].startswith(hello)
        assert [line for line in world.log.lines if "PIX" in line] == [
            f"QID0: enabling PIX workarounds: {word} for {H}:{server.port}" for word in told]
    play(tmp_path, scenario, [b"220 *******0*2*\r\n", BARE, OK, OK, GO, DOT], smtp_pix_workaround_maps=maps, smtp_pix_workaround_threshold_time="0s")


@pytest.mark.parametrize("enforce, status, dsn", [("no", "sent", "2.0.0"), ("yes", "deferred", "4.4.0")])
def test_a_source_address_that_is_not_ours(tmp_path: Any, enforce: str, status: str, dsn: str) -> None:
    async def scenario(world: Bench, server: Server) -> None:
        _, rows = await world.send(server.nexthop)
        assert rows[0][1:3] == [status, dsn]
        assert world.log.lines[0] == "warning: smtp_connect_addr: bind 192.0.2.77: Cannot assign requested address"
    play(tmp_path, scenario, TAKES, smtp_bind_address="192.0.2.77", smtp_bind_address_enforce=enforce)


@pytest.mark.parametrize("assume, status", [("no", "relayed"), ("yes", "delivered")])
def test_an_lmtp_server_without_dsn_may_be_taken_for_the_last(tmp_path: Any, assume: str, status: str) -> None:
    async def scenario(world: Bench, server: Server) -> None:
        recipient = model.Recipient(b"r@example.com", notify=model.NOTIFY_SUCCESS)
        _, rows = await world.send(f"inet:127.0.0.1:{server.port}", [recipient])
        assert rows[0][1] == status
    play(tmp_path, scenario, [HI, BARE, OK, OK, GO, DOT], program="lmtp", lmtp_assume_final=assume)


def test_a_fallback_for_lmtp(tmp_path: Any) -> None:
    path = tempfile.mkdtemp(prefix="pyfix-")

    async def scenario(world: Bench, server: Server) -> None:
        other = await Server(TAKES).start(path=f"{path}/lmtp")
        _, rows = await world.send(f"unix:{path}/none")
        assert rows[0][1] == "sent" and f", relay=client.example[{path}/lmtp], " in world.log.lines[-1]
        await other.stop()
    play(tmp_path, scenario, TAKES, program="lmtp", lmtp_fallback_relay=f"unix:{path}/lmtp")
    shutil.rmtree(path)


@pytest.mark.parametrize("own, source", [("127.0.0.1", ""), ("192.0.2.5", "192.0.2.5"), ("192.0.2.5 192.0.2.6", ""),
                                         ("192.0.2.5 2001:db8::1", "192.0.2.5"), ("192.0.2.5 127.0.0.1", "")])
def test_the_only_address_is_where_connections_come_from(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, own: str, source: str) -> None:
    """A host that listens on one address of its own sends from it, so that mail comes from the right place."""
    found = [types.SimpleNamespace(address=ipaddress.ip_address(ip)) for ip in own.split()]
    monkeypatch.setattr(Config, "own_interfaces", lambda config: found)
    assert Parameters(configuration(tmp_path), Log(), "smtp").bind[socket.AF_INET] == source
    config = configuration(tmp_path, smtp_bind_address="192.0.2.9")
    assert Parameters(config, Log(), "smtp").bind[socket.AF_INET] == "192.0.2.9"


ZONE = {"d.test MX": ["10 one.test.", "20 two.test."], "one.test A": ["127.0.0.10", "127.0.0.11"], "two.test A": ["127.0.0.12"]}


@pytest.mark.parametrize("rules, relay, ignored", [
    ("{/ MX 10 / IGNORE}", "two.test[127.0.0.12]", "d.test. 60 IN MX 10 one.test."),
    ("{/^one.test. [0-9]+ IN A 127.0.0.10$$/ IGNORE}", "one.test[127.0.0.11]", "one.test. 60 IN A 127.0.0.10"),
    ("{/^one.test/ ignore}", "two.test[127.0.0.12]", "one.test. 60 IN A 127.0.0.11")])
def test_a_filter_of_dns_records(tmp_path: Any, rules: str, relay: str, ignored: str) -> None:
    async def scenario(world: Bench, server: Server) -> None:
        _, rows = await world.send("d.test")
        assert rows[0][1] == "sent" and f", relay={relay}:" in world.log.lines[-1]
        assert f"ignoring DNS RR: {ignored}" in world.log.lines
    play_dns(tmp_path, ZONE, scenario, TAKES, smtp_dns_reply_filter=f"regexp:{{{rules}}}")


@pytest.mark.parametrize("table, dsn, text", [
    ("regexp:{{/./ IGNORE}}", "4.7.0", "Error looking up name=d.test type=MX: DNS reply filter drops all results"),
    ("fail:x", "4.4.3", "Error looking up name=d.test type=MX: DNS reply filter lookup error"),
    ("regexp:{{/./ REJECT}}", "4.4.3", "Error looking up name=d.test type=MX: Invalid DNS reply filter syntax")])
def test_a_filter_that_leaves_nothing_defers(tmp_path: Any, table: str, dsn: str, text: str) -> None:
    async def scenario(world: Bench, server: Server) -> None:
        _, rows = await world.send("d.test")
        assert rows[0][1:] == ["deferred", dsn, text]
    play_dns(tmp_path, ZONE, scenario, TAKES, smtp_dns_reply_filter=table)


@pytest.mark.parametrize("setting, name", [("no", "alias.test"), ("yes", "real.test")])
def test_the_name_of_a_server_with_an_alias(tmp_path: Any, setting: str, name: str) -> None:
    async def scenario(world: Bench, server: Server) -> None:
        await world.send("[alias.test]")
        assert f", relay={name}[127.0.0.10]:" in world.log.lines[-1]
    play_dns(tmp_path, {"alias.test CNAME": ["real.test."], "real.test A": ["127.0.0.10"]}, scenario, TAKES,
             smtp_cname_overrides_servername=setting)


@pytest.mark.parametrize("whole", [True, False])
def test_a_deadline_for_the_whole_reply(tmp_path: Any, whole: bool) -> None:
    """A server that dribbles keeps the connection for ever, unless the request as a whole has a deadline."""
    dribble = [Part(b"250-x\r\n", 0.7)] * 5

    async def scenario(world: Bench, server: Server) -> None:
        began = time.monotonic()
        _, rows = await world.send(server.nexthop)
        if whole:
            assert rows[0][3] == f"conversation with {H} timed out while sending MAIL FROM" and time.monotonic() - began < 3.4
        else:
            assert rows[0][1] == "sent"
    play(tmp_path, scenario, [HI, BARE, *dribble, b"250 ok\r\n", OK, GO, DOT], smtp_mail_timeout="1s",
         smtp_per_request_deadline="yes" if whole else "no")


def test_a_reader_below_the_least_rate(tmp_path: Any) -> None:
    """With a deadline for each request, content that does not move fast enough ends the session."""
    async def scenario(world: Bench, server: Server) -> None:
        body = Content(b"Subject: x\r\n\r\n" + b"x" * 70 + b"\r\n" * 10_000_000, spilled=True)
        trouble, rows = await world.send(server.nexthop, RECIPIENTS[:1], body)
        assert rows[0][1:] == ["deferred", "4.4.2", f"conversation with {H} timed out while sending message body"]
    play(tmp_path, scenario, [*P, OK, OK, Part(b"354 go\r\n"), Silence()], smtp_data_xfer_timeout="1s", smtp_per_request_deadline="yes",
         smtp_min_data_rate="1000000")
