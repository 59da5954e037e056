"""sendmail -bv: a report comes back, nothing is delivered."""

import asyncio

from tests.kit.relay import Relay


def test_a_report_and_no_delivery():
    async def scenario():
        async with Relay("relay_domains = example.org\nmydestination = local.example\nlocal_recipient_maps = inline:{here=x}\n"
                         "transport_maps = inline:{{bad.example=error:5.7.1 not wanted}}\n") as relay:
            done = await relay.command("sendmail", "-bv", "-f", "me@back.example", "a@example.org", "b@bad.example",
                                       data=b"Subject: secret words\n\nbody\n", check=True)
            assert (done.stdout, done.stderr) == (b"Mail Delivery Status Report will be mailed to <me@back.example>.\n", b"")
            await relay.until(lambda: len(relay.logged(r"qmgr\[\d+\]: \w+: removed")) == 2, "two messages gone")
            assert relay.logged(r"to=<a@example\.org>, relay=none, .* dsn=2\.1\.5, status=deliverable \(goes to \S+ by transport relay; nobody was asked\)$")
            assert relay.logged(r"to=<b@bad\.example>, relay=none, .* dsn=5\.7\.1, status=undeliverable \(not wanted\)$")
            [(sender, recipients, content)] = relay.received
            assert (sender, recipients) == (b"", [b"me@back.example"])
            assert b"Subject: Mail Delivery Status Report\r\n" in content
            assert b"Action: deliverable\r\nStatus: 2.1.5\r\n" in content and b"Action: undeliverable\r\nStatus: 5.7.1\r\n" in content
            assert relay.logged(r"bounce\[\d+\]: \w+: sender delivery status notification: \w+$")
    asyncio.run(asyncio.wait_for(scenario(), 110))
