"""The delivery log lines of Debian's smtp(8) and of pyfix's agent, against the same scripted servers.

All of tests/kit/client_cases.py that is marked `same`: one Postfix for all, each case a destination of its own.
"""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.kit.client_cases import CASES
from tests.kit.delivery import Bench, configuration, run
from tests.kit.outgoing import sent_by_postfix
from tests.kit.smtp_server import Server

pytestmark = [pytest.mark.interop,
              pytest.mark.skipif(not shutil.which("postfix", path="/usr/sbin") or os.geteuid() != 0,
                                 reason="needs Debian's Postfix and root")]
NAMES = [name for name, case in CASES.items() if case.same and not case.settings]
LINE = re.compile(r"to=<(?P<to>[^>]*)>, relay=(?P<relay>[^,]*), .*dsn=(?P<dsn>[^,]*), status=(?P<status>\w+) \((?P<text>.*)\)$")


def facts(lines: list[str]) -> dict[str, tuple[str, str, str, str]]:
    """recipient -> (relay without port, dsn, status, text without sizes)."""
    found = {}
    for line in lines:
        match = LINE.search(line)
        if match:
            text = re.sub(r"message size \d+", "message size N", match["text"])
            found[match["to"]] = (re.sub(r":\d+$", "", match["relay"]), match["dsn"], match["status"], text)
    return found


async def through_postfix(directory: Path, servers: dict[str, Server]) -> list[str]:
    """Send one message to each server through Postfix; its log."""
    wanted = [len(CASES[name].expected) for name in NAMES]
    return await sent_by_postfix(directory, [servers[name].nexthop for name in NAMES], wanted,
                                 lambda lines: len(facts(lines)) >= sum(wanted))


async def through_pyfix(directory: Path) -> list[str]:
    """The same messages through the agent."""
    world = Bench(configuration(directory))
    for i, name in enumerate(NAMES):
        server = await Server(*CASES[name].scripts).start()
        await world.send(server.nexthop, [b"a%d@c%d.test" % (k, i) for k in range(len(CASES[name].expected))],
                         b"Subject: x\r\n\r\nhello\r\n")
        await server.stop()
    await world.close()
    return world.log.lines


def test_same_lines(tmp_path: Any) -> None:
    async def scenario() -> tuple[Any, Any]:
        servers = {name: await Server(*CASES[name].scripts).start() for name in NAMES}
        ours = facts(await through_pyfix(tmp_path))
        theirs = facts(await through_postfix(tmp_path, servers))
        for server in servers.values():
            await server.stop()
        return ours, theirs

    ours, theirs = run(lambda: scenario(), 120)
    different = {NAMES[int(re.search(r"@c(\d+)", to)[1])]: (theirs.get(to), line)
                 for to, line in ours.items() if theirs.get(to) != line}
    assert not different, "\n".join(f"{name}\n  Postfix {theirs}\n  pyfix   {line}" for name, (theirs, line) in different.items())
