"""Power cuts, a full disk and failing syncs under the running relay: what was answered with 250 stays, the rest is 4xx.

Law: HOSTILE 2.1 (FS_IOC_SHUTDOWN on a loop-mounted ext4, ENOSPC, EIO by strace), I1 to I5, I9, I10. PYFIX_CUTS is the number of
power cuts (default 3). Needs root and loop devices; says so where it has none.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import struct
import subprocess
import time

import pytest

from tests.crash.test_storm import QUICK, SEED, Storm, running
from tests.kit.ledger import Kill
from tests.kit.relay import Relay
from tests.kit.storm import Injector, receive

CUTS = int(os.environ.get("PYFIX_CUTS", "3"))
FS_IOC_SHUTDOWN, NO_LOG_FLUSH = 0x8004587d, 2
MB = 1 << 20

pytestmark = [pytest.mark.crash, pytest.mark.timeout(120 + 30 * CUTS)]


class DiskRelay(Relay):
    """A relay whose spool is a small ext4 of its own, in a sparse file."""

    def __init__(self, megabytes: int, main_cf: str = "") -> None:
        super().__init__(main_cf, sink=False)
        self.image, self.spool = self.base / "image", self.base / "spool"
        self.megabytes = megabytes

    async def __aenter__(self) -> "DiskRelay":
        with open(self.image, "wb") as file:
            file.truncate(self.megabytes * MB)
        self.spool.mkdir()
        made = subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", self.image], capture_output=True, check=False) \
            if shutil.which("mkfs.ext4") and os.geteuid() == 0 else None
        if made is None or made.returncode or not self.mount():
            shutil.rmtree(self.base)
            pytest.skip("needs root, mkfs.ext4 and a loop device")
        return await super().__aenter__()

    async def __aexit__(self, *error: object) -> None:
        with contextlib.suppress(OSError, ValueError):
            await self.end()
        subprocess.run(["umount", "-l", self.spool], check=False, capture_output=True)
        await super().__aexit__(*error)

    def mount(self) -> bool:
        return not subprocess.run(["mount", "-o", "loop", self.image, self.spool], capture_output=True, check=False).returncode

    async def end(self) -> None:
        """Kill everything and wait until it is gone."""
        pids = [*self.processes(), self.master]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self.until(lambda: not any(map(running, pids)), "the end of all processes")

    async def power_cut(self) -> None:
        """Whatever is not on the disk now never will be; kill, unmount, mount (which replays the journal)."""
        pids = [*self.processes(), self.master]
        fd = os.open(self.spool, os.O_RDONLY)
        fcntl.ioctl(fd, FS_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        os.close(fd)
        await asyncio.sleep(0.05)               # errors are seen, and must not be answered with 250
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self.until(lambda: not any(map(running, pids)), "the end of all processes")
        # a copy of the disk, for the old one may still be mounted in somebody else's namespace
        subprocess.run(["umount", "-l", self.spool], check=True)
        old, self.image = self.image, self.image.with_suffix(f".{time.monotonic_ns()}")
        subprocess.run(["cp", "--sparse=always", old, self.image], check=True)
        old.unlink()
        assert self.mount()


async def cuts(count: int) -> None:
    async with DiskRelay(2048, QUICK) as relay:
        storm = Storm(relay, SEED)
        server = await receive(storm.ledger, relay.sink_port)
        for number in range(count):
            injector = Injector(storm.ledger, relay.port, number, tag=f"c{number}x")
            await asyncio.sleep(storm.rng.uniform(0.1, 1.0))
            storm.ledger.kills.append(Kill(time.monotonic(), "tree"))
            await relay.power_cut()
            await relay.command("postfix", "start", check=True)
            storm.ledger.kills.append(Kill(time.monotonic(), "tree"))
            await injector.stop()
            await storm.drain()
            print(f"cut {number}: {storm.ledger.summary()}")
            assert not storm.ledger.faults(), "\n".join(storm.ledger.faults()[:20])
        assert not relay.logged("corrupt|Traceback|panic"), relay.logged("corrupt|Traceback|panic")[:4]
        server.close()
        assert "ACK" in storm.ledger.state.values()


def test_power_cuts_lose_nothing():
    asyncio.run(cuts(CUTS))


async def full() -> None:
    """The relay's disk fills while its receiver is away; then the receiver comes, then room."""
    async with DiskRelay(640, QUICK + "message_size_limit = 2000000\n") as relay:
        room = os.statvfs(relay.spool)
        ballast = relay.spool / "ballast"
        with open(ballast, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - 6 * MB)
        accepted, replies = 0, []
        body = b"Subject: x\r\n\r\n" + (b"y" * 98 + b"\r\n") * 10_000
        while accepted < 400 and not replies:
            dialogue = await relay.smtp(b"EHLO a", b"MAIL FROM:<a@example.com>", b"RCPT TO:<b@example.org>", b"DATA", content=body)
            accepted += dialogue[-1].startswith(b"250 ")
            replies = [line for line in dialogue if line[:1] == b"4"]
        assert replies and replies[0][:3] in (b"452", b"451"), replies
        print(f"{accepted} messages of 1 MB, then {replies}")
        with contextlib.suppress(OSError), open(relay.spool / "ballast2", "wb") as file:
            while True:
                file.write(bytes(65536))

        async def no_room() -> bool:
            return (await relay.smtp(b"EHLO a", b"MAIL FROM:<a@example.com>"))[2].startswith(b"452 4.3.1 ")
        await relay.until(no_room, "452 4.3.1")
        await relay.sink.start(relay.sink_port)         # the queue drains though not a byte is free
        await relay.until(lambda: len(relay.received) >= accepted, "the queue to drain")
        for name in ("ballast", "ballast2"):
            (relay.spool / name).unlink()
        freed = time.monotonic()

        async def heals() -> bool:
            answer = await relay.smtp(b"EHLO a", b"MAIL FROM:<a@example.com>", b"RCPT TO:<b@example.org>", b"DATA", content=body)
            return answer[-1].startswith(b"250 ")
        await relay.until(heals, "new mail to be taken")
        assert time.monotonic() - freed < 10
        await relay.until(lambda: len(relay.received) >= accepted + 1, "the last message")
        assert len(relay.received) == accepted + 1, "something came twice"
        assert not relay.logged("panic|Traceback|corrupt")


def test_a_full_disk_refuses_mail_drains_and_heals():
    asyncio.run(full())


async def failing_syncs(program: str, call: str) -> None:
    """Attach strace to a running process, and let one of its next syncs fail."""
    async with Relay(QUICK, sink=False) as relay:
        storm = Storm(relay, SEED)
        server = await receive(storm.ledger, relay.sink_port)
        for number in range(2):
            await relay.until(lambda: program in relay.processes().values(), program)
            pids = [pid for pid, name in relay.processes().items() if name == program]
            tracer = await asyncio.create_subprocess_exec(
                "strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:error=EIO:when=3", *(f"--attach={pid}" for pid in pids))
            await asyncio.sleep(0.3)
            if tracer.returncode is not None:
                pytest.skip("strace may not attach here")
            injector = Injector(storm.ledger, relay.port, number, tag=f"e{number}x")
            await relay.until(lambda: not all(map(running, pids)), f"{program} to leave after EIO")
            storm.ledger.kills.append(Kill(time.monotonic(), program))
            await asyncio.sleep(0.5)
            await injector.stop()
            with contextlib.suppress(ProcessLookupError):
                tracer.terminate()
            await tracer.wait()
            await storm.drain()
            print(f"{program}, {call}: {storm.ledger.summary()}")
            assert not storm.ledger.faults(), "\n".join(storm.ledger.faults()[:20])
        server.close()


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize("program", ["smtpd", "qmgr"])
def test_a_failed_sync_is_not_answered_with_250(program):
    asyncio.run(failing_syncs(program, "fdatasync"))
