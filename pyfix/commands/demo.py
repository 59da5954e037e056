"""The demonstration behind `make run`: a whole relay, real mail, a visible receiving end.

    python -m pyfix.commands.demo [--once]

It needs no set-up and no root: everything is below .run in the checkout, ports are free ones. It starts
master with a configuration of its own, sends mail over SMTP and through `sendmail`, receives it with a
little SMTP server in this process, shows the log as it is written and the rate, and stays until Ctrl-C.
"""

import asyncio
import contextlib
import grp
import os
import pwd
import signal
import smtplib
import socket
import subprocess
import sys
import time
from email.message import EmailMessage
from pathlib import Path

from pyfix.commands.common import Failure, fatal
from pyfix.commands.sink import Sink

BURST = 2000                # messages of the rate demonstration
SESSIONS = 20
START_PATIENCE = 60.0       # seconds; a slow machine may be compiling at the same time
LINES_SHOWN = 6             # of the log in a burst: deliveries

MAIN_CF = """\
# Written by `make run`; it is written anew each time.
compatibility_level = 3.6
myhostname = relay.example.com
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
local_recipient_maps =
alias_maps =
relayhost = [127.0.0.1]:{sink}
queue_directory = {base}/spool
data_directory = {base}/data
maillog_file = {base}/mail.log
maillog_file_prefixes = {base}
mail_owner = {owner}
setgid_group = {group}
"""

MASTER_CF = """\
# service      type  private unpriv chroot wakeup maxproc command
127.0.0.1:{port} inet n - n - - smtpd
pickup         unix  n - n 60 1 pickup
cleanup        unix  n - n - 0 cleanup
qmgr           unix  n - n 300 1 qmgr
rewrite        unix  - - n - - trivial-rewrite
bounce         unix  - - n - 0 bounce
defer          unix  - - n - 0 bounce
trace          unix  - - n - 0 bounce
smtp           unix  - - n - - smtp
relay          unix  - - n - - smtp
error          unix  - - n - - error
retry          unix  - - n - - error
showq          unix  n - n - - showq
"""


def say(text: str) -> None:
    """A line of our own, set off from the log's."""
    print(f"==> {text}", flush=True)


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def identities() -> tuple[str, str]:
    """mail_owner and setgid_group: Postfix's where this machine has them, else nobody's; without root our own."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
    users = [name for name in ("postfix", "nobody") if _known(pwd.getpwnam, name)]
    groups = [name for name in ("postdrop", "nogroup", "nobody") if _known(grp.getgrnam, name)]
    if not users or not groups:
        raise Failure("this machine has neither a user postfix nor a user nobody")
    return users[0], groups[0]


def _known(lookup: object, name: str) -> bool:
    try:
        lookup(name)
    except KeyError:
        return False
    return True


class Demo:
    """One run."""

    def __init__(self, base: Path) -> None:
        self.base, self.etc, self.log = base, base / "etc", base / "mail.log"
        self.port = free_port()
        self.sink = Sink(self.received)
        self.master: subprocess.Popen[bytes] | None = None
        self.offset = 0
        self.quiet = False
        self.shown = 0

    # -- the relay ------------------------------------------------------------------------

    def configure(self, sink_port: int) -> None:
        """Write main.cf and master.cf."""
        owner, group = identities()
        self.base.mkdir(exist_ok=True)
        self.base.chmod(0o755)
        self.etc.mkdir(exist_ok=True)
        (self.etc / "main.cf").write_text(MAIN_CF.format(base=self.base, sink=sink_port, owner=owner, group=group))
        (self.etc / "master.cf").write_text(MASTER_CF.format(port=self.port))
        self.offset = self.log.stat().st_size if self.log.exists() else 0

    async def start(self) -> None:
        """Start master and wait until it takes mail. Raises Failure."""
        self.master = subprocess.Popen([sys.executable, "-I", "-m", "pyfix.master", "-c", str(self.etc)],
                                       stdin=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + START_PATIENCE
        while time.monotonic() < deadline:
            await asyncio.sleep(0.1)
            if self.master.poll() is not None:
                raise Failure(f"the relay did not start; its log is {self.log}")
            if await self.greeted():
                return
        raise Failure(f"the relay did not answer within {START_PATIENCE:.0f} s; its log is {self.log}")

    async def greeted(self) -> bool:
        """Whether the relay says 220."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            line = await asyncio.wait_for(reader.readline(), 5)
            writer.write(b"QUIT\r\n")
            await asyncio.wait_for(reader.read(), 5)
            writer.close()
        except (OSError, TimeoutError):
            return False
        return line.startswith(b"220")

    async def stop(self) -> None:
        """Stop the relay in good order."""
        if self.master is not None and self.master.poll() is None:
            self.master.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self.master.wait, 15)
            if self.master.poll() is None:
                self.master.kill()
        await self.sink.stop()

    # -- what is seen ---------------------------------------------------------------------

    def received(self, sender: bytes, recipients: list[bytes], content: bytes) -> None:
        """The receiving end has taken a message."""
        if not self.quiet:
            subject = next((line[8:].strip() for line in content.split(b"\n") if line.lower().startswith(b"subject:")), b"")
            to = b", ".join(recipients).decode("ascii", "replace")
            print(f"    received: from <{sender.decode('ascii', 'replace')}> to <{to}>, {len(content)} bytes, "
                  f"subject: {subject.decode('ascii', 'replace')}", flush=True)

    def show_log(self) -> None:
        """Show what the log has gained, a bounded part of it in a burst."""
        if not self.log.exists():
            return
        with self.log.open("rb") as file:
            file.seek(self.offset)
            lines = file.read().splitlines(keepends=True)
        if lines and not lines[-1].endswith(b"\n"):
            lines.pop()
        self.offset += sum(map(len, lines))
        if self.quiet:
            lines = [line for line in lines if b"status=" in line][:max(LINES_SHOWN - self.shown, 0)]
        for line in lines:
            print("    " + line.decode("utf-8", "replace").rstrip(), flush=True)
        self.shown += len(lines)

    async def watch(self) -> None:
        """Show the log as it is written, for ever."""
        while True:
            self.show_log()
            await asyncio.sleep(0.2)

    async def wait_for(self, count: int, patience: float = 60.0) -> None:
        """Wait until the receiving end has `count` messages. Raises Failure."""
        deadline = time.monotonic() + patience
        while self.sink.messages < count:
            if time.monotonic() > deadline:
                raise Failure(f"only {self.sink.messages} of {count} messages arrived; the log is {self.log}")
            await asyncio.sleep(0.02)

    # -- mail -----------------------------------------------------------------------------

    async def by_smtp(self) -> None:
        """One message, as a mail program sends it."""
        message = EmailMessage()
        message["From"], message["To"] = "alice@example.com", "bob@example.org"
        message["Subject"] = "a message over SMTP"
        message.set_content("Hello Bob,\n\nthis came in over SMTP.\n")

        def send() -> None:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=30) as client:
                client.send_message(message)
        await asyncio.to_thread(send)

    async def by_sendmail(self) -> None:
        """One message, as a program on this machine sends it. Raises Failure."""
        done = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-I", "-m", "pyfix.commands.sendmail", "-C", str(self.etc), "-i", "-f",
                             "carol@example.com", "-F", "Carol", "dave@example.net"],
            input=b"To: dave@example.net\nSubject: a message through sendmail\n\nHello Dave.\n", check=False)
        if done.returncode:
            raise Failure(f"sendmail ended with status {done.returncode}")

    async def burst(self) -> None:
        """Many messages over some sessions, with the rate second by second."""
        self.quiet, self.shown = True, 0
        start, before = time.monotonic(), self.sink.messages
        reporter = asyncio.create_task(self.rates(before))
        body = b"From: <a@example.com>\r\nTo: <b@example.org>\r\nSubject: burst\r\n\r\n" + b"x" * 76 * 50 + b"\r\n.\r\n"
        share = BURST // SESSIONS
        await asyncio.gather(*(session(self.port, share, body) for _ in range(SESSIONS)))
        accepted = time.monotonic() - start
        await self.wait_for(before + share * SESSIONS)
        total = time.monotonic() - start
        reporter.cancel()
        self.show_log()
        self.quiet = False
        say(f"{share * SESSIONS} messages of 4 KB: accepted in {accepted:.2f} s, all delivered after {total:.2f} s: "
            f"{share * SESSIONS / total:.0f} messages a second, end to end")
        say("(each was safe on disk before its 250; the sender and receiver of this show are Python and take their share "
            "of the processor: `make bench` measures properly)")

    async def rates(self, last: int) -> None:
        """Print the rate now and then."""
        while True:
            await asyncio.sleep(0.5)
            now = self.sink.messages
            print(f"    rate: {(now - last) * 2} messages/s, {now} received", flush=True)
            last = now

    async def show(self, once: bool) -> None:
        """The whole demonstration. Raises Failure."""
        self.configure(await self.sink.start())
        await self.start()
        say(f"the relay runs: SMTP on 127.0.0.1 port {self.port}, spool and log in {self.base}; here is its log")
        watcher = asyncio.create_task(self.watch())
        await self.by_smtp()
        await self.by_sendmail()
        await self.wait_for(2)
        await asyncio.sleep(0.4)
        say(f"now {BURST} messages over {SESSIONS} sessions (a few lines of the log)")
        await self.burst()
        if not once:
            self.invite()
            stop = asyncio.Event()
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
            await stop.wait()
        watcher.cancel()
        self.show_log()

    def invite(self) -> None:
        """How to go on."""
        bin_dir = Path(sys.executable).parent
        say("send your own, in another terminal:")
        print(f"""
    printf 'Subject: mine\\n\\nhello\\n' | {bin_dir}/sendmail -C {self.etc} -f me@example.com you@example.org
    any mail program, server 127.0.0.1 port {self.port}; for load: smtp-source -s 20 -m 1000 -l 4096 127.0.0.1:{self.port}
    {bin_dir}/postqueue -c {self.etc} -p         the queue
    {bin_dir}/postfix -c {self.etc} status       reload, stop ... work too
    {bin_dir}/postconf -c {self.etc} -n          the configuration

    Whatever it is addressed to, it comes to the receiving end in this window. Ctrl-C stops everything.
""", flush=True)


async def session(port: int, count: int, body: bytes) -> None:
    """Send `count` messages over one connection. Raises Failure for a refusal."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def reply(wanted: bytes) -> None:
        while (line := await reader.readline())[3:4] == b"-":
            pass
        if not line.startswith(wanted):
            raise Failure(f"the relay said {line.decode('ascii', 'replace').strip() or 'nothing'}")

    await reply(b"220")
    writer.write(b"EHLO demo\r\n")
    await reply(b"250")
    for _ in range(count):
        writer.write(b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n")
        for wanted in (b"250", b"250", b"354"):
            await reply(wanted)
        writer.write(body)
        await reply(b"250")
    writer.write(b"QUIT\r\n")
    await reply(b"221")
    writer.close()


async def run(once: bool) -> int:
    """Demonstrate, and clean up whatever happens; the exit status."""
    demo = Demo(Path(__file__).resolve().parents[2] / ".run")
    try:
        await demo.show(once)
    except (Failure, OSError, smtplib.SMTPException) as error:
        demo.show_log()
        return fatal("demo", str(error))
    finally:
        say("stopping")
        await demo.stop()
    return 0


def main(argv: list[str] | None = None) -> int:
    """Entry point."""
    words = sys.argv[1:] if argv is None else argv
    if set(words) - {"--once"}:
        return fatal("demo", "usage: demo [--once]")
    try:
        return asyncio.run(run("--once" in words))
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
