"""A relay under test: how to configure, start and stop it in a scratch folder of its own.

Each system listens on 127.0.0.1:`port`, relays everything to 127.0.0.1:`sink_port`
and must have a message on disk before it answers 250; what it really does there is seen by bench.compare.durability.
The other servers are in bench.compare.others.
"""

from __future__ import annotations

import os
import platform
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from bench.compare.backlog import copied
from bench.compare.job import Job
from bench.compare.peers import Unavailable, run

CHECKOUT = Path(__file__).resolve().parents[2]
SBIN = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
COMMON = """\
compatibility_level = 3.6
myhostname = relay.bench.example
mydestination =
mynetworks = 127.0.0.0/8
relayhost = {relayhost}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_client_connection_count_limit = 0
default_process_limit = {processes}
default_destination_concurrency_limit = 100
initial_destination_concurrency = 100
message_size_limit = 52428800
smtputf8_enable = no
local_recipient_maps =
alias_maps =
alias_database =
maillog_file = {log}
"""


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def greeted(port: int, seconds: float = 20.0, alive: Callable[[], bool] = lambda: True) -> None:
    """Returns when somebody on 127.0.0.1:`port` has greeted with 220. TimeoutError: nobody did, or who should is not `alive`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and alive():
        try:
            with socket.create_connection(("127.0.0.1", port), 2) as probe:
                probe.settimeout(5)
                if probe.recv(512).startswith(b"220"):
                    probe.sendall(b"QUIT\r\n")
                    probe.recv(512)
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise TimeoutError(f"no greeting on port {port}")


class System:
    """Base of the systems compared. `extra` are more main.cf lines."""

    name = title = ""

    def __init__(self, root: Path, job: Job | int, extra: str = "") -> None:
        self.root, self.extra = root, extra
        self.job = job if isinstance(job, Job) else Job(("127.0.0.1", job))
        self.port = free_port()
        self.config = root / "etc"
        self.queue = root / "spool"
        self.log = root / "maillog"

    def prepare(self) -> None:
        """Fetches what is needed. bench.compare.peers.Unavailable: it can't run here, or can't do this job."""

    def version(self) -> str:
        """Of the program that was prepared."""
        raise AssertionError("defined by each system")

    def start(self, fresh: bool = True) -> None:
        """Configures (unless started again on what is there) and starts; returns when the greeting comes."""
        if fresh:
            if self.config.exists():
                self.stop()                 # an earlier run that was killed may have left it running
            shutil.rmtree(self.root, ignore_errors=True)
            self.config.mkdir(parents=True)
            self.root.chmod(0o755)
            self.configure()
        self.launch()
        self.wait_for_greeting()

    def words(self) -> str:
        """The last line it logged, for a report of failure."""
        text = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return text[-1] if text else ""

    def parameters(self) -> str:
        """The lines of main.cf that Postfix and pyfix share."""
        routes = self.config / "transport"
        routes.write_text("".join(f"{domain} smtp:[{host}]:{port}\n" for domain, (host, port) in self.job.routes.items()))
        relayhost = "" if self.job.discard or self.job.routes else f"[{self.job.sink[0]}]:{self.job.sink[1]}"
        return COMMON.format(relayhost=relayhost, processes=max(200, self.job.crowd + 100), log=self.log) + (
            "default_transport = discard:\n" if self.job.discard else "") + (
            f"transport_maps = texthash:{routes}\n" if self.job.routes else "")

    def root_pid(self) -> int:
        """The process that is the ancestor of all others of this system."""
        return int((self.queue / "pid" / "master.pid").read_text())

    def wait_for_greeting(self, seconds: float = 20.0) -> None:
        """Raises TimeoutError when no 220 comes."""
        try:
            greeted(self.port, seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{self.name}: {error}") from None

    def configure(self) -> None:
        """Writes the configuration below self.config."""
        raise AssertionError("defined by each system")

    def launch(self) -> None:
        """Starts the processes."""
        raise AssertionError("defined by each system")

    def stop(self) -> None:
        """Stops them."""
        raise AssertionError("defined by each system")

    def multiply(self, count: int) -> bool:
        """Makes `count` messages of those in the queue, faster than by SMTP; False where nothing does that."""
        return False


class Postfix(System):
    """Debian's Postfix, a private instance (root only: it changes to its own users)."""

    name, title = "postfix", "Postfix"

    def prepare(self) -> None:
        if os.geteuid():
            raise Unavailable("Postfix changes its user and needs root")
        if shutil.which("postfix", path=SBIN) is None:
            raise Unavailable("Debian's postfix is not installed here (apt-get install postfix)")

    def version(self) -> str:
        return run(["postconf", "-h", "mail_version"], self.root, "postconf").strip()

    def configure(self) -> None:
        base = Path("/usr/share/postfix/master.cf.dist").read_text()
        lines = [f"127.0.0.1:{self.port} inet n - n - - smtpd" if line.startswith("smtp      inet") else line
                 for line in base.splitlines() if not line.startswith("#")]
        if not any(line.startswith("postlog") for line in lines):
            lines.append("postlog unix-dgram n - n - 1 postlogd")
        lines = [unchroot(line) for line in lines]
        (self.config / "master.cf").write_text("\n".join(lines) + "\n")
        user = pwd.getpwnam("postfix")
        data = self.root / "data"
        for path in (self.queue, data):
            path.mkdir()
        os.chown(data, user.pw_uid, user.pw_gid)
        (self.config / "main.cf").write_text(
            self.parameters()
            + f"queue_directory = {self.queue}\ndata_directory = {data}\nin_flow_delay = 0\n"
            + f"maillog_file_prefixes = {self.root}\nmulti_instance_name = postfix-bench\n" + self.extra)

    def launch(self) -> None:
        subprocess.run(["postfix", "-c", str(self.config), "start"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        subprocess.run(["postfix", "-c", str(self.config), "stop"], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def multiply(self, count: int) -> bool:
        self.stop()
        copied(self.queue / "deferred", count)
        self.start(fresh=False)
        return True


class Pyfix(System):
    """This checkout's pyfix, as the caller's user or (as root) with its own users."""

    name = title = "pyfix"

    def __init__(self, root: Path, job: Job | int, extra: str = "", bin_dir: Path | None = None) -> None:
        super().__init__(root, job, extra)
        self.bin = bin_dir or CHECKOUT / ".venv/bin"

    def version(self) -> str:
        return f"{(CHECKOUT / 'pyfix/VERSION').read_text().strip()} on Python {platform.python_version()}"

    def configure(self) -> None:
        self.config.joinpath("main.cf").write_text(
            self.parameters()
            + f"queue_directory = {self.queue}\ndata_directory = {self.root / 'data'}\n"
            + f"maillog_file_prefixes = {self.root}\n" + self.extra)
        self.config.joinpath("master.cf").write_text("\n".join((
            f"127.0.0.1:{self.port} inet n - n - - smtpd",
            "pickup    unix  n       -       n       60      1       pickup",
            "cleanup   unix  n       -       n       -       0       cleanup",
            "qmgr      unix  n       -       n       300     1       qmgr",
            "rewrite   unix  -       -       n       -       -       trivial-rewrite",
            "bounce    unix  -       -       n       -       0       bounce",
            "defer     unix  -       -       n       -       0       bounce",
            "trace     unix  -       -       n       -       0       bounce",
            "showq     unix  n       -       n       -       -       showq",
            "error     unix  -       -       n       -       -       error",
            "retry     unix  -       -       n       -       -       error",
            "discard   unix  -       -       n       -       -       discard",
            "smtp      unix  -       -       n       -       -       smtp",
            "relay     unix  -       -       n       -       -       smtp", "")))

    def launch(self) -> None:
        subprocess.run([str(self.bin / "postfix"), "-c", str(self.config), "start"], check=True,
                       stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        subprocess.run([str(self.bin / "postfix"), "-c", str(self.config), "stop"], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def unchroot(line: str) -> str:
    """A master.cf line with its chroot column set to n."""
    words = line.split()
    if len(words) < 8 or line[0].isspace():
        return line
    words[4] = "n"
    return " ".join(words)
