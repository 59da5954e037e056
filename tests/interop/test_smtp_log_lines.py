"""The delivery log lines of Debian's smtp(8) and of pyfix's agent, against the same scripted servers.

All of tests/kit/client_cases.py that is marked `same`: one Postfix for all, each case a destination of its own.
"""

import asyncio
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.kit.client_cases import CASES
from tests.kit.delivery import Bench, configuration, run
from tests.kit.smtp_server import Server

pytestmark = [pytest.mark.interop,
              pytest.mark.skipif(not shutil.which("postfix", path="/usr/sbin") or os.geteuid() != 0,
                                 reason="needs Debian's Postfix and root")]
NAMES = [name for name, case in CASES.items() if case.same and not case.settings]
LINE = re.compile(r"to=<(?P<to>[^>]*)>, relay=(?P<relay>[^,]*), .*dsn=(?P<dsn>[^,]*), status=(?P<status>\w+) \((?P<text>.*)\)$")
MASTER = "\n".join([
    "pickup unix n - n 60 1 pickup", "cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr",
    "rewrite unix - - n - - trivial-rewrite", "bounce unix - - n - 0 bounce", "defer unix - - n - 0 bounce",
    "trace unix - - n - 0 bounce", "smtp unix - - n - - smtp", "error unix - - n - - error", "discard unix - - n - - discard",
    "retry unix - - n - - error", "postlog unix-dgram n - n - 1 postlogd", "anvil unix - - n - 1 anvil",
    "scache unix - - n - 1 scache", "proxymap unix - - n - - proxymap", "tlsmgr unix - - n 1000? 1 tlsmgr",
    "showq unix n - n - - showq", "flush unix n - n 1000? 0 flush", "verify unix - - n - 1 verify"]) + "\n"


def facts(lines: list[str]) -> dict[str, tuple[str, str, str, str]]:
    """recipient -> (relay without port, dsn, status, text without sizes)."""
    found = {}
    for line in lines:
        match = LINE.search(line)
        if match:
            text = re.sub(r"message size \d+", "message size N", match["text"])
            found[match["to"]] = (re.sub(r":\d+$", "", match["relay"]), match["dsn"], match["status"], text)
    return found


def setup(directory: Path, servers: dict[str, Server]) -> Path:
    """A private Postfix: its configuration directory."""
    etc, spool, data = directory / "etc", directory / "spool", directory / "data"
    for path in (etc, spool, data):
        path.mkdir()
    shutil.chown(data, "postfix")
    for path in [directory, *directory.parents]:
        if str(path).startswith("/tmp/"):
            path.chmod(path.stat().st_mode | 0o055)
    log = "/var/log/pyfix-interop-%d.log" % os.getpid()
    rows = [f"c{i}.test smtp:{servers[name].nexthop}" for i, name in enumerate(NAMES)]
    (etc / "transport").write_text("\n".join([*rows, "bounce.test discard:"]) + "\n")
    (etc / "master.cf").write_text(MASTER)
    (etc / "main.cf").write_text(f"""compatibility_level = 3.6
queue_directory = {spool}
data_directory = {data}
maillog_file = {log}
maillog_file_prefixes = /var
myhostname = client.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
transport_maps = texthash:{etc}/transport
smtp_tls_security_level = none
minimal_backoff_time = 1h
""")
    return etc


async def through_postfix(directory: Path, servers: dict[str, Server]) -> list[str]:
    """Send one message to each server through Postfix; its log."""
    etc = setup(directory, servers)
    log = Path("/var/log/pyfix-interop-%d.log" % os.getpid())
    subprocess.run(["postfix", "-c", str(etc), "start"], check=True, capture_output=True)
    try:
        for i, name in enumerate(NAMES):
            recipients = [f"a{k}@c{i}.test" for k in range(len(CASES[name].expected))]
            process = await asyncio.create_subprocess_exec(
                "/usr/sbin/sendmail", "-C", str(etc), "-f", "s@bounce.test", *recipients, stdin=subprocess.PIPE)
            await process.communicate(b"Subject: x\n\nhello\n")
        wanted = sum(len(CASES[name].expected) for name in NAMES)
        for _ in range(400):
            await asyncio.sleep(0.1)
            lines = log.read_text(errors="replace").splitlines() if log.exists() else []
            if len(facts([line for line in lines if "@c" in line])) >= wanted:
                break
        return lines
    finally:
        subprocess.run(["postfix", "-c", str(etc), "stop"], capture_output=True)
        log.unlink(missing_ok=True)


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
