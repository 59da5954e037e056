"""A destination that is half dead: addresses that never answer, hosts that refuse, do not slow the rest. Law: smtp(8)."""

import asyncio
import socket
import time
from typing import Any

import pytest

from pyfix.deliver import hosts
from tests.kit.client_cases import DOT, GO, OK, P
from tests.kit.delivery import Bench, configuration, run
from tests.kit.dns_server import DnsServer
from tests.kit.smtp_server import Server

ZONE = {"d.test MX": ["10 dead.test.", "20 alive.test."], "dead.test A": ["127.0.0.10"], "alive.test A": ["127.0.0.11"]}


class Mute:
    """A port of one address that takes no connection: its backlog is full, so that SYNs get no answer."""

    def __init__(self, ip: str, port: int) -> None:
        self.socket = socket.create_server((ip, port), backlog=0)
        self.fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((ip, port))
            self.fillers.append(filler)
        time.sleep(0.05)

    def close(self) -> None:
        for one in (*self.fillers, self.socket):
            one.close()


async def world(tmp_path: Any, **settings: str) -> tuple[Bench, Server, DnsServer, Mute]:
    names = await DnsServer(ZONE).start()
    server = await Server([*P, OK, OK, GO, DOT]).start("127.0.0.11")
    bench = Bench(configuration(tmp_path, smtp_tcp_port=str(server.port), smtp_connect_timeout="1s",
                                smtp_connection_cache_on_demand="no", **settings), dns=names.config)
    return bench, server, names, Mute("127.0.0.10", server.port)


def test_a_server_that_never_answers_is_waited_for_once(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        bench, server, names, mute = await world(tmp_path)
        timed_out = f"connect to dead.test[127.0.0.10]:{server.port}: Connection timed out"
        began = time.monotonic()
        assert (await bench.send("d.test"))[1][0][1] == "sent"
        assert time.monotonic() - began > 0.8 and bench.log.lines[0] == timed_out
        began = time.monotonic()
        for _ in range(20):
            assert (await bench.send("d.test"))[1][0][1] == "sent"
        assert time.monotonic() - began < 0.9 and bench.log.lines.count(timed_out) == 1
        # when the time is over, one delivery tries it again
        key = ("127.0.0.10", server.port)
        bench.agent.hosts.silent[key] = (time.monotonic(), False)
        numbers = [bench.put("d.test") for _ in range(5)]
        while len(bench.outcomes) < 21 + len(numbers):
            await asyncio.sleep(0.05)
        assert bench.log.lines.count(timed_out) == 2 and bench.agent.hosts.silent[key][0] > time.monotonic() + 30
        await bench.close()
        await server.stop()
        names.stop()
        mute.close()
    run(scenario)


def test_a_server_that_came_back_is_used_again(tmp_path: Any) -> None:
    async def scenario() -> None:
        bench, server, names, mute = await world(tmp_path)
        await bench.send("d.test")
        mute.close()
        back = await Server([*P, OK, OK, GO, DOT]).start("127.0.0.10", port=server.port)
        bench.agent.hosts.silent[("127.0.0.10", server.port)] = (time.monotonic(), False)
        await bench.send("d.test")
        assert back.connections == 1
        bench.agent.hosts.silent[("127.0.0.10", server.port)] = (time.monotonic(), True)
        await bench.send("d.test")
        await bench.send("d.test")
        assert back.connections == 3 and not bench.agent.hosts.silent
        for one in (server, back):
            await one.stop()
        await bench.close()
        names.stop()
    run(scenario)


def test_an_only_address_is_never_left_out(tmp_path: Any) -> None:
    async def scenario() -> None:
        bench, server, names, mute = await world(tmp_path)
        for _ in range(2):
            _, rows = await bench.send(f"[127.0.0.10]:{server.port}")
            assert rows[0][1:3] == ["deferred", "4.4.1"] and rows[0][3].endswith("Connection timed out")
        mute.close()
        await bench.close()
        await server.stop()
        names.stop()
    run(scenario)


def test_silent_addresses_are_bounded(tmp_path: Any) -> None:
    async def scenario() -> None:
        bench, server, names, mute = await world(tmp_path)
        from pyfix.deliver.target import Address
        for number in range(hosts.SILENT_KEPT + 5):
            bench.agent.hosts.fell_silent(Address("h", "192.0.2.1", number))
        assert len(bench.agent.hosts.silent) == 5
        mute.close()
        await bench.close()
        await server.stop()
        names.stop()
    run(scenario)


def test_hundreds_of_mute_hosts_do_not_slow_the_others(tmp_path: Any) -> None:
    """Sessions wait beside each other: one destination answers at once while 300 are waited for."""
    async def scenario() -> None:
        bench, server, names, mute = await world(tmp_path)
        waiting = [bench.put(f"[127.0.0.10]:{server.port}") for _ in range(300)]
        began = time.monotonic()
        for _ in range(50):
            assert (await bench.send(f"[127.0.0.11]:{server.port}"))[1][0][1] == "sent"
        assert time.monotonic() - began < 3 and len(waiting) == 300
        mute.close()
        await bench.close()
        await server.stop()
        names.stop()
    run(scenario)
