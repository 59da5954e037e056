"""smtp_generic_maps on the wire: envelope and header change, the log does not. Manual page: generic(5)."""

import pytest

from pyfix.deliver.outward import Outward
from pyfix.resolve import Resolver
from pyfix.resolve.generic import Generic
from tests.kit.delivery import Bench, configuration, run
from tests.kit.smtp_server import Server

HEADER = b"From: Me <me@in.example>,\r\n you@in.example\r\nSubject: me@in.example\r\nTo: r@example.com\r\n"


OK = b"250 ok\r\n"


def script(recipients):
    return [b"220 x ESMTP\r\n", b"250 x\r\n", OK, *[OK] * recipients, b"354 go\r\n", OK, b"221 bye\r\n"]


@pytest.mark.parametrize("tables, works", [("inline:{{me@in.example=me@out.example}}", True), ("fail:x", False)])
def test_generic_maps_change_what_is_sent(tmp_path, tables, works):
    content = HEADER + b"\r\n" + b"me@in.example\r\n" * 300

    async def scenario():
        server = await Server(*([script(2)] if works else []), script(1)).start()
        config = configuration(tmp_path, smtp_generic_maps=tables)
        bench = Bench(config)
        Outward(bench.agent, Generic(config, Resolver(config)))
        outcome = await bench.send(server.nexthop, [b"r@example.com", b"me@in.example"], content, sender=b"me@in.example")
        Outward.remove(bench.agent)
        after = await bench.send(server.nexthop, None, content, sender=b"me@in.example")
        await bench.close()
        await server.stop()
        return server, bench, outcome, after

    server, bench, outcome, after = run(scenario)
    assert [row[1] for row in outcome[1]] == (["sent"] * 2 if works else ["deferred"] * 2)
    assert after[1][0][1] == "sent"
    if works:
        assert server.heard[1:4] == [b"MAIL FROM:<me@out.example>\r\n", b"RCPT TO:<r@example.com>\r\n", b"RCPT TO:<me@out.example>\r\n"]
        assert server.contents[0] == content.replace(b"From: Me <me@in.example>,\r\n you", b"From: Me <me@out.example>, you", 1) + b".\r\n"
        assert any("to=<me@in.example>" in line for line in bench.log.lines)
    assert server.contents[-1] == content + b".\r\n"
    assert b"MAIL FROM:<me@in.example>\r\n" in server.heard
