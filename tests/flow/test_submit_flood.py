"""Local users who flood the submission socket: each is held to his share, the others are served."""

import asyncio
import os
import socket
import time

import pytest

from pyfix.errors import PeerError
from pyfix.ipc.submission import Submission, Submitted, encode
from pyfix.pickup.intake import Receiver
from pyfix.pickup.socket import USER_CONNECTIONS
from tests.kit.relay import Relay

NOBODY = 65534
GOOD = b"".join(encode(Submission(b"me@example.com", {}, [Submitted(b"you@example.org")]), b"Subject: flood\n\nx\n"))


def as_nobody(work) -> int:
    """Run `work()` in a child of another user; its exit status is the number it returns."""
    pid = os.fork()
    if pid:
        return pid
    status = 255
    try:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        status = work()
    finally:
        os._exit(status)


def connected(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(20)
    sock.connect(path)
    return sock


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be several users")
def test_connections_of_one_user_are_bounded_and_others_are_served():
    async def scenario():
        async with Relay() as relay:
            path = str(relay.base / "spool/public/submit")

            def flood():
                """Silent connections, half records and rubbish; how many were told to go away."""
                held = [connected(path) for _ in range(USER_CONNECTIONS + 30)]
                for number, sock in enumerate(held[:USER_CONNECTIONS]):
                    sock.sendall((b"", GOOD[:-3], b"S\0\0\0\5me")[number % 3])
                refused = sum(sock.recv(100).startswith(b"451 4.3.2 ") for sock in held[USER_CONNECTIONS:])
                time.sleep(2)
                return refused

            pid = as_nobody(flood)
            await asyncio.sleep(1)
            for _ in range(3):
                with connected(path) as sock:
                    sock.sendall(GOOD)
                    assert (await asyncio.to_thread(sock.recv, 100)).startswith(b"250 2.0.0 Ok: queued as ")
            assert os.waitstatus_to_exitcode((await asyncio.to_thread(os.waitpid, pid, 0))[1]) == 30
            pid = as_nobody(lambda: connected(path).sendall(GOOD) or 0)     # the places are free again
            await asyncio.to_thread(os.waitpid, pid, 0)
            await relay.until(lambda: len(relay.received) == 4, "four messages")
            assert not relay.logged("panic|killed by")
    asyncio.run(asyncio.wait_for(scenario(), 110))


@pytest.mark.parametrize("flags", ["", "+5", "1_0", "\u0663", "-1", "9" * 30, " 1", "0x1"])
def test_flags_are_digits(flags):
    async def take():
        receiver = Receiver(None, None, 0, 0)
        receiver.take(b"S", b"me@example.com")
        receiver.take(b"A", f"flags={flags}".encode())
        receiver.take(b"R", b"you@example.org")
        with pytest.raises(PeerError, match="flags"):
            receiver.take(b"M", b"")
    asyncio.run(take())
