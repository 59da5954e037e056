"""Local users at qmgr's public sockets: what they may ask, and that nobody can pose as one of our processes."""

import asyncio
import os
import socket
import struct
import subprocess
import sys
import time

import pytest

from pyfix.ipc.messages import ASK, COMMITTED, DELIVER, HELLO, OUTCOME, READY
from pyfix.ipc.stream import encode
from pyfix.qmgr.callers import USER_CONNECTIONS
from tests.kit.relay import Relay

NOBODY = 65534
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be several users")

TALK = """
import os, socket, sys
os.setgroups([]); os.setresgid({0}, {0}, {0}); os.setresuid({0}, {0}, {0})
sock = socket.socket(socket.AF_UNIX)
sock.settimeout(20)
sock.connect(sys.argv[1])
sock.sendall(bytes.fromhex(sys.argv[2]))
data = b""
while piece := sock.recv(65536):
    data += piece
sys.stdout.buffer.write(data)
""".format(NOBODY)


def run(scenario):
    asyncio.run(asyncio.wait_for(scenario, 110))


async def as_nobody(relay, name, *frames):
    """What qmgr says to a process of another user that sends these frames, until it closes."""
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-I", "-S", "-c", TALK, relay.base / "spool" / name,
                                                    b"".join(map(encode, frames)).hex()], capture_output=True, timeout=60)
    return done


async def postqueue(relay, *words, user=NOBODY):
    """postqueue of another user; (status, standard error)."""
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", f"""
import os, sys
from pyfix.commands import postqueue, queued
from pyfix.preload import preload
sys.argv = ["postqueue", "-c", {str(relay.etc)!r}, *{list(words)!r}]
os.setgroups([]); os.setresgid({user}, {user}, {user}); os.setresuid({user}, {user}, {user})
sys.exit(postqueue.main())"""], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


def test_another_user_can_not_pose_as_a_writer_or_an_agent():
    async def scenario():
        async with Relay("defer_transports = smtp\n") as relay:
            queue_id = await relay.send()
            await relay.until(lambda: relay.logged("status=deferred"), "the deferral")
            thief = [[HELLO, "agent", "smtp", 1, 1], [READY, "smtp", 1000]]
            forger = [[COMMITTED, [[queue_id + b"X", 1, 1, 0, 10, 10, 0, b"", 1, []]]]]
            for frames in (thief, [[HELLO, "writer", "smtpd-x", 1, 1], *forger], forger, [[OUTCOME, [[1, "", [[0, "sent", "2.0.0", "x"]]]]]],
                           [[READY, "smtp", 5]], [[DELIVER, []]], [[99]]):
                for name in ("public/showq", "public/qmgr"):
                    done = await as_nobody(relay, name, *frames)
                    assert (done.returncode, done.stdout) == (0, b""), (frames, done)
            assert len(relay.logged("qmgr.*panic|killed by")) == 0
            listed = (await relay.command("postqueue", "-p", check=True)).stdout
            assert queue_id in listed and b"in 1 Request" in listed
    run(scenario())


def test_who_may_see_and_flush():
    async def scenario():
        async with Relay("authorized_mailq_users = root, !nobody, static:anyone\nauthorized_flush_users = root\n") as relay:
            status, text = await postqueue(relay, "-p")
            assert (status, text) == (77, f"postqueue: fatal: User nobody({NOBODY}) is not allowed to view the mail queue\n")
            status, text = await postqueue(relay, "-f")
            assert (status, text) == (77, f"postqueue: fatal: User nobody({NOBODY}) is not allowed to flush the mail queue\n")
            assert (await postqueue(relay, "-i", "1234567890"))[0] == 77
            for word in ("-p", "-f"):
                await relay.command("postqueue", word, check=True)
            main = relay.etc / "main.cf"
            main.write_text(main.read_text().replace("!nobody, ", ""))
            await relay.command("postfix", "reload", check=True)

            async def allowed():
                return (await postqueue(relay, "-p"))[0] == 0
            await relay.until(allowed, "the new list")
    run(scenario())


def test_one_user_can_not_take_all_connections():
    async def scenario():
        async with Relay() as relay:
            path = str(relay.base / "spool/public/showq")
            pid = os.fork()
            if not pid:
                os.setresgid(NOBODY, NOBODY, NOBODY)
                os.setresuid(NOBODY, NOBODY, NOBODY)
                held = []
                for _ in range(USER_CONNECTIONS * 4):
                    sock = socket.socket(socket.AF_UNIX)
                    sock.connect(path)
                    held.append(sock)
                time.sleep(1)
                closed = 0
                for sock in held:
                    sock.setblocking(False)
                    try:
                        closed += sock.recv(1) == b""
                    except BlockingIOError:
                        pass
                os._exit(closed == USER_CONNECTIONS * 3)
            await relay.command("postqueue", "-p", check=True)
            await asyncio.to_thread(time.sleep, 1.5)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
            await relay.send()
            await relay.until(lambda: relay.received, "the message")
    run(scenario())


def test_half_frames_and_rubbish_end_a_connection_only():
    async def scenario():
        async with Relay() as relay:
            before = relay.processes()
            for data in (b"\xff" * 100, struct.pack(">I", 1 << 30), b"\0\0\0\2\x91\xc1", encode([ASK]), encode([ASK, "nonsense"]),
                         encode([ASK, "find"]), encode([ASK, "list", 1, 2, 3]), encode([ASK, 5])):
                sock = socket.socket(socket.AF_UNIX)
                sock.connect(str(relay.base / "spool/public/showq"))
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
                sock.settimeout(20)
                await asyncio.to_thread(sock.recv, 65536)
                sock.close()
            await relay.send()
            await relay.until(lambda: relay.received, "the message")
            assert {pid for pid, name in before.items() if name == "qmgr"} <= relay.processes().keys()
    run(scenario())


