"""pyfix's LMTP client and a real Dovecot: an answer for each recipient, both kinds of sockets, a connection for several messages. RFC 2033."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.kit.delivery import Bench, Content, configuration, run
from tests.kit.dovecot import Dovecot
from tests.kit.relay import Relay

pytestmark = pytest.mark.interop
MESSAGE = b"From: s@example.org\r\nSubject: dots\r\n\r\n.one\r\n..two\r\n" + b"line of text\r\n" * 40


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with Dovecot() as server:
        yield server


def play(tmp_path: Any, scenario: Any, **settings: str) -> None:
    async def whole() -> None:
        bench = Bench(configuration(tmp_path, **settings), "lmtp")
        await scenario(bench)
        await bench.close()
    run(whole)


@pytest.mark.parametrize("kind", ["unix", "inet"])
def test_each_recipient_has_its_own_outcome(tmp_path: Any, dovecot: Dovecot, kind: str) -> None:
    nexthop = f"unix:{dovecot.path}" if kind == "unix" else f"inet:127.0.0.1:{dovecot.port}"
    people = [b"ann@box.example", b"nobody@box.example", b"full@box.example", b"broken@box.example", b"bob@box.example"]

    async def scenario(bench: Bench) -> None:
        before = len(dovecot.mail("ann"))
        trouble, rows = await bench.send(nexthop, people, MESSAGE)
        assert trouble == "" and [row[1] for row in rows] == ["sent", "bounced", "bounced", "deferred", "sent"], (rows, dovecot.log())
        assert rows[0][2] == "2.0.0" and " Saved" in rows[0][3]
        assert rows[1][2] == "5.1.1" and "said: 550 5.1.1 <nobody@box.example> User doesn't exist" in rows[1][3]
        assert rows[1][3].endswith("(in reply to RCPT TO command)")
        assert rows[2][2] == "5.2.2" and "Quota exceeded" in rows[2][3] and rows[2][3].endswith("(in reply to end of DATA command)")
        assert rows[3][2].startswith("4.") and rows[3][3].startswith("host ")
        relay = f"client.example[{dovecot.path}]" if kind == "unix" else f"127.0.0.1[127.0.0.1]:{dovecot.port}"
        assert all(f", relay={relay}, delay=" in line for line in bench.log.lines if ": to=<" in line)
        mail = dovecot.mail("ann")
        assert len(mail) == before + 1 and mail[-1].endswith(MESSAGE.replace(b"\r\n", b"\n"))
        assert len(dovecot.mail("bob")) == before + 1
    play(tmp_path, scenario)


def test_several_messages_on_one_connection(tmp_path: Any, dovecot: Dovecot) -> None:
    async def scenario(bench: Bench) -> None:
        for _ in range(4):
            _, rows = await bench.send(f"inet:127.0.0.1:{dovecot.port}", [b"bob@box.example", b"ann@box.example"], MESSAGE)
            assert [row[1] for row in rows] == ["sent", "sent"]
        assert any(", conn_use=3, " in line for line in bench.log.lines)
    play(tmp_path, scenario, lmtp_connection_cache_destinations=f"inet:127.0.0.1:{dovecot.port}")


def test_long_content_and_parameters(tmp_path: Any, dovecot: Dovecot) -> None:
    """Content from the spill files, a limit on lines, a name of our own, a keyword that is not believed."""
    async def scenario(bench: Bench) -> None:
        body = b"Subject: long\r\n\r\n" + b"x" * 500 + b"\r\n" + b".y\r\n" * 30000
        _, rows = await bench.send("inet:localhost", [b"ann@box.example"], Content(body, spilled=True))
        assert rows[0][1] == "sent", (rows, dovecot.log())
        assert b"x" * 100 + b"\n " + b"x" * 99 in dovecot.mail("ann")[-1] and dovecot.mail("ann")[-1].endswith(b"\n.y\n.y\n")
        assert any("lhlo.example" in line for line in dovecot.mail("ann")[-1].decode().splitlines()[:8])
    play(tmp_path, scenario, lmtp_tcp_port=str(dovecot.port), lmtp_line_length_limit="100", lmtp_lhlo_name="lhlo.example",
         lmtp_host_lookup="native", lmtp_discard_lhlo_keywords="pipelining, 8bitmime")


def test_through_a_whole_relay(dovecot: Dovecot) -> None:
    """An lmtp service of master.cf, over SMTP in; what is refused comes back as a report."""
    main = f"relay_domains = box.example\nrelay_transport = lmtp:unix:{dovecot.path}\n"

    async def scenario() -> None:
        async with Relay(main, "lmtp unix - - n - - lmtp\n") as relay:
            before = len(dovecot.mail("ann"))
            queue_id = await relay.send(b"s@example.org", b"ann@box.example", b"nobody@box.example", b"broken@box.example")
            await relay.until(lambda: relay.logged(f"{queue_id.decode()}: sender non-delivery notification"), "the report")
            assert len(dovecot.mail("ann")) == before + 1
            assert relay.logged(r"postfix/lmtp\[\d+\]: .*to=<ann@box.example>, relay=relay.example.com\[.*/lmtp\], .*status=sent \(250 2.0.0 ")
            assert relay.logged(r"to=<broken@box.example>.*status=deferred")
            await relay.until(lambda: relay.received, "the report at the sender's")
            assert b"Final-Recipient: rfc822; nobody@box.example" in relay.received[0][2]
            assert b"broken@box.example" not in relay.received[0][2].partition(b"Content-Description: Undelivered Message")[0]
    run(scenario, 90)
