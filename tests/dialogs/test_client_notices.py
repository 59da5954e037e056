"""notify_classes = protocol: the postmaster sees the session of a server that does not speak our language; nobody else's. smtp(8)."""

import asyncio
from typing import Any

import pytest

from pyfix.deliver.notices import MOST_LINES, Notices, Tap
from tests.dialogs.test_smtp_client import RECIPIENTS, play
from tests.kit.client_cases import BARE, DOT, GO, H, HI, OK, PIPE
from tests.kit.delivery import Bench, run
from tests.kit.relay import Relay
from tests.kit.smtp_server import Close, Part, Server


def notices(tmp_path: Any, steps: list[Any], count: int = 1, classes: str = "protocol", program: str = "smtp", **settings: str) -> list[Any]:
    """The notices that a session with a scripted server leads to."""
    posted: list[Any] = []

    async def scenario(world: Bench, server: Server) -> None:
        world.agent.notices = Notices(world.agent.parameters.config, program, lambda subject, text: posted.append((subject, text, server)))
        await world.send(server.nexthop if program == "smtp" else f"inet:127.0.0.1:{server.port}", RECIPIENTS[:count])
        await world.agent.stop()
        for _ in range(100):
            if not world.engine.streams:
                break
            await asyncio.sleep(0.01)
    play(tmp_path, scenario, steps, program=program, notify_classes=classes, smtp_connection_cache_on_demand="no", **settings)
    return posted


def test_the_transcript_is_that_of_smtp(tmp_path: Any) -> None:
    refusal = b"501-5.5.4 first " + b"word " * 30 + b"\r\n501 5.5.4 no such\r\n"
    [(subject, text, server)] = notices(tmp_path, [HI, PIPE, OK, OK, refusal, GO, DOT, b"221 bye\r\n"], 2)
    where = f"{H}:{server.port}"
    assert subject == f"Postfix SMTP client: errors from {where}"
    assert text.split("\r\n") == [
        f"Unexpected response from {where}.", "", "Transcript of session follows.", "",
        " In:  220 mx.example ESMTP", " Out: EHLO client.example", " In:  250-mx.example", " In:  250-PIPELINING",
        " In:  250-SIZE 99000000", " In:  250-8BITMIME", " In:  250 DSN", " Out: MAIL FROM:<s@example.org> SIZE=24",
        " Out: RCPT TO:<one@example.com> ORCPT=rfc822;one@example.com", " Out: RCPT TO:<two@example.com> ORCPT=rfc822;two@example.com",
        " Out: DATA", " In:  250 2.1.0 Ok", " In:  250 2.1.0 Ok",
        " In:  501-5.5.4 first word word word word word word word word word word word", "     word word word word word word word word word "
        "word word word word word word", "     word word word word", " In:  501 5.5.4 no such", " In:  354 go", " Out: .",
        " In:  250 2.0.0 Ok: queued as 4711", " Out: QUIT", "", "For other details, see the local mail logfile", ""]


@pytest.mark.parametrize("steps, wanted", [
    ([HI, BARE, OK, OK, GO, DOT], 0), ([HI, BARE, OK, b"550 5.1.1 no\r\n"], 0), ([HI, b"502 no EHLO\r\n", BARE, OK, OK, GO, DOT], 0),
    ([b"421 busy\r\n"], 0), ([HI, BARE, OK, OK, GO, b"451 later\r\n"], 0), ([HI, BARE, Close()], 0),
    ([HI, BARE, b"555 5.5.4 parameters\r\n"], 1), ([HI, BARE, b"503 sequence\r\n"], 1), ([HI, BARE, OK, OK, b"250 what\r\n"], 1),
    ([b"354 go\r\n"], 1), ([Part(b"HTTP/1.1 400 Bad\r\n\r\n"), Close()], 1), ([HI, PIPE, b"what is this?\r\n"], 1),
    ([HI, BARE, OK, OK, GO, b"999 odd\r\n"], 1)])
def test_which_sessions(tmp_path: Any, steps: list[Any], wanted: int) -> None:
    assert len(notices(tmp_path, steps)) == wanted
    assert not notices(tmp_path, steps, classes="bounce, 2bounce, delay, data, policy, resource, software")


def test_lmtp_is_named(tmp_path: Any) -> None:
    [(subject, _, _)] = notices(tmp_path, [HI, BARE, b"503 sequence\r\n"], program="lmtp")
    assert subject.startswith("Postfix LMTP client: errors from ")


def test_what_a_server_says_can_forge_nothing_and_is_bounded() -> None:
    posted: list[str] = []
    made = Notices.__new__(Notices)
    made.wanted, made.title, made.post = True, "x ", lambda subject, text: posted.append(text)
    tap = Tap(made, "h[1.2.3.4]:25")
    tap.heard(b"220 x\r\n.\r\n\rFrom: y\r\n\x1b[2J\xff\r\n" + b"z" * 100_000 + b"\n" * 5000)
    tap.said(b"EHLO a\r\n")
    tap.ended()
    [text] = posted
    lines = text.split("\r\n")[4:-3]
    assert all(line.startswith(" ") and line.isprintable() for line in lines if line) and len(text) < 20 * MOST_LINES
    assert all(line.split(":")[0] != "From" for line in lines)


def test_the_notice_arrives() -> None:
    """Through qmgr, from the double bounce address, to error_notice_recipient."""
    async def scenario() -> None:
        server = await Server([HI, BARE, b"555 5.5.4 parameters\r\n"]).start()
        main = (f"notify_classes = protocol\nerror_notice_recipient = boss\n"
                f"transport_maps = inline:{{{{example.org=smtp:{server.nexthop}}}}}\n")
        async with Relay(main) as relay:
            await relay.send(b"a@example.com", b"b@example.org")
            await relay.until(lambda: len(relay.received) > 1, "the report and the notice")
            [(sender, people, content)] = [one for one in relay.received if b"client: errors from" in one[2]]
            assert sender.startswith(b"double-bounce@") and people == [b"boss@example.com"]
            assert b"\r\n In:  555 5.5.4 parameters\r\n Out: QUIT\r\n\r\nFor other details" in content
            assert b"To: Postmaster <boss" in content
        await server.stop()
    run(scenario, 60)
