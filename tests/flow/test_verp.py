"""sendmail -XV: each recipient of a list hears from an address of its own (VERP_README)."""

from tests.kit.delivery import run
from tests.kit.relay import Relay


def test_a_list_with_variable_senders():
    async def scenario():
        async with Relay() as relay:
            await relay.command("sendmail", "-XV", "-f", "list@a.example", "x@b.example", "y@b.example", "z@c.example",
                                data=b"Subject: x\n\nx\n", check=True)
            await relay.until(lambda: len(relay.received) == 3, "three messages")
            assert sorted((sender, recipients) for sender, recipients, _ in relay.received) == [
                (b"list+x=b.example@a.example", [b"x@b.example"]), (b"list+y=b.example@a.example", [b"y@b.example"]),
                (b"list+z=c.example@a.example", [b"z@c.example"])]
            assert relay.logged(r"from=<list@a.example>, size=\d+, nrcpt=3 \(queue active\)")
    run(scenario, 60)
