"""A private Postfix of Debian's beside ours: the same bytes to both, replies and log lines to compare.

Its directories and port are its own, never the system's; it is started and stopped by the `with`.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.kit.smtpd import MAIN_CF, Wire

POSTFIX = shutil.which("postfix", path="/usr/sbin:/usr/bin")
PROGRAMS = (("rewrite", "-", "trivial-rewrite"), ("bounce", "0", "bounce"), ("defer", "0", "bounce"), ("trace", "0", "bounce"),
            ("error", "-", "error"), ("retry", "-", "error"), ("smtp", "-", "smtp"), ("relay", "-", "smtp"), ("anvil", "1", "anvil"),
            ("discard", "-", "discard"), ("local", "-", "local"))


class Postfix:
    """`with Postfix(tmp_path_factory.mktemp("pf"), "name = value") as theirs`: its port, its log's new lines.

    `patience`: seconds that it gets to log what it has to say.
    """

    patience = 5.0

    def __init__(self, base: Path, settings: str = "") -> None:
        if POSTFIX is None or os.geteuid() != 0:
            pytest.skip("needs Debian's postfix, and root to start a private one")
        self.base, self.log, self.seen = base, base / "log", 0
        for directory in (base, *list(base.parents)[:-2]):
            with contextlib.suppress(PermissionError):
                directory.chmod(0o755)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        for name in ("etc", "q", "data"):
            (base / name).mkdir()
        shutil.chown(base / "data", "postfix")
        for name in ("postfix-files", "postfix-script"):
            shutil.copy(f"/etc/postfix/{name}", base / "etc")
        (base / "etc/main.cf").write_text(MAIN_CF.replace("3.11", "3.6") + f"""
queue_directory = {base}/q
data_directory = {base}/data
maillog_file = {base}/log
maillog_file_prefixes = {base}
defer_transports = smtp, local, relay
""" + settings)
        services = [f"{self.port} inet n - n - - smtpd", "cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr",
                    "flush unix n - n 1000? 0 flush", "showq unix n - n - - showq",
                    "postlog unix-dgram n - n - 1 postlogd", *(f"{name} unix - - n - {most} {program}" for name, most, program in PROGRAMS)]
        (base / "etc/master.cf").write_text("\n".join(services) + "\n")

    def __enter__(self) -> "Postfix":
        subprocess.run([POSTFIX, "-c", self.base / "etc", "start"], check=True, capture_output=True, timeout=60)
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run([POSTFIX, "-c", self.base / "etc", "stop"], capture_output=True, timeout=60)

    def play(self, lines: list[bytes]) -> tuple[list[tuple[bytes, bytes]], list[str]]:
        """([(line, reply)], smtpd's log lines) of one session."""
        self.seen = self.log.stat().st_size if self.log.exists() else 0
        return play(self.port, lines), self.told()

    def told(self, last: str = "disconnect") -> list[str]:
        """smtpd's lines since the last play(), once one begins with `last`."""
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            told = smtpd_lines(self.log.read_text()[self.seen:]) if self.log.exists() else []
            if any(line.startswith(last) for line in told):
                break
            time.sleep(0.1)
        return told


def play(port: int, lines: list[bytes]) -> list[tuple[bytes, bytes]]:
    """[(line, reply)] of one session."""
    played = []
    with Wire(port) as wire:
        played.append((b"", wire.reply()))
        for line in lines:
            reply = wire.ask(line)
            played.append((line, plain(reply)))
            if not reply:
                break
    return played


def plain(reply: bytes) -> bytes:
    """A reply without what must differ: queue ids, the text of long-line accounting."""
    return re.sub(rb"queued as \w+", b"queued as ID", re.sub(rb"Ok: \d+ bytes queued", b"Ok: N bytes queued", reply))


def smtpd_lines(text: str) -> list[str]:
    """smtpd's own log lines without time, host, process and queue ids."""
    lines = [line.split("]: ", 1)[1] for line in text.splitlines() if re.search(r"/smtpd\[\d+\]: ", line)]
    return [told(line) for line in lines if not line.startswith("warning: unknown DSN NOTIFY")]


def told(line: str) -> str:
    """A line with ID for the queue id."""
    return re.sub(r"^(warning: )?(?:[0-9A-F]{6,}|ID\d+): ", r"\1ID: ", line).replace("  ", " ")
