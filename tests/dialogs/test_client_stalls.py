"""A server that stalls, says 421 or goes away at each point of the dialogue: text, outcome, throttling, and never a copy too many. smtp(8)."""

import asyncio
import socket
import time
from typing import Any

import pytest

from tests.dialogs.test_smtp_client import RECIPIENTS, play
from tests.kit.client_cases import BARE, DOT, GO, H, HI, OK, PIPE
from tests.kit.delivery import BODY, Bench, Content
from tests.kit.smtp_server import Close, Part, Server, Silence
from tests.kit.stall_cases import END, LMTP_STALLS, NOW, STALLS, TAKEN, script

NAMES = ("helo", "xforward", "mail", "rcpt", "data_init", "data_xfer", "data_done", "quit", "rset")
TIMEOUTS = {f"smtp_{name}_timeout": "1s" for name in NAMES} | {"smtp_send_xforward_command": "yes"}
LMTP_TIMEOUTS = {f"lmtp_{name}_timeout": "1s" for name in ("lhlo", *NAMES[1:])}


def silent(cases: dict[str, tuple[list[Any], str, int]], program: str) -> dict[str, tuple[list[Any], str, int]]:
    """What a silent server at each point, and amid a reply, is to lead to: name -> (script, where, recipients)."""
    found = {name: (script(steps, Silence()), where, count) for name, (steps, where, count) in cases.items()}
    for name in ("MAIL", "dot", "EHLO" if program == "smtp" else "LHLO"):
        steps, where, count = cases[name]
        found["amid " + name] = ([*steps[:steps.index(NOW)], Part(b"250-half a"), Silence()], where, count)
    return found


@pytest.mark.parametrize("program, cases, timeouts", [("smtp", STALLS, TIMEOUTS), ("lmtp", LMTP_STALLS, LMTP_TIMEOUTS)])
def test_silence(tmp_path: Any, program: str, cases: Any, timeouts: dict[str, str]) -> None:
    """At each point, all at once: the deadline is that of the command, the whole site is in trouble, no socket is left."""
    async def one(world: Bench, name: str, steps: list[Any], where: str, count: int) -> None:
        server = await Server(steps).start()
        began = time.monotonic()
        trouble, rows = await world.send(server.nexthop if program == "smtp" else f"inet:127.0.0.1:{server.port}", RECIPIENTS[:count])
        text = f"conversation with {H} timed out while {where}"
        assert [row[1:] for row in rows] == [["deferred", "4.4.2", text]] * count and trouble == ["4.4.2", text], name
        assert 0.5 < time.monotonic() - began < 5, name
        await server.stop()

    async def scenario(world: Bench, server: Server) -> None:
        await asyncio.gather(*[one(world, name, *case) for name, case in silent(cases, program).items()])
        assert world.agent.active == 0 and world.engine.streams == 0
    play(tmp_path, scenario, [HI], program=program, **timeouts)


@pytest.mark.parametrize("name", STALLS)
def test_the_connection_is_dropped(tmp_path: Any, name: str) -> None:
    """At each point; the next server gets the mail, once."""
    steps, where, count = STALLS[name]

    async def scenario(world: Bench, server: Server) -> None:
        second = await Server([HI, PIPE, *[OK] * (count + 1), GO, DOT]).start()
        _, rows = await world.send(f"{server.nexthop} {second.nexthop}", RECIPIENTS[:count])
        assert [row[1] for row in rows] == ["sent"] * count and len(second.contents) == 1
        assert f"QID0: lost connection with {H} while {where}" in world.log.lines
        assert len(server.contents) == (where == END)       # a copy too many only where nobody can know
        await second.stop()
    play(tmp_path, scenario, script(steps, Close()), smtp_send_xforward_command="yes")


@pytest.mark.parametrize("name", [name for name in STALLS if "XFORWARD" not in name])
def test_421(tmp_path: Any, name: str) -> None:
    """At each point, and the server hangs up: deferred with its words, and no connection is kept."""
    steps, where, count = STALLS[name]

    async def scenario(world: Bench, server: Server) -> None:
        _, rows = await world.send(server.nexthop, RECIPIENTS[:count])
        said = [row for row in rows if "421 4.3.2 going down" in row[3] or row[3].startswith("lost connection")]
        assert said and all(row[1] == "deferred" and row[2][:2] == "4." for row in rows if row in said)
        assert all(row[1] == "deferred" for row in rows) and not world.agent.pool
    play(tmp_path, scenario, script(steps, b"421 4.3.2 going down\r\n") + [Close()], smtp_connection_cache_destinations="127.0.0.1")


class Deaf:
    """Takes a message up to 354, reads `amount` of the content, then nothing (or hangs up)."""

    def __init__(self, amount: int, close: bool) -> None:
        self.amount, self.close, self.read = amount, close, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.listener.setblocking(False)
        self.nexthop = f"[127.0.0.1]:{self.listener.getsockname()[1]}"

    async def serve(self) -> None:
        loop = asyncio.get_running_loop()
        self.peer, _ = await loop.sock_accept(self.listener)
        self.peer.setblocking(False)
        for say in (HI, BARE, OK, OK, GO):
            await loop.sock_sendall(self.peer, say)
            if say is not GO:
                await loop.sock_recv(self.peer, 4096)
        while self.read < self.amount:
            self.read += len(await loop.sock_recv(self.peer, min(65536, self.amount - self.read)))
        if self.close:
            self.peer.close()


@pytest.mark.parametrize("spilled", [False, True])
@pytest.mark.parametrize("close", [False, True])
def test_a_server_that_stops_amid_the_content(tmp_path: Any, spilled: bool, close: bool) -> None:
    """It can't have taken the message: that is what the reason says, and what data_xfer_timeout is for."""
    async def scenario(world: Bench, server: Server) -> None:
        deaf = Deaf(100_000, close)
        task = asyncio.get_running_loop().create_task(deaf.serve())
        began = time.monotonic()
        _, rows = await world.send(deaf.nexthop, RECIPIENTS[:1], Content(b"Subject: x\r\n\r\n" + b"line of text\r\n" * 2_000_000, spilled))
        how = f"lost connection with {H} while" if close else f"conversation with {H} timed out while"
        assert rows[0][1:] == ["deferred", "4.4.2", f"{how} sending message body"] and time.monotonic() - began < 8
        await task
        deaf.peer.close()
        deaf.listener.close()
    play(tmp_path, scenario, [HI], smtp_data_xfer_timeout="1s", smtp_data_done_timeout="20s")


def test_silence_after_quit_holds_nobody(tmp_path: Any) -> None:
    """The outcome does not wait for the answer to QUIT; the socket does, smtp_quit_timeout long, where it is asked for."""
    async def scenario(world: Bench, server: Server) -> None:
        began = time.monotonic()
        _, rows = await world.send(server.nexthop)
        assert rows[0][1] == "sent" and time.monotonic() - began < 0.9
        assert world.engine.streams == 1
        while world.engine.streams:
            await asyncio.sleep(0.05)
        assert time.monotonic() - began < 4 and len(world.log.lines) == 1
    play(tmp_path, scenario, [*TAKEN, Silence()], smtp_skip_quit_response="no", smtp_connection_cache_on_demand="no", **TIMEOUTS)


def test_silence_after_the_rset_of_a_kept_connection(tmp_path: Any) -> None:
    """smtp_rset_timeout: the connection is given up, and the mail goes over a new one as if there had been none."""
    async def scenario(world: Bench, server: Server) -> None:
        for _ in range(3):
            assert (await world.send(server.nexthop))[1][0][1] == "sent"
        assert server.connections == 3 and len(server.contents) == 3
        assert not any("deferred" in line for line in world.log.lines)
    play(tmp_path, scenario, TAKEN, [*TAKEN, Silence()], TAKEN, smtp_connection_cache_destinations="x", **TIMEOUTS)


@pytest.mark.parametrize("flood, where", [
    ([Part(b"220-" + b"x" * 100 + b"\r\n", 0)] * 300, "receiving the initial server greeting"),
    ([Part(b"220 " + b"x" * 100_000, 0)] * 5, "receiving the initial server greeting"),
    ([HI, *[Part(b"250-SIZE\r\n250-X\x00\x07\r\n", 0)] * 300], "performing the EHLO handshake"),
    ([HI, PIPE, OK, *[Part(b"550-no\r\n", 0)] * 300], "sending RCPT TO"),
    ([HI, PIPE, OK, OK, GO, *[Part(b"250-no\r\n", 0)] * 300], END)])
def test_endless_replies_end(tmp_path: Any, flood: list[Any], where: str) -> None:
    """Lines without end, at any stage: the session is cut, quickly, and what is kept of it is small."""
    async def scenario(world: Bench, server: Server) -> None:
        began = time.monotonic()
        _, rows = await world.send(server.nexthop)
        assert rows[0][1:3] == ["deferred", "4.4.2"] and rows[0][3].endswith(where) and time.monotonic() - began < 3
        assert sum(map(len, world.log.lines)) < 5000 and all(line.isprintable() for line in world.log.lines)
    play(tmp_path, scenario, [*flood, Silence()])


def test_no_copy_too_many_over_a_whole_afternoon(tmp_path: Any) -> None:
    """Servers that drop at random points before the dot never have the message: sent once for each message, by the one that took it."""
    drops = [script(STALLS[name][0], Close()) for name in STALLS if STALLS[name][1] != END and STALLS[name][2] == 1]

    async def scenario(world: Bench, server: Server) -> None:
        good = await Server([HI, PIPE, OK, OK, GO, DOT]).start()
        for _ in range(len(drops)):
            assert (await world.send(f"{server.nexthop} {good.nexthop}"))[1][0][1] == "sent"
        assert len(good.contents) == len(drops) and not server.contents and set(good.contents) == {BODY + b".\r\n"}
        await good.stop()
    play(tmp_path, scenario, *drops, smtp_connection_cache_on_demand="no", smtp_send_xforward_command="yes")
