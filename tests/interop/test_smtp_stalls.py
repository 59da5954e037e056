"""Silent servers and dropped connections: the reasons that Debian's smtp(8) logs, and those of pyfix's table (tests/kit/stall_cases.py)."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.interop.test_smtp_log_lines import MASTER, facts
from tests.kit.client_cases import H
from tests.kit.delivery import run
from tests.kit.smtp_server import Close, Server, Silence
from tests.kit.stall_cases import STALLS, script

pytestmark = [pytest.mark.interop,
              pytest.mark.skipif(not shutil.which("postfix", path="/usr/sbin") or os.geteuid() != 0,
                                 reason="needs Debian's Postfix and root")]
MAIN = """\
compatibility_level = 3.6
queue_directory = {base}/spool
data_directory = {base}/data
maillog_file = {log}
maillog_file_prefixes = /var
myhostname = client.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
transport_maps = texthash:{base}/etc/transport
smtp_tls_security_level = none
minimal_backoff_time = 1h
"""
NAMES = [name for name in STALLS if "XFORWARD" not in name]     # it is not sent for what sendmail submits
TIMEOUTS = "".join(f"smtp_{name}_timeout = 1s\n" for name in (
    "helo", "xforward", "mail", "rcpt", "data_init", "data_xfer", "data_done", "quit", "rset"))


async def through_postfix(base: Path, log: Path, servers: dict[str, Server]) -> list[str]:
    """One message to each server (c0.test, c1.test, ...); the log."""
    for name in ("etc", "spool", "data"):
        (base / name).mkdir()
    shutil.chown(base / "data", "postfix")
    etc = base / "etc"
    (etc / "master.cf").write_text(MASTER)
    (etc / "main.cf").write_text(MAIN.format(base=base, log=log) + TIMEOUTS)
    (etc / "transport").write_text("".join(f"c{i}.test smtp:{server.nexthop}\n" for i, server in enumerate(servers.values()))
                                   + "bounce.test discard:\n")
    subprocess.run(["postfix", "-c", str(etc), "start"], check=True, capture_output=True)
    try:
        for i, name in enumerate(servers):
            people = [f"a{k}@c{i}.test" for k in range(STALLS[name[1:]][2])]
            process = await asyncio.create_subprocess_exec(
                "/usr/sbin/sendmail", "-C", str(etc), "-f", "s@bounce.test", *people, stdin=subprocess.PIPE)
            await process.communicate(b"Subject: x\n\nhello\n")
        wanted = sum(STALLS[name[1:]][2] for name in servers)
        for _ in range(600):
            await asyncio.sleep(0.1)
            lines = log.read_text(errors="replace").splitlines() if log.exists() else []
            if len(facts([line for line in lines if "@c" in line])) >= wanted:
                break
        return lines
    finally:
        subprocess.run(["postfix", "-c", str(etc), "stop"], capture_output=True)


def test_same_reasons() -> None:
    async def scenario() -> dict[str, tuple[str, str]]:
        servers = {f"{how}{name}": await Server(script(STALLS[name][0], Silence() if how == "s" else Close())).start()
                   for name in NAMES for how in "sc"}
        base, log = Path(tempfile.mkdtemp(prefix="pyfix-")), Path(f"/var/log/pyfix-stalls-{os.getpid()}.log")
        base.chmod(0o755)
        try:
            found = facts(await through_postfix(base, log, servers))
        finally:
            log.unlink(missing_ok=True)
            shutil.rmtree(base)
        wrong = {}
        for i, name in enumerate(servers):
            where, count = STALLS[name[1:]][1:]
            how = "conversation with {} timed out while " if name[0] == "s" else "lost connection with {} while "
            ours = ("4.4.2", "deferred", how.format(H) + where)
            for k in range(count):
                theirs = found.get(f"a{k}@c{i}.test", ("", "", "", ""))[1:]
                if theirs != ours:
                    wrong[name] = (theirs, ours)
        for server in servers.values():
            await server.stop()
        return wrong

    wrong = run(scenario, 150)
    assert not wrong, "\n".join(f"{name}\n  Postfix {theirs}\n  pyfix   {ours}" for name, (theirs, ours) in wrong.items())
