"""From a domain to a server: MX order, limits, null MX, loops, trouble with the DNS. Law: RFC 5321 5.1, smtp(8)."""

import socket
from typing import Any

import dns.rcode
import pytest

from tests.kit.client_cases import DOT, GO, OK, P
from tests.kit.delivery import Bench, configuration, run
from tests.kit.dns_server import DnsServer, Mute, Rcode
from tests.kit.smtp_server import Close, Server

NOT_FOUND = "Host or domain name not found. Name service error for name="
TAKES = [*P, OK, OK, GO, DOT]


def play(tmp_path: Any, zone: dict[str, Any], scenario: Any, *scripts: Any, own: set[str] | None = None, **settings: str) -> None:
    async def whole() -> None:
        names = await DnsServer(zone).start()
        server = await Server(*scripts).start("0.0.0.0")
        world = Bench(configuration(tmp_path, smtp_tcp_port=str(server.port), **settings), dns=names.config, own=own)
        try:
            await scenario(world, server)
        finally:
            await world.close()
            await server.stop()
            names.stop()
    run(whole)


@pytest.mark.parametrize("zone, expected", [
    ({}, ["bounced", "5.4.4", NOT_FOUND + "d.test type=A: Host not found"]),
    ({"d.test TXT": ['"x"']}, ["bounced", "5.4.4", NOT_FOUND + "d.test type=A: Host found but no data record of requested type"]),
    ({"d.test MX": Rcode(dns.rcode.SERVFAIL)}, ["deferred", "4.4.3", NOT_FOUND + "d.test type=MX: Host not found, try again"]),
    ({"d.test MX": Mute()}, ["deferred", "4.4.3", NOT_FOUND + "d.test type=MX: Host not found, try again"]),
    ({"d.test MX": ["0 ."]}, ["bounced", "5.1.0", "Domain d.test does not accept mail (nullMX)"]),
    ({"d.test MX": ["10 gone.test."]}, ["bounced", "5.4.4", NOT_FOUND + "gone.test type=A: Host not found"]),
    ({"d.test MX": ["10 gone.test.", "20 broken.test."], "broken.test A": Rcode(dns.rcode.SERVFAIL)},
     ["deferred", "4.4.3", NOT_FOUND + "broken.test type=A: Host not found, try again"]),
    ({"d.test CNAME": ["d.test."]}, ["deferred", "4.4.3", "Name server loop for d.test"]),
    ({"d.test A": ["127.0.0.1"]}, ["sent", "2.0.0", "250 2.0.0 Ok: queued as 4711"]),
    ({"d.test CNAME": ["e.test."], "e.test A": ["127.0.0.1"]}, ["sent", "2.0.0", "250 2.0.0 Ok: queued as 4711"]),
    ({"d.test MX": ["10 127.0.0.1."]}, ["sent", "2.0.0", "250 2.0.0 Ok: queued as 4711"]),
])
def test_outcome(tmp_path: Any, zone: dict[str, Any], expected: list[str]) -> None:
    async def scenario(world: Bench, server: Server) -> None:
        trouble, rows = await world.send("d.test")
        assert rows[0][1:] == expected
        assert trouble == (expected[1:] if expected[0] == "deferred" else "")
    play(tmp_path, zone, scenario, TAKES)


def test_inet_protocols_all_asks_for_both(tmp_path: Any) -> None:
    async def scenario(world: Bench, server: Server) -> None:
        _, rows = await world.send("d.test")
        assert rows[0][3] == NOT_FOUND + "d.test type=AAAA: Host not found"
    play(tmp_path, {}, scenario, TAKES, inet_protocols="all")


def test_preference_and_limits(tmp_path: Any) -> None:
    """Servers are tried by preference; two sessions are the limit, five addresses too."""
    zone = {"d.test MX": [f"{20 + i} m{i}.test." for i in range(8)], **{f"m{i}.test A": [f"127.0.0.{10 + i}"] for i in range(8)}}

    async def scenario(world: Bench, server: Server) -> None:
        trouble, rows = await world.send("d.test")
        relays = [line for line in world.log.lines if "m0.test[127.0.0.10]" in line]
        assert server.connections == 2 and len(relays) == 1
        assert rows[0][3] == "lost connection with m1.test[127.0.0.11] while receiving the initial server greeting"
        assert trouble == rows[0][2:]
        await server.stop()
        world.log.lines.clear()
        await world.send("d.test")
        assert sum(line.startswith("connect to ") for line in world.log.lines) == 5
    play(tmp_path, zone, scenario, [Close()])


def test_equal_preference_is_shuffled(tmp_path: Any) -> None:
    zone = {"d.test MX": [f"10 m{i}.test." for i in range(3)], **{f"m{i}.test A": [f"127.0.0.{10 + i}"] for i in range(3)}}

    async def scenario(world: Bench, server: Server) -> None:
        for _ in range(40):
            await world.send("d.test")
        used = {line.split("relay=")[1].split("[")[0] for line in world.log.lines if "relay=" in line}
        assert used == {"m0.test", "m1.test", "m2.test"}
    play(tmp_path, zone, scenario, TAKES, smtp_connection_cache_on_demand="no")


@pytest.mark.parametrize("mine, best, expected", [
    ({"127.0.0.10"}, [], ["bounced", "5.4.6", "mail for d.test loops back to myself"]),
    ({"127.0.0.11"}, ["m0.test"], None),
])
def test_own_address_and_worse_are_dropped(tmp_path: Any, mine: set[str], best: list[str], expected: Any) -> None:
    """Only for port 25: lookup alone, nothing is connected."""
    zone = {"d.test MX": ["10 m0.test.", "20 m1.test.", "30 m2.test."], **{f"m{i}.test A": [f"127.0.0.{10 + i}"] for i in range(3)}}

    async def scenario(world: Bench, server: Server) -> None:
        from pyfix.deliver.hosts import Unreachable
        from pyfix.deliver.target import Destination
        try:
            found, _ = await world.agent.hosts.lookup(Destination("d.test", 25, True))
            assert [address.host for address in found] == best
        except Unreachable as why:
            assert [why.dsn, why.reason] == expected[1:] and why.loop
    play(tmp_path, zone, scenario, TAKES, own=mine)


def test_relayhost_that_does_not_exist_defers(tmp_path: Any) -> None:
    async def scenario(world: Bench, server: Server) -> None:
        _, rows = await world.send("relay.test")
        assert rows[0][1:3] == ["deferred", "4.3.5"]
        assert "warning: relayhost configuration problem" in world.log.lines
    play(tmp_path, {}, scenario, TAKES, relayhost="relay.test")


def test_same_server_for_two_domains_is_one_connection(tmp_path: Any) -> None:
    zone = {"d.test MX": ["10 m.test."], "e.test MX": ["10 m.test."], "m.test A": ["127.0.0.10"]}

    async def scenario(world: Bench, server: Server) -> None:
        for _ in range(2):
            await world.send("d.test")
            await world.send("e.test")
        assert server.connections < 4
    play(tmp_path, zone, scenario, [*TAKES, *[OK, OK, OK, GO, DOT] * 4])


def test_native_lookup(tmp_path: Any) -> None:
    async def scenario(world: Bench, server: Server) -> None:
        _, rows = await world.send("[localhost]")
        assert rows[0][1] == "sent" and "relay=localhost[127.0.0.1]:" in world.log.lines[-1]
        _, rows = await world.send("[no-such-host.invalid]")
        assert rows[0][1] in ("bounced", "deferred") and "unable to look up host no-such-host.invalid: " in rows[0][3]
    play(tmp_path, {}, scenario, TAKES, smtp_host_lookup="native")


def test_families_are_balanced() -> None:
    from pyfix.deliver.hosts import balanced
    from pyfix.deliver.target import Address
    four = [Address("h", f"192.0.2.{i}", 25) for i in range(8)]
    six = [Address("h", f"2001:db8::{i}", 25) for i in range(1, 3)]
    kept = balanced(four + six, 5)
    assert sum(address.family == socket.AF_INET6 for address in kept) == 2 and len(kept) == 5
    assert len(balanced(four, 5)) == 5 and len(balanced(six, 5)) == 2
