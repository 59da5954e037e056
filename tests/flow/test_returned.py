"""Mail from maildrop that is refused for good: whoever submitted it has gone, so it is returned to the sender, as Postfix does."""

import asyncio

import pytest

from tests.kit.relay import Relay

LOOPED = b"".join(b"Received: by hop%d\n" % n for n in range(60)) + b"Subject: looped\n\nbody words\n"
REFUSED = b"Subject: forbidden thing\n\nbody words\n"


@pytest.mark.parametrize(("message", "status", "reason"), [
    (LOOPED, b"5.4.0", b"too many hops"), (REFUSED, b"5.7.1", b"not these words")])
def test_what_is_refused_goes_back(message, status, reason):
    async def scenario():
        async with Relay("header_checks = pcre:{{/^Subject: forbidden/ REJECT not these words}}\n") as relay:
            direct = await relay.command("sendmail", "-f", "me@back.example", "you@example.org", data=message)
            assert direct.returncode == 75 and reason in direct.stderr      # who waits is told at once
            await relay.command("postfix", "stop", check=True)
            await relay.command("sendmail", "-f", "me@back.example", "you@example.org", data=message, check=True)
            await relay.command("postfix", "start", check=True)
            await relay.until(lambda: relay.received, "the report")
            [(sender, recipients, content)] = relay.received
            assert (sender, recipients) == (b"", [b"me@back.example"])
            assert b"Status: " + status in content and reason in content.replace(b"\r\n    ", b" ")
            spool = relay.base / "spool"
            await relay.until(lambda: not list((spool / "maildrop").iterdir()), "an empty maildrop")
            assert not list((spool / "corrupt").iterdir())
            assert relay.logged(rf"to=<you@example\.org>, relay=none, .* dsn={status.decode()}, status=bounced \(.*{reason.decode()}")
    asyncio.run(asyncio.wait_for(scenario(), 110))
