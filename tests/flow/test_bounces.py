"""Reports of a whole relay: every kind once, and an end to them when nobody takes any. Manual page: bounce(8)."""

import asyncio

from pyfix.commands.demo import free_port
from tests.kit.client_cases import BARE, HI, OK
from tests.kit.delivery import run
from tests.kit.relay import Relay
from tests.kit.smtp_server import Server

ALL = "notify_classes = bounce, 2bounce, delay, data, policy, protocol, resource, software\n"


async def queue_empty(relay: Relay) -> bool:
    return b"Mail queue is empty" in (await relay.command("postqueue", "-p")).stdout


def test_there_is_an_end_to_bounces() -> None:
    """A world that refuses everything, the postmaster's mail too: four letters, then silence and an empty queue."""
    async def scenario() -> None:
        server = await Server([HI, BARE, OK, b"550 5.1.1 nobody here\r\n"]).start()
        async with Relay(ALL + f"transport_maps = static:smtp:{server.nexthop}\n") as relay:
            queue_id = (await relay.send(b"s@example.com", b"b@example.org")).decode()
            await relay.until(lambda: relay.logged(f"{queue_id}: removed"), "the message to be returned")
            assert relay.logged(f"{queue_id}: sender non-delivery notification: ")
            assert relay.logged(f"{queue_id}: postmaster non-delivery notification: ")
            await relay.until(lambda: queue_empty(relay), "the queue to be empty")
            await asyncio.sleep(0.5)
            assert await queue_empty(relay)
            assert len(relay.logged(r"status=bounced")) == 4
            assert len(relay.logged("undeliverable postmaster notification discarded")) == 2
            senders = [line.split(b"FROM:")[1].split(b">")[0] + b">" for line in server.heard if line.startswith(b"MAIL")]
            assert sorted(senders) == [b"<>", b"<double-bounce@relay.example.com>", b"<double-bounce@relay.example.com>", b"<s@example.com>"]
        await server.stop()
    run(scenario, 60)


async def smtp(relay: Relay, mail: bytes, *people: bytes, body: bytes = b"Subject: x\r\n\r\nhello") -> str:
    """One message with DSN parameters; its queue id."""
    replies = await relay.smtp(b"EHLO client.example.com", b"MAIL FROM:" + mail, *(b"RCPT TO:" + one for one in people), b"DATA",
                               body + b"\r\n.", b"QUIT")
    assert replies[-2].startswith(b"250 2.0.0 Ok: queued as "), replies
    return replies[-2].rpartition(b" ")[2].decode()


def test_reports_of_success_failure_and_delay_each_once_over_a_restart() -> None:
    """NOTIFY, RET, ENVID and ORCPT of RFC 3461, bounce_size_limit, delay_warning_time."""
    async def scenario() -> None:
        server = await Server([HI, BARE, OK, b"550 5.1.1 nobody here\r\n", b"550 5.1.1 nobody here\r\n"]).start()
        dead = free_port()
        main = (f"confirm_delay_cleared = yes\ndelay_warning_time = 1s\nminimal_backoff_time = 2s\nmaximal_backoff_time = 2s\nqueue_run_delay = 1s\n"
                f"bounce_size_limit = 1000\ntransport_maps = inline:{{{{no.example=smtp:{server.nexthop}}}, "
                f"{{late.example=smtp:[127.0.0.1]:{dead}}}}}\n")
        async with Relay(main) as relay:
            def reports(queue_id: str) -> list[bytes]:
                return [content for sender, _, content in relay.received
                        if sender == b"" and b"Postfix-Queue-ID: " + queue_id.encode() + b"\r\n" in content]

            sent = await smtp(relay, b"<s@example.com> ENVID=id+2B1 RET=HDRS", b"<yes@example.net> NOTIFY=SUCCESS ORCPT=rfc822;who@first.example",
                              b"<never@no.example> NOTIFY=NEVER", b"<fail@no.example> NOTIFY=FAILURE", b"<quiet@example.net>")
            await relay.until(lambda: len(reports(sent)) == 2, "two reports")
            success, failure = sorted(reports(sent), key=lambda one: b"Action: failed" in one)
            assert b"Action: relayed" in success and b"Original-Recipient: rfc822;who@first.example" in success
            assert b"Original-Envelope-Id: id+1" in success and b"quiet@" not in success.partition(b"text/rfc822-headers")[0]
            assert b"fail@no.example" in failure and b"never@no.example" not in failure and b"\r\nhello" not in failure
            big = await smtp(relay, b"<s@example.com>", b"<fail@no.example>", body=b"Subject: x\r\n\r\nneedle" + b"\r\nline" * 400)
            await relay.until(lambda: reports(big), "the report of a big message")
            assert b"needle" not in reports(big)[0] and b"Content-Type: text/rfc822-headers" in reports(big)[0]
            late = await smtp(relay, b"<s@example.com>", b"<x@late.example>", b"<y@late.example> NOTIFY=FAILURE")
            await relay.until(lambda: reports(late), "the delay warning")
            assert b"Action: delayed" in reports(late)[0] and b"y@late.example" not in reports(late)[0].partition(b"Delayed Message")[0]
            await relay.command("postfix", "stop", check=True)
            tries = len(relay.logged(f"{late}: to=<x@late.example>"))
            await relay.command("postfix", "start", check=True)
            await relay.until(lambda: len(relay.logged(f"{late}: to=<x@late.example>")) > tries + 1, "two more attempts")
            assert len(reports(late)) == 1
            main_cf = relay.etc / "main.cf"
            main_cf.write_text(main_cf.read_text().replace(f"[127.0.0.1]:{dead}", f"[127.0.0.1]:{relay.sink_port}"))
            await relay.command("postfix", "reload", check=True)
            await relay.until(lambda: len(reports(late)) == 2, "the word that the delay is over")
            report = reports(late)[1].partition(b"text/rfc822-headers")[0]
            assert b"Action: relayed" in report and b"x@late.example" in report and b"y@late.example" not in report
        await server.stop()
    run(scenario, 90)
