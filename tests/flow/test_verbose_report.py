"""sendmail -v: the mail is delivered, and a report of the first attempt comes back, once."""

import asyncio

from tests.kit.relay import Relay

TRANSPORTS = ("transport_maps = inline:{{bad.example=error:5.7.1 not wanted} {late.example=retry:4.7.1 come again} "
              "{gone.example=discard:thrown away}}\n")


def test_a_report_of_the_first_attempt():
    async def scenario():
        async with Relay(TRANSPORTS + "minimal_backoff_time = 1s\nmaximal_backoff_time = 1s\n") as relay:
            done = await relay.command("sendmail", "-v", "-f", "me@back.example", "a@ok.example", "b@bad.example", "c@late.example",
                                       "d@gone.example", data=b"Subject: words\n\nbody\n", check=True)
            assert (done.stdout, done.stderr) == (b"Mail Delivery Status Report will be mailed to <me@back.example>.\n", b"")
            await relay.until(lambda: len(relay.received) == 3, "the mail, its report and its bounce")
            kinds = sorted(content.partition(b"Subject: ")[2].partition(b"\r\n")[0] for _, _, content in relay.received)
            assert kinds == [b"Mail Delivery Status Report", b"Undelivered Mail Returned to Sender", b"words"]
            [report] = [content for _, _, content in relay.received if b"Subject: Mail Delivery Status Report" in content]
            check(report, relay.sink_port)
            await relay.until(lambda: len(relay.logged(r"to=<c@late\.example>.*status=deferred")) > 1, "a second attempt")
            assert len(relay.logged(r"sender delivery status notification: ")) == 1
    asyncio.run(asyncio.wait_for(scenario(), 110))


def test_a_made_from_field_has_the_whole_address():
    async def scenario():
        async with Relay("sender_canonical_maps = inline:{{short@example.com=long@example.net}}\n") as relay:
            for sender in ("plain", "short"):
                await relay.command("sendmail", "-F", "", "-f", sender, "a@ok.example", data=b"Subject: x\n\nbody\n", check=True)
            await relay.until(lambda: len(relay.received) == 2, "both")
            made = sorted(content.partition(b"From: ")[2].partition(b"\r\n")[0] for _, _, content in relay.received)
            assert made == [b"long@example.net", b"plain@example.com"]
    asyncio.run(asyncio.wait_for(scenario(), 110))


def test_a_gateway_adds_nothing():
    async def scenario():
        async with Relay() as relay:
            await relay.command("sendmail", "-G", "-f", "s@x.example", "a@ok.example", data=b"Subject: x\nTo: plain\n\nbody\n", check=True)
            await relay.until(lambda: relay.received, "the message")
            [(_, _, content)] = relay.received
            assert b"\r\nSubject: x\r\nTo: plain\r\n\r\nbody\r\n" in content and b"From:" not in content and b"Message-Id" not in content
    asyncio.run(asyncio.wait_for(scenario(), 110))


def check(report: bytes, port: int) -> None:
    """Every recipient is in it, with what became of it."""
    fields = {block.partition(b"\r\n")[0]: block for block in report.split(b"Final-Recipient: rfc822; ")}
    for name, action, status in ((b"a@ok.example", b"relayed", b"2."), (b"b@bad.example", b"failed", b"5.7.1"),
                                 (b"c@late.example", b"delayed", b"4.7.1"), (b"d@gone.example", b"delivered", b"2.0.0")):
        assert b"Action: %b\r\nStatus: %b" % (action, status) in fields[name]
    assert b"Remote-MTA: dns; 127.0.0.1\r\nDiagnostic-Code: smtp; 250 " in fields[b"a@ok.example"]
    assert b"<a@ok.example>: delivery via 127.0.0.1[127.0.0.1]:%d: 250 " % port in report
