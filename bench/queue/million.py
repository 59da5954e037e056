"""A relay with a million deferred messages, end to end: python -m bench.queue.million [-n COUNT]

Starts pyfix in a scratch folder, measures it with an empty queue, stops it, puts COUNT deferred messages into its
queue (due in an hour), starts it again and measures: start to 220, a new message's way to the sink, `postqueue -p | head -1`,
accept rate and CPU per message beside those of the empty queue, memory of all processes. On a busy machine the times count
beside greeting_empty_s, the same start with nothing in the queue. Appended to bench/history/million.jsonl. With --due the messages are due at once, for a destination that refuses: the herd
after a long outage.
"""

from __future__ import annotations

import argparse
import json
import os
import smtplib
import subprocess
import sys
import time
from pathlib import Path

from bench.compare import usage
from bench.compare.relay import Sink, run_once
from bench.compare.systems import Pyfix, free_port
from bench.record import keep
from pyfix.model import Envelope, Recipient
from pyfix.queue.envelope import pack
from pyfix.queue.layout import log_directory
from pyfix.queue.store import Store
from pyfix.queue.writer import Writer

BODY = b"Subject: deferred\r\n\r\n" + b"0123456789" * 40 + b"\r\n"
REASON = "connect to mx.example.com[192.0.2.1]:25: Connection timed out"
SITES = 1000            # destinations the deferred messages are spread over
LOAD = ["-s", "20", "-l", "4096"]


def fill(path: str, count: int, pause: int, port: int) -> None:
    """Commit `count` messages to the queue of a relay that is down, and defer them, due after `pause` seconds."""
    store = Store(path)
    store.recover()
    placed: list[tuple[Envelope, tuple[int, int, int]]] = []
    writer = Writer(path, "smtpd.bench", None, lambda group: placed.extend((envelope, place) for envelope, place, _ in group))
    now = time.time_ns() // 1000
    for start in range(0, count, 5000):
        for i in range(start, min(count, start + 5000)):
            envelope = Envelope(writer.new_id(), now, b"sender@example.org", size=len(BODY), recipients=[
                Recipient(b"user%d@d%d.example" % (i, i % SITES), transport="smtp", nexthop=f"[127.9.{i % SITES // 250}.{i % 250 + 1}]:{port}")])
            writer.commit(pack(envelope), BODY, envelope)
        writer.wait()
        for envelope, place in placed:
            slot = store.admit([envelope.queue_id, now, *place, len(BODY), 0, envelope.sender, 1])
            store.activate(slot)
            store.defer(slot, now + (pause + slot % 3600 * (pause > 0)) * 1_000_000, [(0, "4.4.1", REASON)])
        placed.clear()
        store.maintain()
        store.ready()
    writer.close()
    store.close()


def hand_over(path: str) -> None:
    """Give what root made in the log directory to its owner."""
    owner = os.stat(path)
    for folder, _, names in os.walk(path):
        for name in (".", *names):
            os.chown(os.path.join(folder, name), owner.st_uid, owner.st_gid)


def load(system: Pyfix, sink: Sink, messages: int) -> dict[str, float]:
    """Accept and relay rate under load, and CPU time a message."""
    before = usage.settle(system.root_pid())
    rates = run_once(system.port, sink, LOAD, messages, 1)
    cpu = usage.settle(system.root_pid()).since(before).cpu * 1e6 / messages
    return {"accepted": round(rates["accepted"]), "relayed": round(rates["relayed"]), "cpu_us": round(cpu)}


def new_message(system: Pyfix, sink: Sink) -> float:
    """Seconds from MAIL to the sink for one new message."""
    before, began = sink.count, time.monotonic()
    with smtplib.SMTP("127.0.0.1", system.port, timeout=60) as client:
        client.sendmail("new@example.org", ["fresh@dest.example"], "Subject: new\r\n\r\nnew\r\n")
    while sink.count == before:
        if time.monotonic() - began > 120:
            raise TimeoutError("the new message did not arrive within 120 s")
        time.sleep(0.005)
    return round(time.monotonic() - began, 3)


def first_line(system: Pyfix) -> float:
    """Seconds that `postqueue -p | head -1` takes."""
    began = time.monotonic()
    subprocess.run(f"{system.bin}/postqueue -c {system.config} -p | head -1", shell=True, check=True, stdout=subprocess.DEVNULL)
    return round(time.monotonic() - began, 3)


def memory(system: Pyfix) -> dict[str, float]:
    """Megabytes (proportional) of all processes."""
    return {"all_mb": round(usage.used(system.root_pid(), True).pss / 1e6, 1)}


def measure(count: int, messages: int, pause: int, root: Path) -> dict:
    """The whole run; the record for the history."""
    sink = Sink()
    system = Pyfix(root, sink.port)
    record: dict = {"count": count, "messages": messages, "pause": pause}
    try:
        began = time.monotonic()
        system.start()
        record["greeting_empty_s"] = round(time.monotonic() - began, 2)
        load(system, sink, max(messages // 10, 100))
        record["empty"] = load(system, sink, messages) | memory(system)
        system.stop()
        path = log_directory(str(system.queue))
        began = time.monotonic()
        fill(path, count, pause, free_port())
        hand_over(path)
        record["filled_s"] = round(time.monotonic() - began, 1)
        began = time.monotonic()
        system.launch()
        system.wait_for_greeting(120)
        record["greeting_s"] = round(time.monotonic() - began, 2)
        record["first_message_s"] = new_message(system, sink)
        record["queue_head_s"] = first_line(system)
        record["full"] = load(system, sink, messages) | memory(system)
        record["later_message_s"] = new_message(system, sink)
        record["accept_ratio"] = round(record["full"]["accepted"] / record["empty"]["accepted"], 2)
    finally:
        system.stop()
        sink.stop()
    return record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", "--count", type=int, default=1_000_000)
    parser.add_argument("-m", "--messages", type=int, default=5000, help="messages of each load")
    parser.add_argument("--due", action="store_true", help="the deferred messages are due at once")
    parser.add_argument("--root", default="/var/tmp/pyfix-million", help="scratch folder (its file system is measured)")
    parser.add_argument("--note", default="")
    parser.add_argument("--no-history", action="store_true")
    args = parser.parse_args()
    record = measure(args.count, args.messages, 0 if args.due else 3600, Path(args.root))
    print(json.dumps(record))
    if not args.no_history:
        keep("million", record, args.note)


if __name__ == "__main__":
    sys.exit(main())
