"""A whole relay for flow tests: master with a private configuration on free ports, and a sink that it delivers to."""

import asyncio
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pyfix.commands.demo import MAIN_CF, MASTER_CF, free_port, identities
from pyfix.commands.sink import Sink

BIN = Path(sys.executable).parent
PATIENCE = 40.0


class Relay:
    """`async with Relay() as relay:`; `relay.received` is what the sink has taken.

    Its directory is not pytest's: those are closed to other users, and mail_owner is one.
    """

    def __init__(self, main_cf: str = "", master_cf: str = "", sink: bool = True) -> None:
        self.base = base = Path(tempfile.mkdtemp(prefix="pyfix-"))
        self.etc, self.log = base / "etc", base / "mail.log"
        self.extra, self.master_extra = main_cf, master_cf
        self.port, self.sink_port = free_port(), free_port()
        self.received: list[tuple[bytes, list[bytes], bytes]] = []
        self.sink = Sink(lambda *message: self.received.append(message))
        self.with_sink = sink

    async def __aenter__(self) -> "Relay":
        self.base.chmod(0o755)
        self.configure()
        if self.with_sink:
            await self.sink.start(self.sink_port)
        try:
            await self.command("postfix", "start", check=True)
            await self.until(self.greets, "the relay to greet")
        except BaseException as error:
            await self.__aexit__(type(error), error, None)
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.command("postfix", "abort")
        await self.sink.stop()
        if error[0] is not None and self.log.exists():
            print(self.log.read_text()[-6000:])
        shutil.rmtree(self.base)

    def configure(self) -> None:
        """Write main.cf and master.cf."""
        owner, group = identities()
        self.etc.mkdir(exist_ok=True)
        main = MAIN_CF.format(base=self.base, sink=self.sink_port, owner=owner, group=group) + "myorigin = example.com\n" + self.extra
        (self.etc / "main.cf").write_text(main)
        (self.etc / "master.cf").write_text(MASTER_CF.format(port=self.port) + self.master_extra)

    async def command(self, name: str, *words: str, data: bytes = b"", check: bool = False) -> subprocess.CompletedProcess:
        """Run one of our commands with this configuration."""
        option = "-C" if name == "sendmail" else "-c"
        done = await asyncio.to_thread(subprocess.run, [BIN / name, option, self.etc, *words], input=data,
                                       capture_output=True, timeout=60)
        if check:
            assert done.returncode == 0, (done, self.lines()[-20:])
        return done

    async def greets(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            line = await asyncio.wait_for(reader.readline(), 10)
            writer.close()
        except (OSError, TimeoutError):
            return False
        return line.startswith(b"220")

    async def until(self, condition, what: str = "it"):
        """Wait until the (plain or async) condition is true; what it returned."""
        deadline = time.monotonic() + PATIENCE
        while True:
            result = condition()
            if asyncio.iscoroutine(result):
                result = await result
            if result:
                return result
            assert time.monotonic() < deadline, f"waited in vain for {what}: {self.lines()[-15:]}"
            await asyncio.sleep(0.03)

    async def smtp(self, *commands: bytes, content: bytes = b"") -> list[bytes]:
        """A dialogue, one command after the other; the last line of each reply, the greeting first.

        `content` goes behind them, where the last one (DATA) was answered with 354.
        """
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)

        async def ask(command: bytes) -> bytes:
            if command:
                writer.write(command + b"\r\n")
            line = await asyncio.wait_for(reader.readline(), 20)
            while line[3:4] == b"-":
                line = await asyncio.wait_for(reader.readline(), 20)
            return line.rstrip(b"\r\n")
        replies = [await ask(command) for command in (b"", *commands)]
        if content and replies[-1].startswith(b"354"):
            replies.append(await ask(content + b"\r\n."))
        writer.close()
        return replies

    async def send(self, sender: bytes = b"a@example.com", *recipients: bytes, body: bytes = b"Subject: x\r\n\r\nhello") -> bytes:
        """Send one message over SMTP; its queue id."""
        recipients = recipients or (b"b@example.org",)
        replies = await self.smtp(b"EHLO client.example.com", b"MAIL FROM:<%b>" % sender,
                                  *(b"RCPT TO:<%b>" % one for one in recipients), b"DATA", body + b"\r\n.", b"QUIT")
        assert replies[-2].startswith(b"250 2.0.0 Ok: queued as "), replies
        return replies[-2].rpartition(b" ")[2]

    def lines(self) -> list[str]:
        """The log so far."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def logged(self, pattern: str) -> list[str]:
        """Log lines that the regular expression is found in."""
        return [line for line in self.lines() if re.search(pattern, line)]

    @property
    def master(self) -> int:
        """Process id of master."""
        return int((self.base / "spool/pid/master.pid").read_text())

    def processes(self) -> dict[int, str]:
        """Process id -> program of the services."""
        return {pid: words[1].decode() for pid, words in self.children().items() if words[0] == b"pyfix.service"}

    @property
    def zygote(self) -> int:
        """Process id of the zygote, 0 while there is none that has loaded the code."""
        return next((pid for pid, words in self.children().items() if words[0] == b"pyfix.zygote"), 0)

    def children(self) -> dict[int, list[bytes]]:
        """Process id -> command line of master's children."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                except (OSError, IndexError, ValueError):
                    continue
                if parent == self.master:
                    found[int(entry.name)] = words
        return found

    def owner(self) -> tuple[int, int]:
        """uid and gid of mail_owner."""
        user, _ = identities()
        entry = pwd.getpwnam(user)
        return entry.pw_uid, entry.pw_gid

    def kill(self, program: str, number: int = signal.SIGKILL) -> list[int]:
        """Send a signal to all processes of a program; their process ids."""
        victims = [pid for pid, name in self.processes().items() if name == program]
        for pid in victims:
            os.kill(pid, number)
        return victims
