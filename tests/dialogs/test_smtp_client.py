"""Scripted servers, kind and hostile, and the agent's answer to each: outcome, throttling, log line. Law: smtp(8)."""

import asyncio
import socket
import time
from typing import Any

import pytest

from pyfix import model
from tests.kit.client_cases import B, BARE, CASES, DOT, GO, HI, OK, P, PIPE, SENT, H
from tests.kit.delivery import BODY, Bench, Content, configuration, run
from tests.kit.smtp_server import Close, Part, Server, Silence

RECIPIENTS = [b"one@example.com", b"two@example.com", b"three@example.com"]


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, tmp_path: Any) -> None:
    case = CASES[name]

    async def scenario() -> None:
        server = await Server(*case.scripts).start()
        world = Bench(configuration(tmp_path, **case.settings))
        trouble, rows = await world.send(server.nexthop, RECIPIENTS[:len(case.expected)])
        for row, (status, dsn, text) in zip(rows, case.expected):
            assert row[1:3] == [status, dsn], row
            assert row[3].startswith(text.replace("SIZE", str(len(BODY)))), row
            assert len(row[3]) <= 2100 and row[3].isprintable()
        assert bool(trouble) == case.site
        final = [line for line in world.log.lines if ": to=<" in line]
        assert len(final) == len(case.expected)
        assert world.agent.active == 0
        await world.close()
        await server.stop()

    run(scenario)


def play(tmp_path: Any, scenario: Any, *scripts: Any, program: str = "smtp", **settings: str) -> Any:
    """Run `scenario(world, server)`."""
    async def whole() -> Any:
        server = await Server(*scripts).start()
        world = Bench(configuration(tmp_path, **settings), program)
        try:
            return await scenario(world, server)
        finally:
            await world.close()
            await server.stop()
    return run(whole)


def test_line_of_the_log(tmp_path: Any) -> None:
    async def scenario(world: Bench, server: Server) -> None:
        recipient = model.Recipient(b"a b@example.com", original=b"alias@example.com")
        await world.send(server.nexthop, [recipient])
        line, = world.log.lines
        assert line.startswith(f'QID0: to=<"a b"@example.com>, orig_to=<alias@example.com>, relay={H}:{server.port}, delay=0.')
        assert line.endswith(", dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 4711)")
        assert len(line.split("delays=")[1].split(",")[0].split("/")) == 4
    play(tmp_path, scenario, [*P, OK, OK, GO, DOT])


@pytest.mark.parametrize("stage, script", [
    ("receiving the initial server greeting", [Silence()]), ("performing the EHLO handshake", [HI, Silence()]),
    ("sending MAIL FROM", [*B, Silence()]), ("sending RCPT TO", [*B, OK, Silence()]),
    ("sending DATA command", [*B, OK, OK, Silence()]),
    ("sending end of data -- message may be sent more than once", [*B, OK, OK, GO, Silence()])])
def test_timeouts(tmp_path: Any, stage: str, script: list[Any]) -> None:
    timeouts = {f"smtp_{name}_timeout": "1s" for name in ("helo", "mail", "rcpt", "data_init", "data_done")}

    async def scenario(world: Bench, server: Server) -> None:
        trouble, rows = await world.send(server.nexthop)
        assert rows == [[0, "deferred", "4.4.2", f"conversation with {H} timed out while {stage}"]] and trouble == rows[0][2:]
    play(tmp_path, scenario, script, **timeouts)


def test_refused_connection(tmp_path: Any) -> None:
    async def scenario(world: Bench, server: Server) -> None:
        await server.stop()
        trouble, rows = await world.send(server.nexthop)
        why = f"connect to {H}:{server.port}: Connection refused"
        assert (trouble, rows) == (["4.4.1", why], [[0, "deferred", "4.4.1", why]])
        assert world.log.lines[0] == why and ", relay=none, delay=" in world.log.lines[1]
    play(tmp_path, scenario, [HI])


def test_next_server_after_trouble(tmp_path: Any) -> None:
    """A list of nexthops: 4xx for one recipient, a lost connection, a dead server; the rest goes on to the next."""
    async def scenario(world: Bench, server: Server) -> None:
        second = await Server([*P, OK, OK, GO, DOT]).start()
        dead = await Server([HI]).start()
        await dead.stop()
        nexthop = f"{dead.nexthop}, {server.nexthop} {second.nexthop}"
        trouble, rows = await world.send(nexthop, RECIPIENTS[:2])
        assert trouble == "" and [row[1:] for row in rows] == [list(SENT), list(SENT)]
        assert f"QID0: host {H} said: 450 4.2.0 grey (in reply to RCPT TO command)" in world.log.lines
        assert [line.split()[1] for line in second.heard if line.startswith(b"RCPT")] == [b"TO:<two@example.com>"]
        await second.stop()
    play(tmp_path, scenario, [*P, OK, OK, b"450 4.2.0 grey\r\n", GO, DOT])


def test_fallback_relay(tmp_path: Any) -> None:
    async def whole() -> None:
        fallback = await Server([*P, OK, OK, GO, DOT]).start()
        dead = await Server([HI]).start()
        await dead.stop()
        world = Bench(configuration(tmp_path, smtp_fallback_relay=fallback.nexthop))
        assert (await world.send(dead.nexthop))[1][0][1] == "sent"
        await world.close()
        await fallback.stop()
    run(whole)


def test_connection_reuse(tmp_path: Any) -> None:
    """Back-to-back mail keeps the connection; RSET comes first, conn_use counts; a dead one is not a failure."""
    async def scenario(world: Bench, server: Server) -> None:
        for _ in range(4):
            assert (await world.send(server.nexthop))[1][0][1] == "sent"
        assert server.connections == 3
        assert ", conn_use=2, " in world.log.lines[2]
        assert server.heard.count(b"RSET\r\n") == 2
    play(tmp_path, scenario, [*P, OK, OK, GO, DOT], [*P, OK, OK, GO, DOT, OK, OK, OK, GO, DOT, Close()],
         [*P, OK, OK, GO, DOT])


@pytest.mark.parametrize("settings, connections", [({"smtp_connection_cache_on_demand": "no"}, 3),
                                                   ({"smtp_connection_reuse_count_limit": "2"}, 2)])
def test_reuse_limits(tmp_path: Any, settings: dict[str, str], connections: int) -> None:
    script = [*P, OK, OK, GO, DOT, *[OK, OK, OK, GO, DOT] * 3]

    async def scenario(world: Bench, server: Server) -> None:
        for _ in range(3):
            assert (await world.send(server.nexthop))[1][0][1] == "sent"
        assert server.connections == connections
    play(tmp_path, scenario, script, smtp_connection_cache_destinations="" if "on_demand" in str(settings) else "x", **settings)


def test_idle_connection_ends(tmp_path: Any) -> None:
    async def scenario(world: Bench, server: Server) -> None:
        await world.send(server.nexthop)
        await world.send(server.nexthop)
        assert len(world.agent.pool) == 1
        until = time.monotonic() + 5
        while (world.agent.pool or world.engine.streams) and time.monotonic() < until:
            await asyncio.sleep(0.05)
        assert not world.agent.pool and world.engine.streams == 0
    play(tmp_path, scenario, [*P, OK, OK, GO, DOT, *[OK, OK, OK, GO, DOT] * 3], smtp_connection_cache_time_limit="1s")


def test_content_in_pieces(tmp_path: Any) -> None:
    """Content that is not in memory arrives as it was stored, dots and long lines seen to across the pieces."""
    body = b"Subject: x\r\n\r\n" + b"".join(b".%d" % i + b"y" * (i % 1300) + b"\r\n" for i in range(3000))

    async def scenario(world: Bench, server: Server) -> None:
        await world.send(server.nexthop, RECIPIENTS[:1], Content(body, spilled=True))
        from tests.oracle.outgoing import encode
        assert server.contents == [encode(body)]
        assert "QID0: breaking line > 998 bytes with <CR><LF>SPACE" in world.log.lines
    play(tmp_path, scenario, [*P, OK, OK, GO, DOT])


def test_damaged_content_is_never_finished(tmp_path: Any) -> None:
    class Damaged(Content):
        def pieces(self):
            yield memoryview(b"Subject: x\r\n\r\n")
            from pyfix.errors import Corrupt
            raise Corrupt("checksum")

    async def scenario(world: Bench, server: Server) -> None:
        trouble, rows = await world.send(server.nexthop, RECIPIENTS[:1], Damaged(BODY, spilled=True))
        assert rows[0][1:3] == ["deferred", "4.3.0"] and server.contents == []
    play(tmp_path, scenario, [*P, OK, OK, GO, DOT])


def test_early_reply_amid_content(tmp_path: Any) -> None:
    """A server that answers before the content is out, and floods, costs no memory and gets all of the content."""
    body = b"x" * 70 + b"\r\n"

    async def scenario(world: Bench, server: Server) -> None:
        trouble, rows = await world.send(server.nexthop, RECIPIENTS[:1], Content(body * 30000, spilled=True))
        assert rows[0][1] == "bounced" and "552 5.3.4 too big" in rows[0][3]
    play(tmp_path, scenario, [*P, OK, OK, b"354 go\r\n552 5.3.4 too big\r\n", b""])


def test_lmtp_per_recipient(tmp_path: Any) -> None:
    async def scenario(world: Bench, server: Server) -> None:
        trouble, rows = await world.send(f"inet:127.0.0.1:{server.port}", RECIPIENTS)
        assert [row[1:3] for row in rows] == [["sent", "2.0.0"], ["bounced", "5.1.1"], ["deferred", "4.2.2"]]
        assert server.heard[0] == b"LHLO client.example\r\n"
    play(tmp_path, scenario, [HI, PIPE, OK, OK, b"550 5.1.1 u\r\n", OK, GO, b"250 2.0.0 a\r\n452 4.2.2 full\r\n"],
         program="lmtp")


def test_lmtp_lost_amid_replies(tmp_path: Any) -> None:
    async def scenario(world: Bench, server: Server) -> None:
        trouble, rows = await world.send(f"inet:127.0.0.1:{server.port}", RECIPIENTS[:2])
        assert [row[1] for row in rows] == ["sent", "deferred"] and "more than once" in rows[1][3]
    play(tmp_path, scenario, [HI, PIPE, OK, OK, OK, GO, Part(b"250 2.0.0 a\r\n"), Close()], program="lmtp")


def test_lmtp_over_unix(tmp_path: Any) -> None:
    async def whole() -> None:
        server = await Server([HI, PIPE, OK, OK, GO, DOT]).start(path=str(tmp_path / "lmtp"))
        world = Bench(configuration(tmp_path), "lmtp")
        trouble, rows = await world.send(f"unix:{tmp_path}/lmtp")
        assert rows[0][1] == "sent" and f", relay=client.example[{tmp_path}/lmtp], " in world.log.lines[0]
        _, rows = await world.send(f"unix:{tmp_path}/none")
        assert rows[0][3] == f"connect to client.example[{tmp_path}/none]: No such file or directory"
        await world.close()
        await server.stop()
    run(whole)


def test_parameters_of_mail_and_rcpt(tmp_path: Any) -> None:
    features = PIPE.replace(b"250 DSN", b"250-SMTPUTF8\r\n250 DSN")

    async def scenario(world: Bench, server: Server) -> None:
        recipient = model.Recipient("r\u00e9@example.com".encode(), orcpt=b"rfc822;a+b@c", notify=model.NOTIFY_NEVER)
        await world.send(server.nexthop, [recipient], sender=b"", flags=model.SMTPUTF8, envid=b"id 1", ret=model.RET_HEADERS,
                         attributes={"encoding": "8bit"})
        assert server.heard[1] == b"MAIL FROM:<> SIZE=%d BODY=8BITMIME ENVID=id+201 RET=HDRS SMTPUTF8\r\n" % len(BODY)
        assert server.heard[2] == "RCPT TO:<r\u00e9@example.com> ORCPT=rfc822;a+2Bb@c NOTIFY=NEVER\r\n".encode()
    play(tmp_path, scenario, [HI, features, OK, OK, GO, DOT])


def test_smtputf8_not_offered(tmp_path: Any) -> None:
    """Mail that needs SMTPUTF8 is returned; mail that only asked for it goes."""
    async def scenario(world: Bench, server: Server) -> None:
        _, rows = await world.send(server.nexthop, [b"\xc3\xa9@example.com"], flags=model.SMTPUTF8)
        assert rows[0][1:] == ["bounced", "5.6.7", f"SMTPUTF8 is required, but was not offered by host {H}"]
        _, rows = await world.send(server.nexthop, flags=model.SMTPUTF8)
        assert rows[0][1] == "sent"
    play(tmp_path, scenario, [*P, OK, OK, GO, DOT])


@pytest.mark.parametrize("nexthop, text", [("[127.0.0.1]:99999", "bad network port"), ("[127.0.0.1", "missing"),
                                           ("127.0.0.1:nosuchservice", "unknown service"), ("", "empty nexthop"),
                                           (" , ", "empty nexthop"), ("[]:25", "null destination"), ("x:+25", "unknown service")])
def test_bad_nexthop(tmp_path: Any, nexthop: str, text: str) -> None:
    async def scenario(world: Bench, server: Server) -> None:
        _, rows = await world.send(nexthop)
        assert rows[0][1:] == ["deferred", "4.3.5", "mail system configuration error"]
        assert text in world.log.lines[0]
    play(tmp_path, scenario, [HI])


def test_soft_bounce(tmp_path: Any) -> None:
    async def scenario(world: Bench, server: Server) -> None:
        _, rows = await world.send(server.nexthop)
        assert rows[0][1:3] == ["deferred", "4.1.1"] and "status=SOFTBOUNCE" in world.log.lines[0]
    play(tmp_path, scenario, [*B, OK, b"550 5.1.1 u\r\n"], soft_bounce="yes")


def test_address_with_control_bytes_goes_nowhere(tmp_path: Any) -> None:
    async def scenario(world: Bench, server: Server) -> None:
        _, rows = await world.send(server.nexthop, [b"a\r\nRCPT TO:<x@y>\r\n@example.com", b"good@example.com"])
        assert rows[0][1:3] == ["bounced", "5.1.3"] and rows[1][1] == "sent"
        assert not any(b"x@y" in line for line in server.heard)
    play(tmp_path, scenario, [*P, OK, OK, GO, DOT])


def test_source_address(tmp_path: Any) -> None:
    peers = []

    async def scenario(world: Bench, server: Server) -> None:
        server.server.close()
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        world.put(f"[127.0.0.1]:{listener.getsockname()[1]}")
        loop = asyncio.get_running_loop()
        connection, peer = await loop.sock_accept(listener)
        peers.append(peer[0])
        connection.close()
        listener.close()
        await asyncio.sleep(0.05)
    play(tmp_path, scenario, [BARE], smtp_bind_address="127.0.0.9")
    assert peers == ["127.0.0.9"]


def test_many_sessions_at_once(tmp_path: Any) -> None:
    async def scenario(world: Bench, server: Server) -> None:
        numbers = [world.put(server.nexthop) for _ in range(300)]
        while len(world.outcomes) < len(numbers):
            await asyncio.sleep(0.01)
        assert all(result[1:] == ["", [0]] for result in world.outcomes)
        assert world.agent.active == 0
    play(tmp_path, scenario, [*P, OK, OK, GO, DOT])


def test_eight_bit_is_downgraded(tmp_path: Any) -> None:
    body = b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: 8bit\r\n\r\n.\xc3\xa9\r\n"

    async def scenario(world: Bench, server: Server) -> None:
        await world.send(server.nexthop, RECIPIENTS[:1], body, attributes={"encoding": "8bit"})
        assert server.contents[0].endswith(b"Content-Transfer-Encoding: quoted-printable\r\n\r\n..=C3=A9\r\n.\r\n")
    play(tmp_path, scenario, [*B, OK, OK, GO, DOT])


def test_xforward(tmp_path: Any) -> None:
    features = PIPE.replace(b"250 DSN", b"250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE")

    async def scenario(world: Bench, server: Server) -> None:
        await world.send(server.nexthop, attributes={"client_name": "a b.example", "client_address": "192.0.2.1", "client_port": "unknown",
                                                     "protocol": "ESMTP"})
        assert server.heard[1:3] == [b"XFORWARD NAME=a+20b.example ADDR=192.0.2.1\r\n",
                                     b"XFORWARD PROTO=ESMTP IDENT=QID0 SOURCE=REMOTE\r\n"]
        server.heard.clear()
        await world.send(server.nexthop, attributes={"client_name": "unknown"}, flags=model.LOCAL_CLIENT)
        assert server.heard[1] == b"XFORWARD IDENT=QID1 SOURCE=LOCAL\r\n"
        server.heard.clear()
        await world.send(server.nexthop, flags=model.LOCAL_SUBMISSION)
        assert b"XFORWARD SOURCE=LOCAL\r\n" in server.heard
    play(tmp_path, scenario, [HI, features, OK, OK, OK, OK, GO, DOT], smtp_send_xforward_command="yes")


def test_debug_peer_list(tmp_path: Any) -> None:
    """Commands and replies of a watched server are logged, whole lines in their order, as Debian's Postfix writes them."""
    async def scenario(world: Bench, server: Server) -> None:
        await world.send(server.nexthop)
        where = f"{H}:{server.port}: "
        shown = [line.replace(where, "") for line in world.log.lines if line[:2] in ("> ", "< ")]
        assert shown[:3] == ["< 220 mx.example ESMTP", "> EHLO client.example", "< 250-mx.example"]
        assert [line for line in shown if line[0] == ">"][1:4] == ["> MAIL FROM:<s@example.org>", "> RCPT TO:<r@example.com>", "> DATA"]
        assert "< 250 2.0.0 Ok?queued" in shown
    script = [HI, b"250-mx.example\r\n250 HELP\r\n", OK, OK, GO, b"250 2.0.0 Ok\x01queued\r\n"]
    play(tmp_path, scenario, script, debug_peer_list="192.0.2.1, 127.0.0.0/8")


def test_who_is_not_watched(tmp_path: Any) -> None:
    async def scenario(world: Bench, server: Server) -> None:
        await world.send(server.nexthop)
        assert not [line for line in world.log.lines if line[:2] in ("> ", "< ")]
    play(tmp_path, scenario, [*P, OK, OK, GO, DOT], debug_peer_list="192.0.2.1")


def test_verp(tmp_path: Any) -> None:
    """Each recipient has its sender address, the log has the one that was given."""
    async def scenario(world: Bench, server: Server) -> None:
        recipient = model.Recipient(b"only@c.example", b"one@v.example")
        await world.send(server.nexthop, [recipient], sender=b"list@a.example", flags=model.VERP, attributes={"verp_delimiters": "+="})
        assert server.heard[1] == b"MAIL FROM:<list+one=v.example@a.example> SIZE=%d\r\n" % len(BODY)
    play(tmp_path, scenario, [*P, OK, OK, GO, DOT])


def test_pix(tmp_path: Any) -> None:
    """Old mail behind a PIX: HELO, and the dot in a packet of its own."""
    async def scenario(world: Bench, server: Server) -> None:
        start = time.monotonic()
        _, rows = await world.send(server.nexthop)
        assert rows[0][1] == "sent" and server.heard[0].startswith(b"HELO ") and time.monotonic() - start >= 1
        assert world.log.lines[0] == ("QID0: enabling PIX workarounds: disable_esmtp delay_dotcrlf for "
                                      f"{H}:{server.port}")
        assert server.contents == [BODY + b".\r\n"]
    play(tmp_path, scenario, [b"220 *******0*2*\r\n", BARE, OK, OK, GO, DOT], smtp_pix_workaround_threshold_time="0s",
         smtp_pix_workaround_delay_time="1s")


def test_filters(tmp_path: Any) -> None:
    async def scenario(world: Bench, server: Server) -> None:
        _, rows = await world.send(server.nexthop)
        assert rows[0][1:] == ["deferred", "4.7.99", "filtered"]
    play(tmp_path, scenario, [*B, OK, b"250 x\r\n"], smtp_reply_filter="regexp:{{/^250 x$$/ 550 5.1.1 y}}",
         smtp_delivery_status_filter="regexp:{{/^5.1.1 host .* said: 550 5.1.1 y/ 4.7.99 filtered}}")


def test_success_notification_that_the_server_can_not_give(tmp_path: Any) -> None:
    async def scenario(world: Bench, server: Server) -> None:
        recipient = model.Recipient(b"r@example.com", notify=model.NOTIFY_SUCCESS)
        _, rows = await world.send(server.nexthop, [recipient])
        assert rows[0][1] == "relayed" and "status=sent" in world.log.lines[0]
    play(tmp_path, scenario, [*B, OK, OK, GO, DOT])


def test_jobs_of_a_lost_link_are_forgotten(tmp_path: Any) -> None:
    """What was not sent is not sent, what was sent is not told: its number may be another message's by now."""
    async def scenario(world: Bench, server: Server) -> None:
        first = world.put(server.nexthop)
        while b"DATA\r\n" not in server.heard:
            await asyncio.sleep(0.01)
        world.agent.forget_jobs()
        second = world.put(server.nexthop)
        while not server.contents:
            await asyncio.sleep(0.01)
        world.agent.forget_jobs()
        await asyncio.sleep(0.3)
        assert world.outcomes == [] and world.agent.active == 0 and first != second
        assert len([line for line in world.log.lines if "status=sent" in line]) == 1 and len(server.contents) == 1
        assert (await world.send(server.nexthop))[1][0][1] == "sent"
        assert world.agent.sites[server.nexthop].busy == 0
    play(tmp_path, scenario, [*P, OK, OK, Silence()], [*P, OK, OK, GO, Part(b"", 0.1), DOT], [*P, OK, OK, GO, DOT])
