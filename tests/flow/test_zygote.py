"""The process that all services are forked of: it may die at any time, and it holds nothing of theirs."""

import asyncio
import os
import signal
import time
from pathlib import Path

from tests.kit.relay import Relay


def run(scenario):
    asyncio.run(asyncio.wait_for(scenario, 110))


def test_services_outlive_the_zygote_and_a_new_one_forks():
    async def scenario():
        async with Relay() as relay:
            before, zygote = relay.processes(), relay.zygote
            await asyncio.sleep(1.1)            # one that dies in its first second is not replaced until it is needed
            os.kill(zygote, signal.SIGKILL)
            start = time.monotonic()
            await relay.until(lambda: relay.zygote not in (0, zygote), "a new zygote")
            assert relay.processes() == before
            assert relay.logged(rf"master\[\d+\]: warning: process \S+/zygote pid {zygote} killed by signal 9$")
            victims = relay.kill("smtpd")
            await relay.until(lambda: len([p for p in relay.processes() if p not in before]) == len(victims), "smtpd")
            print("zygote and smtpd back after", time.monotonic() - start)
            await relay.send()
            await relay.until(lambda: relay.received, "the message")
    run(scenario())


def test_both_killed_at_a_time_are_back():
    async def scenario():
        async with Relay() as relay:
            for _ in range(3):
                before = relay.processes()
                victims = relay.kill("qmgr") + relay.kill("pickup")
                os.kill(relay.zygote or relay.master, signal.SIGKILL if relay.zygote else 0)
                await relay.until(lambda: len([p for p in relay.processes() if p not in before]) == len(victims), "both")
                await relay.send()
            await relay.until(lambda: len(relay.received) == 3, "three messages")
            assert not relay.logged("throttling")
    run(scenario())


def test_the_zygote_holds_no_socket_of_a_service_and_leaves_with_master():
    async def scenario():
        async with Relay() as relay:
            zygote = relay.zygote
            assert sorted(int(fd.name) for fd in Path(f"/proc/{zygote}/fd").iterdir()) == [0, 1, 2, 3]
            os.kill(relay.master, signal.SIGKILL)
            await relay.until(lambda: not Path(f"/proc/{zygote}/fd/3").exists(), "its end")
            await relay.command("postfix", "start", check=True)
    run(scenario())


def test_a_service_has_its_own_title_descriptors_and_environment():
    async def scenario():
        async with Relay("import_environment = TZ=Asia/Tokyo FOO=bar\n") as relay:
            for pid, words in relay.children().items():
                if words[0] != b"pyfix.service":
                    continue
                program = words[1].decode()
                assert Path(f"/proc/{pid}/comm").read_text() == program + "\n"
                assert [word for word in words if word] == [b"pyfix.service", words[1], b"-n", words[3], b"-t", words[5], b"-i", words[7]]
                targets = [os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()]
                assert sum(target == str(relay.log) for target in targets) == 1, (program, targets)
            await relay.send()
            await relay.until(lambda: relay.received, "the message")
            assert b"+0900 (JST)" in relay.received[0][2]
    run(scenario())


def test_requests_wait_for_a_zygote_that_is_busy():
    async def scenario():
        async with Relay() as relay:
            os.kill(relay.zygote, signal.SIGSTOP)
            victims = relay.kill("pickup")
            await asyncio.sleep(0.5)
            assert "pickup" not in relay.processes().values()
            os.kill(relay.zygote, signal.SIGCONT)
            await relay.until(lambda: "pickup" in relay.processes().values(), "pickup")
            assert relay.logged(rf"pickup pid {victims[0]} killed by signal 9$")
    run(scenario())
