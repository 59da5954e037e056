"""Ten thousand idle SMTP sessions: their memory, and what the relay still does beside them: python -m bench.compare.idle

Each session has its greeting and has said EHLO. Memory is the growth of the proportional set size of all processes divided
by the sessions; what the kernel keeps for a socket is not in it, and is told apart from /proc/net/sockstat. The relay rate and
CPU per message are taken before and with the sessions open. Appended to bench/history/idle.jsonl.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import socket
import sys
import time
from pathlib import Path

from bench.compare import usage
from bench.compare.relay import Sink, run_once
from bench.compare.systems import Pyfix
from bench.record import keep

LOAD = ["-s", "20", "-l", "4096"]
AT_ONCE = 200


def open_sessions(port: int, count: int) -> list[socket.socket]:
    """Sessions that have said EHLO and heard the answer."""
    held: list[socket.socket] = []
    while len(held) < count:
        fresh = [socket.create_connection(("127.0.0.1", port), 60) for _ in range(min(AT_ONCE, count - len(held)))]
        for sock in fresh:
            answer(sock, b"220 ")
            sock.sendall(b"EHLO idle.example\r\n")
        for sock in fresh:
            answer(sock, b"250 ")
        held += fresh
    return held


def answer(sock: socket.socket, last: bytes) -> None:
    """Read until the last line of a reply. Raises ConnectionError."""
    data = b""
    while not (data.endswith(b"\r\n") and data.rstrip().rpartition(b"\n")[2].startswith(last)):
        piece = sock.recv(4096)
        if not piece:
            raise ConnectionError(f"the session ended after {data!r}")
        data += piece


def load(system: Pyfix, sink: Sink, messages: int) -> dict[str, float]:
    """Relay rate under load, and CPU time a message."""
    before = usage.settle(system.root_pid())
    rates = run_once(system.port, sink, LOAD, messages, 1)
    cpu = usage.settle(system.root_pid()).since(before).cpu * 1e6 / messages
    return {"relayed": round(rates["relayed"]), "cpu_us": round(cpu)}


def tcp_memory() -> int:
    """Bytes that the kernel holds for TCP sockets' data (sockstat counts pages)."""
    words = Path("/proc/net/sockstat").read_text().split("TCP:")[1].splitlines()[0].split()
    return int(words[words.index("mem") + 1]) * os.sysconf("SC_PAGE_SIZE")


def measure(count: int, messages: int, root: Path) -> dict:
    """The whole run; the record for the history."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 200, max(count + 200, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    sink = Sink()
    system = Pyfix(root, sink.port)
    record: dict = {"sessions": count}
    try:
        system.start()
        load(system, sink, messages)
        record["before"] = load(system, sink, messages)
        base, kernel = usage.used(system.root_pid(), True).pss, tcp_memory()
        began = time.monotonic()
        held = open_sessions(system.port, count)
        record["opened_s"] = round(time.monotonic() - began, 1)
        record["bytes_each"] = round((usage.used(system.root_pid(), True).pss - base) / count)
        record["kernel_bytes_each"] = round((tcp_memory() - kernel) / count)
        record["with"] = load(system, sink, messages)
        record["rate_kept"] = round(record["with"]["relayed"] / record["before"]["relayed"], 2)
        record["cpu_kept"] = round(record["before"]["cpu_us"] / record["with"]["cpu_us"], 2)
        held[0].sendall(b"NOOP\r\n")
        answer(held[0], b"250 ")
        for sock in held:
            sock.close()
    finally:
        system.stop()
        sink.stop()
    return record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", "--sessions", type=int, default=10_000)
    parser.add_argument("-m", "--messages", type=int, default=5000, help="messages of each load")
    parser.add_argument("--root", default="/var/tmp/pyfix-idle", help="scratch folder")
    parser.add_argument("--note", default="")
    parser.add_argument("--no-history", action="store_true")
    args = parser.parse_args()
    record = measure(args.sessions, args.messages, Path(args.root))
    print(json.dumps(record))
    if not args.no_history:
        keep("idle", record, args.note)


if __name__ == "__main__":
    sys.exit(main())
