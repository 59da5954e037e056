"""Queued mail follows the routes of today: a reload, a restart, a changed table; what a filter decided stays. Manual page: qmgr(8)."""

import asyncio

from pyfix.commands.demo import free_port
from tests.kit.delivery import run
from tests.kit.relay import Relay


async def deferred(relay: Relay, recipient: bytes = b"b@example.org") -> bytes:
    """A message that found nobody at home; its queue id."""
    queue_id = await relay.send(b"a@example.com", recipient)
    await relay.until(lambda: relay.logged(f"{queue_id.decode()}: to=<.*status=deferred"), "the message to be deferred")
    return queue_id


def change(relay: Relay, old: str, new: str, name: str = "main.cf") -> None:
    """Edit a file of the configuration."""
    path = relay.etc / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_another_relayhost_counts_for_what_is_queued_after_a_reload_and_after_a_restart():
    async def scenario():
        dead = free_port()
        async with Relay() as relay:
            change(relay, f"relayhost = [127.0.0.1]:{relay.sink_port}", f"relayhost = [127.0.0.1]:{dead}")
            await relay.command("postfix", "reload", check=True)
            await relay.until(lambda: relay.logged("reload -- version"), "the reload")
            await asyncio.sleep(0.5)
            first, second = await deferred(relay), await deferred(relay, b"c@other.example")
            change(relay, f"relayhost = [127.0.0.1]:{dead}", f"relayhost =\ntransport_maps = inline:{{{{example.org=smtp:[127.0.0.1]:{relay.sink_port}}}, "
                   f"{{other.example=smtp:[127.0.0.1]:{dead}}}}}")
            await relay.command("postfix", "reload", check=True)
            await relay.until(lambda: len(relay.logged("reload -- version")) == 2, "the second reload")
            await asyncio.sleep(0.5)
            await relay.command("postqueue", "-f", check=True)
            await relay.until(lambda: relay.logged(f"{first.decode()}: removed"), "the delivery by the new route")
            assert not relay.logged(f"{second.decode()}: removed")
            await relay.command("postfix", "stop", check=True)
            change(relay, f"other.example=smtp:[127.0.0.1]:{dead}", f"other.example=smtp:[127.0.0.1]:{relay.sink_port}")
            await relay.command("postfix", "start", check=True)
            await relay.until(relay.greets, "the relay to greet")
            await relay.command("postqueue", "-f", check=True)
            await relay.until(lambda: relay.logged(f"{second.decode()}: removed"), "the delivery after the restart")
            assert len(relay.received) == 2
    run(scenario, 90)


def test_a_content_filter_stays():
    """Mail that was on its way to a filter still goes there, whatever the routes of its recipients are now."""
    async def scenario():
        dead = free_port()
        async with Relay(f"content_filter = smtp:[127.0.0.1]:{dead}\n") as relay:
            queue_id = await deferred(relay)
            change(relay, f"content_filter = smtp:[127.0.0.1]:{dead}\n", "")
            await relay.command("postfix", "reload", check=True)
            await relay.until(lambda: relay.logged("reload -- version"), "the reload")
            await asyncio.sleep(0.5)
            await relay.command("postqueue", "-f", check=True)
            lines = await relay.until(lambda: len(found := relay.logged(f"{queue_id.decode()}: to=<.*status=deferred")) > 1 and found,
                                      "another attempt")
            assert f"connect to 127.0.0.1[127.0.0.1]:{dead}: Connection refused" in lines[-1] and not relay.received
            other = await relay.send()
            await relay.until(lambda: relay.logged(f"{other.decode()}: removed"), "mail without the filter")
    run(scenario, 60)
