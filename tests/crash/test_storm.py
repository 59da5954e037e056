"""kill -9, again and again, on the running relay under load: nothing acknowledged is lost, partial, mixed up or revived.

Law: HOSTILE 2.3 (I1 to I6). Injector and receiver live in this process, outside the victim. PYFIX_ROUNDS is the number
of rounds (default 8), PYFIX_SEED the seed. A round: load, three kills at random moments, a start where master was among
them, drain, and the books are compared.
"""

import asyncio
import json
import os
import random
import shutil
import signal
import time

import pytest

from pyfix.queue.store import Store
from tests.kit.ledger import ACK, NAK, UNKNOWN, Kill, Ledger, identity
from tests.kit.relay import Relay
from tests.kit.storm import Injector, receive

ROUNDS = int(os.environ.get("PYFIX_ROUNDS", "8"))
SEED = int(os.environ.get("PYFIX_SEED", "1"))
VICTIMS = ["smtpd", "qmgr", "smtp", "pickup", "master", "tree", "zygote"]
KILLS = 3               # in a round
QUICK = """
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
transport_retry_time = 1s
service_throttle_time = 1s
"""

pytestmark = [pytest.mark.crash, pytest.mark.timeout(60 + 40 * ROUNDS)]


class Storm:
    """One relay, its books, and the means to hurt it."""

    def __init__(self, relay: Relay, seed: int) -> None:
        self.relay, self.ledger, self.rng, self.seed = relay, Ledger(), random.Random(seed), seed
        self.local = 0

    async def kill(self, victim: str) -> None:
        """Kill one process of a program, master, or the whole tree."""
        relay = self.relay
        pids = await relay.until(lambda: self.victims(victim), f"a {victim} to kill")
        processes = relay.processes()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.ledger.kills.append(Kill(time.monotonic(), victim))
        if victim in ("master", "tree"):
            await relay.until(lambda: not any(running(pid) for pid in (*pids, *processes)), "the end of all processes")
            if victim == "tree":
                await asyncio.to_thread(self.recover_twice)
            await relay.command("postfix", "start", check=True)
        await relay.until(relay.greets, "a greeting")

    def victims(self, victim: str) -> list[int]:
        """Process ids to kill, [] where the program is on its way back from an earlier kill."""
        relay, processes = self.relay, self.relay.processes()
        if victim in ("master", "tree"):
            return [relay.master, *(processes if victim == "tree" else ())]
        found = [relay.zygote] if victim == "zygote" else [pid for pid, program in processes.items() if program == victim]
        return self.rng.sample(found, 1) if any(found) else []

    def recover_twice(self) -> None:
        """I6: recovery of a copy of the queue, and once more, and both find the same."""
        log = next(path.parent for path in (self.relay.base / "spool").rglob("checkpoint"))
        copy = self.relay.base / "copy"
        shutil.copytree(log, copy)
        found = [fingerprint(copy) for _ in range(2)]
        shutil.rmtree(copy)
        assert found[0] == found[1]

    async def submit(self) -> None:
        """A message through sendmail, whose exit status is its answer."""
        self.local += 1
        message = self.ledger.message(self.local, self.rng, "p")
        self.ledger.state[message.id] = UNKNOWN
        done = await self.relay.command("sendmail", "-i", "-f", message.sender.decode(), *(r.decode() for r in message.recipients),
                                        data=message.content.replace(b"\r\n", b"\n"))
        self.ledger.state[message.id] = ACK if done.returncode == 0 else UNKNOWN

    async def delete_some(self, kept: set[bytes]) -> None:
        """Delete deferred messages by postsuper; from then on they must not be offered."""
        listing = await self.relay.command("postqueue", "-j", check=True)
        for line in listing.stdout.splitlines():
            entry = json.loads(line)
            name = identity(entry["sender"].encode()) if entry["sender"].startswith("s.") else b""
            if entry["queue_name"] == "deferred" and name in kept and name not in self.ledger.deleted:
                done = await self.relay.command("postsuper", "-d", entry["queue_id"])
                if done.returncode == 0 and b"Deleted: 1 message" in done.stderr:
                    self.ledger.deleted[name] = time.monotonic() + 0.2

    async def drain(self) -> None:
        """Wait until nothing acknowledged is without an answer; what was set aside as a suspect is released."""
        deadline = time.monotonic() + 30
        while self.ledger.due() and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
            if self.relay.logged("on hold") or deadline - time.monotonic() < 25:
                await self.relay.command("postsuper", "-H", "ALL")
                await asyncio.sleep(1)

    async def round(self, number: int, victims: list[str]) -> None:
        injector = Injector(self.ledger, self.relay.port, self.seed * 1000 + number, tag=f"r{number}x")
        await asyncio.sleep(self.rng.uniform(0.1, 0.8))
        submission = asyncio.create_task(self.submit())
        for victim in victims:
            await self.kill(victim)
            await asyncio.sleep(self.rng.uniform(0.0, 0.4))
        await submission
        await injector.stop()
        await self.drain()


def running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def fingerprint(directory) -> list[tuple[object, ...]]:
    """What recovery finds in a queue."""
    store = Store(str(directory), warn=lambda line: None)
    store.recover()
    slots, _ = store.scan(range(1, 16), 0, 1 << 30)
    found = sorted((store.queue_id(slot), store.state(slot), tuple(store.place(slot))) for slot in slots)
    store.close()
    return found


async def never(ledger: Ledger, relay: Relay, count: int) -> set[bytes]:
    """Messages that no receiver takes: for postsuper."""
    names = set()
    for at in range(count):
        name = b"n%06d" % at
        message = ledger.message(at, random.Random(at), "n")._replace(recipients=[b"never.%b.0@r.example" % name])
        ledger.sent[name] = message
        await relay.send(message.sender, *message.recipients, body=message.content[:200])
        ledger.state[name] = ACK
        names.add(name)
    return names


def books(ledger: Ledger) -> None:
    print(ledger.summary())
    distances = [distance for _, distance in ledger.duplicates()]
    print(f"duplicates at most {max(distances, default=0):.3f} s from a kill")
    assert not ledger.faults(), "\n".join(ledger.faults()[:20])


async def storm(rounds: int, victims_of, seed: int) -> Ledger:
    async with Relay(QUICK, sink=False) as relay:
        storm = Storm(relay, seed)
        server = await receive(storm.ledger, relay.sink_port)
        kept = await never(storm.ledger, relay, 2 * rounds)
        for number in range(rounds):
            victims = victims_of(storm.rng, number)
            await storm.round(number, victims)
            await storm.delete_some(set(sorted(kept)[:number + 1]))
            print(f"round {number}: {victims}: {storm.ledger.summary()}")
            assert not storm.ledger.faults(), "\n".join(storm.ledger.faults()[:20])
        await asyncio.sleep(3)                  # whatever was deleted or refused has time to show itself
        books(storm.ledger)
        server.close()
        assert not relay.logged("panic|corrupt|Traceback")
        return storm.ledger


def test_a_storm_loses_nothing():
    def victims(rng, number):
        first = VICTIMS[number % len(VICTIMS)] if ROUNDS >= len(VICTIMS) else ["qmgr", "tree", "smtpd", "smtp", "master"][number % 5]
        return [first, *rng.choices(VICTIMS, k=KILLS - 1)]

    ledger = asyncio.run(storm(ROUNDS, victims, SEED))
    assert list(ledger.state.values()).count(ACK) > 20 * ROUNDS, "too little load to mean anything"
    assert len(ledger.kills) == KILLS * ROUNDS
    assert ROUNDS < len(VICTIMS) or {kill.program for kill in ledger.kills} == set(VICTIMS)


def test_without_a_kill_nothing_comes_twice():
    ledger = asyncio.run(storm(1, lambda rng, number: [], SEED))
    assert not ledger.duplicates() and NAK not in ledger.state.values() and UNKNOWN not in ledger.state.values()
