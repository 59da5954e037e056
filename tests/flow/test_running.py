"""How it is run: sockets of a service manager, an ordinary user without root, reload under load."""

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.relay import BIN, Relay

ROOT = Path(__file__).parents[2]
NOBODY = 65534


def run(scenario):
    asyncio.run(asyncio.wait_for(scenario, 110))


class Handed(Relay):
    """A relay that is started in the foreground with sockets that somebody else has bound."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.base.chmod(0o755)
        (self.base / "spool/public").mkdir(parents=True)
        self.inet, self.odd = socket.create_server(("127.0.0.1", self.port)), socket.create_server(("127.0.0.1", 0))
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix.bind(str(self.base / "spool/public/submit"))
        os.chmod(self.base / "spool/public/submit", 0o666)
        self.unix.listen()

    def start(self) -> int:
        """Process id of `postfix start-fg`, which becomes master."""
        pid = os.fork()
        if pid:
            return pid
        for place, sock in enumerate((self.inet, self.unix, self.odd), 50):
            os.dup2(sock.fileno(), place)
        for place in range(3):
            os.dup2(50 + place, 3 + place)
        environment = os.environ | {"LISTEN_FDS": "3", "LISTEN_PID": str(os.getpid())}
        os.execve(BIN / "postfix", ["postfix", "-c", str(self.etc), "start-fg"], environment)

    async def __aenter__(self):
        self.configure()
        await self.sink.start(self.sink_port)
        self.pid = self.start()
        await self.until(self.greets, "the relay to greet")
        return self


def test_inherited_sockets_are_used():
    async def scenario():
        async with Handed() as relay:
            assert relay.master == relay.pid
            await relay.send()
            await relay.command("sendmail", "-f", "a@example.com", "b@example.org", data=b"Subject: local\n\nx\n", check=True)
            await relay.until(lambda: len(relay.received) == 2, "both messages")
            assert not list((relay.base / "spool/maildrop").iterdir()) and relay.logged(r"pickup\[\d+\]: \w+: uid=")
            odd = relay.odd.getsockname()[1]
            await relay.until(lambda: relay.logged(rf"master\[\d+\]: warning: inherited socket \('127\.0\.0\.1', {odd}\) is in no line"
                                                   r" of master\.cf"), "the word about the socket that nobody wants")
            os.kill(relay.pid, signal.SIGTERM)
            assert (await asyncio.to_thread(os.waitpid, relay.pid, 0))[1] == 0
            relay.inet.close()
    run(scenario())


def test_reload_under_load_drops_no_session_and_no_mail():
    async def scenario():
        async with Relay() as relay:
            sent, over = [], asyncio.Event()

            async def client():
                """One session that lives through all reloads; each message in it is accepted."""
                reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)

                async def ask(line):
                    writer.write(line + b"\r\n")
                    reply = await reader.readline()
                    while reply[3:4] == b"-":
                        reply = await reader.readline()
                    assert reply[:1] in b"23", (line, reply)
                    return reply
                await reader.readline()
                await ask(b"EHLO client.example.com")
                while not over.is_set():
                    await ask(b"MAIL FROM:<a@example.com>")
                    await ask(b"RCPT TO:<b@example.org>")
                    await ask(b"DATA")
                    sent.append((await ask(b"Subject: x\r\n\r\nbody\r\n.")).split()[-1])
                    await asyncio.sleep(0.01)
                await ask(b"QUIT")
                writer.close()

            clients = [asyncio.create_task(client()) for _ in range(8)]
            main = (relay.etc / "main.cf").read_text()
            for number in range(5):
                (relay.etc / "main.cf").write_text(main + f"smtpd_banner = number {number}\n")
                await relay.command("postfix", "reload", check=True)
                await relay.until(lambda: len(relay.logged(r"master\[\d+\]: reload -- ")) == number + 1, "the reload")  # noqa: B023
            over.set()
            await asyncio.gather(*clients)
            await relay.until(lambda: len(relay.received) >= len(sent), "all messages")
            assert len(sent) >= 8 and len(relay.received) == len(sent) == len(set(sent))
            assert not relay.logged(r"lost connection after (?!CONNECT)|panic|fatal|killed by|error:")
    run(scenario())


def stranger(base: Path) -> list[str]:
    """A checkout of his own for a user who can read nothing of ours; the python to run it with. Skips where there is none."""
    python = Path("/usr/bin/python3")
    tag = subprocess.run([python, "-c", "import sys; print(sys.implementation.cache_tag)"], capture_output=True, text=True,
                         check=False).stdout.strip() if python.exists() else ""
    if tag != sys.implementation.cache_tag:
        pytest.skip("the system's python is not the version that this was built for")
    built = Path(sys.prefix) / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    subprocess.run([python, "-m", "venv", "--without-pip", base / "venv"], check=True)
    there = base / "venv" / built.relative_to(sys.prefix)
    for name in ("uvloop", "msgpack", "dns", "idna", "lmdb"):
        shutil.copytree(built / name, there / name)
    for extra in built.glob("*.so"):
        shutil.copy(extra, there)
    shutil.copytree(ROOT / "pyfix", base / "pyfix", ignore=shutil.ignore_patterns("__pycache__"))
    (there / "pyfix.pth").write_text(f"{base}\n")
    shutil.copy(BIN / "postdrop", base / "venv/bin/postdrop")
    for path in (base, *base.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    return [str(base / "venv/bin/python")]


def become_nobody() -> None:
    """In a child: give up root."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user; without it all other tests show this")
def test_an_ordinary_user_runs_it_without_root():
    base = Relay(sink=False).base
    try:
        base.chmod(0o755)
        python = stranger(base)
        done = subprocess.run([*python, "-m", "pyfix.commands.demo", "--once"], cwd=base, capture_output=True, text=True,
                              timeout=100, preexec_fn=become_nobody, env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
                              check=False)
        assert done.returncode == 0, (done.stdout[-3000:], done.stderr[-3000:])
        assert "status=sent" in done.stdout and re.search(r"pickup\[\d+\]: \w+: uid=65534 ", (base / ".run/mail.log").read_text())
        assert not re.search("panic|fatal|Traceback|PermissionError", done.stdout + done.stderr)
        owners = {path.lstat().st_uid for path in (base / ".run").rglob("*")}
        assert owners == {NOBODY}
    finally:
        shutil.rmtree(base)
