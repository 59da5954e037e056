"""Debian's smtp(8) beside ours: a private Postfix that sends messages to scripted servers, and the log it leaves."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

MASTER = "\n".join([
    "pickup unix n - n 60 1 pickup", "cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr",
    "rewrite unix - - n - - trivial-rewrite", "bounce unix - - n - 0 bounce", "defer unix - - n - 0 bounce",
    "trace unix - - n - 0 bounce", "smtp unix - - n - - smtp", "error unix - - n - - error", "discard unix - - n - - discard",
    "retry unix - - n - - error", "postlog unix-dgram n - n - 1 postlogd", "anvil unix - - n - 1 anvil",
    "scache unix - - n - 1 scache", "proxymap unix - - n - - proxymap", "tlsmgr unix - - n 1000? 1 tlsmgr",
    "showq unix n - n - - showq", "flush unix n - n 1000? 0 flush", "verify unix - - n - 1 verify"]) + "\n"
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
PATIENCE = 60.0


def configure(base: Path, log: Path, nexthops: list[str], settings: str = "") -> Path:
    """A configuration in which ci.test is at the i-th nexthop, and bounces go nowhere: its directory."""
    for name in ("etc", "spool", "data"):
        (base / name).mkdir()
    shutil.chown(base / "data", "postfix")
    for path in [base, *base.parents]:
        if str(path).startswith("/tmp/"):
            path.chmod(path.stat().st_mode | 0o055)
    etc = base / "etc"
    (etc / "transport").write_text("".join(f"c{i}.test smtp:{nexthop}\n" for i, nexthop in enumerate(nexthops)) + "bounce.test discard:\n")
    (etc / "master.cf").write_text(MASTER)
    (etc / "main.cf").write_text(MAIN.format(base=base, log=log) + settings)
    return etc


async def sent_by_postfix(base: Path, nexthops: list[str], recipients: list[int], done: Callable[[list[str]], bool],
                          settings: str = "") -> list[str]:
    """One message to each nexthop, for as many recipients (a0@ci.test, a1@ci.test ...): the log, when what it says of them is `done`.

    Its log is below /var/log, where postlogd may write.
    """
    log = Path(f"/var/log/pyfix-outgoing-{os.getpid()}.log")
    etc = configure(base, log, nexthops, settings)
    subprocess.run(["postfix", "-c", str(etc), "start"], check=True, capture_output=True)
    try:
        for i, count in enumerate(recipients):
            process = await asyncio.create_subprocess_exec(
                "/usr/sbin/sendmail", "-C", str(etc), "-f", "s@bounce.test", *(f"a{k}@c{i}.test" for k in range(count)),
                stdin=subprocess.PIPE)
            await process.communicate(b"Subject: x\n\nhello\n")
        for _ in range(int(PATIENCE * 10)):
            await asyncio.sleep(0.1)
            lines = log.read_text(errors="replace").splitlines() if log.exists() else []
            if done([line for line in lines if "@c" in line]):
                break
        return lines
    finally:
        subprocess.run(["postfix", "-c", str(etc), "stop"], capture_output=True)
        log.unlink(missing_ok=True)
