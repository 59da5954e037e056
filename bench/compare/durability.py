"""Is a message on disk before its 250? Seen with strace(1), not believed.

The law: between the client's final dot and the 250 that answers it, some process of the system must have completed an fsync,
fdatasync or sync_file_range (or have written through a descriptor opened with O_SYNC or O_DSYNC, which is reported as "unknown": its
open came before we looked). A short burst under `strace -c` counts all of these for 1,000 messages.
"""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, NamedTuple

from bench.compare.systems import System
from bench.compare.tools import burst
from bench.compare.usage import tree

SYNCS = ("fsync", "fdatasync", "sync_file_range", "syncfs", "sync", "msync")
CALL = re.compile(r"^(?P<pid>\d+) +(?P<time>\d+\.\d+) (?:<\.\.\. )?(?P<name>\w+)(?P<rest>.*)$")
READS = ("read", "readv", "recvfrom", "recvmsg")
SENDS = ("write", "writev", "sendto", "sendmsg")
MARK = "pyfix-durability"


class Seen(NamedTuple):
    """verdict "yes", "no" or "unknown"; the calls between the final dot and the 250; syncs per 1,000 messages (None: not counted)."""

    verdict: str
    calls: str
    per_thousand: dict[str, float] | None = None


class Trace:
    """strace on all processes of a system while the block runs; `text` afterwards."""

    def __init__(self, system: System, options: list[str], path: Path) -> None:
        self.pids, self.options, self.path = tree(system.root_pid()), options, path
        self.text = ""

    def __enter__(self) -> Trace:
        attach = [word for pid in self.pids for word in ("-p", str(pid))]
        self.process = subprocess.Popen(["strace", "-f", "-q", "-o", str(self.path), *self.options, *attach],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1.5)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.text = self.path.read_text(errors="replace") if self.path.exists() else ""


def look(system: System, messages: int = 50) -> Seen:
    """What a running system does; it must have been started and be idle."""
    if shutil.which("strace") is None:
        return Seen("unknown", "no strace on this machine")
    trace = ",".join((*SYNCS, *READS, *SENDS))
    with Trace(system, ["-ttt", "-s", "400", "-e", f"trace={trace}"], system.root / "strace") as seen:
        one_message(system.port)
        time.sleep(0.5)
    verdict, calls = judge(seen.text)
    with Trace(system, ["-c", "-U", "name,calls", "-e", f"trace={','.join(SYNCS)}"], system.root / "strace-count") as counted:
        sent = burst(system.port, messages, "strace", ["-s", "10"])["messages"]
        time.sleep(1)
    return Seen(verdict, calls, per_thousand(counted.text, sent))


def one_message(port: int) -> None:
    """One message with a mark in its content, spoken slowly so that the reads can be told apart."""
    with socket.create_connection(("127.0.0.1", port), 20) as sock:
        sock.settimeout(60)
        for line in ("", "HELO load.test", "MAIL FROM:<sender@bench.example>", "RCPT TO:<rcpt@dest.example>", "DATA"):
            if line:
                sock.sendall(line.encode() + b"\r\n")
            sock.recv(4096)
        sock.sendall(f"Subject: {MARK}\r\n\r\n{MARK}\r\n.\r\n".encode())
        sock.recv(4096)
        sock.sendall(b"QUIT\r\n")
        sock.recv(4096)


def judge(text: str) -> tuple[str, str]:
    """The verdict on a trace, and what came between final dot and 250: a sync counts when it has ended, a 250 when it begins."""
    rows = [match for line in text.splitlines() if (match := CALL.match(line))]
    start = next((index for index, row in enumerate(rows) if row["name"] in READS and MARK in row["rest"]), None)
    if start is None:
        return "unknown", "the message was not seen in the trace (io_uring, or a read of another kind)"
    found: list[str] = []
    for row in rows[start:]:
        if row["name"] in SYNCS and row["rest"].rstrip().endswith("= 0"):
            found.append(row["name"])
        elif row["name"] in SENDS and row["pid"] == rows[start]["pid"] and re.search(r'"250[ -]', row["rest"]):
            return ("yes" if found else "no"), " ".join([*found, "250"])
    return "unknown", "no 250 was seen in the trace"


def per_thousand(text: str, messages: int) -> dict[str, float] | None:
    """Calls of each kind per 1,000 messages, from the table of strace -c."""
    if not messages or not text:
        return None
    rows = [line.split() for line in text.splitlines()]
    return {row[0]: round(int(row[1]) * 1000 / messages, 1) for row in rows if len(row) == 2 and row[0] in SYNCS and row[1].isdigit()}
