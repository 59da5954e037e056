"""How fast one delivery process empties its jobs into a sink. Law: DESIGN.md section 1 (speed is measured).

    python -m bench.deliver [--messages 20000] [--sessions 50] [--size 4096] [--keep] [--recipients 1]

A scripted qmgr in the same process hands out jobs, `--sessions` at a time; smtp-sink(1) of Postfix takes
the mail. Prints one JSON line.
"""

import argparse
import asyncio
import gc
import json
import os
import resource
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import uvloop

from bench.compare.systems import free_port
from pyfix.telemetry.maillog import Maillog
from tests.kit.delivery import Bench, configuration


def start_sink(port: int) -> subprocess.Popen[bytes]:
    """smtp-sink on a port, ready to accept."""
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    sink = subprocess.Popen([shutil.which("smtp-sink") or "/usr/sbin/smtp-sink", *user, f"127.0.0.1:{port}", "1000"])
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return sink
        except OSError:
            time.sleep(0.05)
    raise SystemExit("smtp-sink does not answer")


async def drive(options: argparse.Namespace, port: int, directory: Path) -> dict[str, float]:
    keep = {} if options.keep else {"smtp_connection_cache_on_demand": "no"}
    config = configuration(directory, maillog_file=str(directory / "maillog"), **keep)
    world = Bench(config)
    log = Maillog(config, "smtp", asyncio.get_running_loop())
    world.agent.log = log
    world.agent.parameters = type(world.agent.parameters)(config, log, "smtp")
    line = b"x" * 70 + b"\r\n"
    body = b"Subject: load\r\n\r\n" + line * ((options.size - 18) // 72)
    recipients = [b"user%d@example.com" % i for i in range(options.recipients)]
    done = asyncio.Event()
    left, answered, failed = options.messages - options.sessions, 0, 0
    plain = world.report

    def report(results: list[list[object]]) -> None:
        nonlocal left, answered, failed
        answered += len(results)
        failed += sum(row[1] != "sent" for result in results for row in result[2])
        for _ in range(min(left, len(results))):
            left -= 1
            world.put(nexthop, recipients, body)
        if answered == options.messages:
            done.set()

    nexthop = f"[127.0.0.1]:{port}"
    world.agent.report = report
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)      # as pyfix.service does
    start, cpu = time.perf_counter(), time.process_time()
    for _ in range(options.sessions):
        world.put(nexthop, recipients, body)
    await done.wait()
    wall, used = time.perf_counter() - start, time.process_time() - cpu
    await world.close()
    del plain
    return {"messages": options.messages, "failed": failed, "messages_per_s": round(options.messages / wall),
            "deliveries_per_s": round(options.messages * options.recipients / wall),
            "cpu_us_per_message": round(used / options.messages * 1e6, 1),
            "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=20000)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--recipients", type=int, default=1)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    port = free_port()
    sink = start_sink(port)
    try:
        with tempfile.TemporaryDirectory() as directory:
            loop = uvloop.new_event_loop()
            asyncio.set_event_loop(loop)
            if options.profile:
                import cProfile
                import pstats
                profile = cProfile.Profile()
                profile.enable()
            result = loop.run_until_complete(drive(options, port, Path(directory)))
            if options.profile:
                profile.disable()
                pstats.Stats(profile).sort_stats("tottime").print_stats(25)
            print(json.dumps({"options": vars(options), **result}))
    finally:
        sink.terminate()
        sink.wait()


if __name__ == "__main__":
    main()
