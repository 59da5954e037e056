"""A service killed between its fork and its first word to qmgr is back within two seconds, whatever it had said to master.

Law: master(8); pyfix/zygote.py (forked twice, then its process id), pyfix/master/process.py, ipc.messages HELLO. The kill falls
on the process in the middle, on the service before it has said who it is, or on it before it is ready: as it comes.
"""

import asyncio
import contextlib
import os
import random
import signal
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.relay import Relay

ROUNDS = 10
BACK = 2.0                  # seconds; a machine that does five things at a time may need it twice once

pytestmark = [pytest.mark.crash, pytest.mark.timeout(180)]


def offspring(*parents: int) -> Iterator[int]:
    """Children of these processes, from the kernel's own list: soon enough to meet one that lives for a millisecond."""
    for parent in parents:
        with contextlib.suppress(OSError):
            yield from map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())


async def kill_newborn(relay: Relay, program: str, pause: float) -> float:
    """Kill a program, and `pause` seconds after its successor is first seen that too; the time."""
    parents = (relay.master, relay.zygote)
    old = set(offspring(*parents))
    relay.kill(program)
    deadline = time.monotonic() + 10
    while not (born := set(offspring(*parents)) - old):
        assert time.monotonic() < deadline, f"no new {program}"
        await asyncio.sleep(0)
    await asyncio.sleep(pause)
    for pid in born:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return time.monotonic()


async def scenario(program: str) -> list[float]:
    rng, took = random.Random(1), []
    async with Relay() as relay:
        for number in range(ROUNDS):
            await asyncio.sleep(1.1)            # one that lived for a second is not counted as one that can't start
            killed = await kill_newborn(relay, program, rng.choice([0, 0, 0.001, 0.005, 0.02, 0.05, 0.1]))
            before = len(relay.received)
            await relay.until(relay.greets, "a greeting")
            await relay.send()
            await relay.until(lambda: len(relay.received) > before, "a message to go through")
            took.append(time.monotonic() - killed)
        assert len(relay.received) == ROUNDS
        assert not relay.logged("throttling|panic|Traceback")
        print(program, "forks that were killed unnamed:", len(relay.logged("cannot start")))
    return took


@pytest.mark.skipif(not Path(f"/proc/self/task/{os.getpid()}/children").exists(), reason="the kernel does not list children")
@pytest.mark.parametrize("program", ["smtpd", "qmgr", "smtp"])
def test_one_killed_in_its_fork_window_is_back(program: str) -> None:
    took = asyncio.run(scenario(program))
    print("back after", " ".join(f"{one:.2f}" for one in sorted(took)))
    assert statistics.median(took) < BACK and max(took) < 2 * BACK
