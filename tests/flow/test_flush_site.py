"""ETRN, postqueue -s and -i, sendmail -qR and -qI on a whole relay: deferred mail for one site is tried, the rest waits."""

import asyncio

from tests.kit.relay import Relay

MAIN_CF = """
relay_domains = b.example, c.example, d.example
minimal_backoff_time = 1h
maximal_backoff_time = 1h
queue_run_delay = 1h
smtpd_relay_restrictions = permit_mynetworks, reject
"""


async def flushed():
    async with Relay(MAIN_CF, sink=False) as relay:
        sites = (b"b.example", b"sub.b.example", b"c.example", b"d.example")
        queue_ids = [await relay.send(b"a@example.com", b"x@" + site) for site in sites]
        await relay.until(lambda: len(relay.logged("status=deferred")) == 4, "four deferrals")
        await relay.sink.start(relay.sink_port)
        assert await relay.smtp(b"EHLO me", b"ETRN B.example", b"ETRN e.example", b"QUIT") == [
            b"220 relay.example.com ESMTP Postfix", b"250 CHUNKING", b"250 Queuing started", b"459 <e.example>: service unavailable",
            b"221 2.0.0 Bye"]
        await relay.until(lambda: len(relay.received) == 1, "the mail for b.example")
        await asyncio.sleep(0.3)
        assert [r for _, r, _ in relay.received] == [[b"x@b.example"]]
        await relay.command("sendmail", "-qRc.example", check=True)
        await relay.until(lambda: len(relay.received) == 2, "the mail for c.example")
        await relay.command("postqueue", "-i", queue_ids[3].decode(), check=True)
        await relay.until(lambda: len(relay.received) == 3, "the mail for d.example")
        refused = await relay.command("postqueue", "-s", "e.example")
        assert (refused.returncode, refused.stderr) == (
            69, b'postqueue: fatal: Flush service is not configured for destination "e.example"\n')
        assert sorted(r for _, r, _ in relay.received) == [[b"x@b.example"], [b"x@c.example"], [b"x@d.example"]]


def test_only_the_site_that_was_named():
    asyncio.run(flushed())
