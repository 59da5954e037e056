"""Exim, OpenSMTPD, Haraka and aiosmtpd, each set to relay as Postfix and pyfix do here: same sink, no DNS, no TLS, no filters.

What would flatter pyfix and is therefore set: no limit on connections or on messages per connection, no DNS or ident lookups of
the client, split spool directories, as many parallel deliveries as the others have, all processors where the server is one process.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from bench.compare import peers
from bench.compare.peers import Unavailable
from bench.compare.systems import System

HERE = Path(__file__).resolve()
CHECKOUT = HERE.parents[2]

EXIM = """\
primary_hostname = relay.bench.example
local_interfaces = 127.0.0.1.{port}
spool_directory = {root}/spool
log_file_path = {root}/spool/log/%slog
split_spool_directory = true
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts =
smtp_accept_max = 0
smtp_accept_queue_per_connection = 0
smtp_receive_timeout = 5m
smtp_connect_backlog = 1000
remote_max_parallel = 20
queue_run_max = 20
message_size_limit = 50M
never_users =
keep_environment =
acl_smtp_rcpt = all
{queue_only}
begin acl
all:
  accept
begin routers
relay:
  driver = manualroute
  transport = remote
  {route}
  self = send
begin transports
remote:
  driver = smtp
  hosts_avoid_tls = *
  connection_max_messages = 500
begin retry
* * F,2d,15m
"""


class Peer(System):
    """A system that runs below bench.compare.launcher."""

    process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """What the launcher is to run, behind its own options."""
        raise AssertionError("defined by each peer")

    def environment(self) -> dict[str, str]:
        """Of the command."""
        return dict(os.environ)

    def launch(self) -> None:
        with (self.root / "output").open("ab") as output:
            self.process = subprocess.Popen([sys.executable, "-m", "bench.compare.launcher", *self.command()], cwd=CHECKOUT,
                                            env=self.environment(), stdout=output, stderr=output)

    def root_pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()
            self.process = None

    def words(self) -> str:
        output = self.root / "output"
        text = output.read_text(errors="replace").strip().splitlines() if output.exists() else []
        return text[-1] if text else ""


class Exim(Peer):
    """Debian's Exim 4, the light daemon."""

    name, title = "exim", "Exim"

    def version(self) -> str:
        return peers.debian_version(self.package, "exim4-daemon-light")

    def prepare(self) -> None:
        peers.root_only("Exim")
        self.package = peers.debian("exim", ["exim4-base", "exim4-daemon-light"])

    def configure(self) -> None:
        if self.job.routes:
            (self.config / "routes").write_text("".join(f"{domain}: {host}::{port}\n" for domain, (host, port) in self.job.routes.items()))
            route = f"route_data = ${{lookup{{$domain}}lsearch{{{self.config / 'routes'}}}}}"
        else:
            route = f"route_list = * {self.job.sink[0]}::{self.job.sink[1]}"
        text = EXIM.format(port=self.port, root=self.root, route=route, queue_only="queue_only = true" if self.job.discard else "")
        etc = self.root / "over-etc" / "exim4"
        etc.mkdir(parents=True)
        (etc / "exim4.conf").write_text(text)
        (etc / "exim4.conf").chmod(0o644)
        self.queue.mkdir()
        shutil.chown(self.queue, 64201, 64201)

    def environment(self) -> dict[str, str]:
        return peers.library_path(self.package)

    def command(self) -> list[str]:
        return ["--users", "Debian-exim", "--scratch", str(self.root), "--over", f"{self.root}/over-etc:/etc", "--over",
                f"{self.package}/usr:/usr", "--", "/usr/sbin/exim4", "-bdf", "-q1m"]


# its own: 5 connections to a route, 10 to a host, and 5 seconds from one to the next; 100 messages on each
OPENSMTPD_LIMITS = {"max-conn-per-host": 100, "max-conn-per-route": 100, "conn-delay-route": 0, "session-mail-max": 1000}


class OpenSmtpd(Peer):
    """Debian's OpenSMTPD. Where there are routes each domain has a rule of its own; to accept only, sending is paused."""

    name, title = "opensmtpd", "OpenSMTPD"

    def prepare(self) -> None:
        peers.root_only("OpenSMTPD")
        self.package, self.preload = peers.debian("opensmtpd", ["opensmtpd"]), peers.preload()

    def version(self) -> str:
        return peers.debian_version(self.package, "opensmtpd")

    def configure(self) -> None:
        relay = 'relay host "smtp://{}:{}" helo relay.bench.example'
        actions = {domain: relay.format(*where) for domain, where in self.job.routes.items()}
        (self.config / "smtpd.conf").write_text(
            f"smtp max-message-size \"50M\"\nqueue ttl 2d\nlisten on 127.0.0.1 port {self.port} hostname relay.bench.example\n"
            + "".join(f"mta limit {name} {value}\n" for name, value in OPENSMTPD_LIMITS.items())
            + "".join(f'action "{domain}" {action}\n' for domain, action in actions.items())
            + f'action "out" {relay.format(*self.job.sink)}\n'
            + "".join(f'match from any for domain "{domain}" action "{domain}"\n' for domain in actions)
            + 'match from any for any action "out"\n')
        for folder, mode in (("spool", 0o711), ("run", 0o755), ("lib/opensmtpd/empty", 0o755), ("var-spool/smtpd", 0o711)):
            (self.root / folder).mkdir(parents=True)
            (self.root / folder).chmod(mode)

    def environment(self) -> dict[str, str]:
        return peers.library_path(self.package) | {"LD_PRELOAD": str(self.preload)}

    def command(self) -> list[str]:
        return ["--users", "opensmtpd,opensmtpq", "--scratch", str(self.root), "--over", f"{self.package}/usr:/usr",
                "--over", f"{self.root}/var-spool:/var/spool", "--over", f"{self.root}/lib:/var/lib",
                "--bind", f"{self.queue}:/var/spool/smtpd", "--bind", f"{self.root}/run:/run",
                "--", "/usr/sbin/smtpd", "-d", *(["-P", "mta"] if self.job.discard else []), "-f", str(self.config / "smtpd.conf")]


HARAKA_PLUGIN = """\
// Everybody may relay; where to comes from the job, not from DNS.
const job = JSON.parse(require('fs').readFileSync('%s'));
exports.hook_connect = (next, connection) => { connection.relaying = true; next(); };
exports.hook_lookup_rdns = (next) => next(OK, 'localhost');
exports.hook_rcpt = (next) => next(OK);
exports.hook_get_mx = (next, hmail, domain) => {
    const to = job.routes[domain] || job.sink;
    next(OK, { priority: 0, exchange: to[0], port: to[1] });
};
"""


class Haraka(Peer):
    """npm's Haraka, outbound delivery, a worker for each processor."""

    name, title = "haraka", "Haraka"

    def prepare(self) -> None:
        if shutil.which("node") is None:
            raise Unavailable("no node on this machine")
        if self.job.discard:
            raise Unavailable("no way to accept and leave alone: with outbound disabled it looks at each message every second")
        self.package = peers.npm("Haraka", peers.HARAKA)

    def version(self) -> str:
        return f"{peers.HARAKA} on node {peers.run(['node', '--version'], self.root, 'node').strip()}"

    def configure(self) -> None:
        for folder in ("config", "plugins", "queue"):
            (self.root / folder).mkdir()
        (self.root / "job.json").write_text(json.dumps({"routes": self.job.routes, "sink": self.job.sink}))
        (self.root / "plugins" / "bench_relay.js").write_text(HARAKA_PLUGIN % (self.root / "job.json"))
        shutil.copy(self.package / "node_modules/Haraka/config/connection.ini", self.root / "config")
        rows = {"smtp.ini": f"listen=127.0.0.1:{self.port}\nnodes={os.cpu_count()}\n[headers]\nmax_received=100\n", "plugins": "bench_relay\n",
                "me": "relay.bench.example\n", "databytes": "52428800\n", "loglevel": "NOTICE\n", "log.ini": "level=notice\n",
                "outbound.ini": "concurrency_max=100\nenable_tls=false\nmaxTempFailures=13\n",
                "host_list": "\n", "deny_includes_uuid": "0\n", "internalcmd_key": "x\n"}
        for name, text in rows.items():
            (self.root / "config" / name).write_text(text)

    def command(self) -> list[str]:
        return ["--", "node", str(self.package / "node_modules/Haraka/bin/haraka"), "-c", str(self.root)]


class Aiosmtpd(Peer):
    """PyPI's aiosmtpd with bench/compare/aiosmtpd_relay.py: a file for each message, synced before 250."""

    name, title = "aiosmtpd", "aiosmtpd + our script"

    def prepare(self) -> None:
        self.package = peers.pypi("aiosmtpd", peers.AIOSMTPD)

    def version(self) -> str:
        return f"{peers.AIOSMTPD} on Python {platform.python_version()}"

    def configure(self) -> None:
        self.queue.mkdir()
        (self.root / "job.json").write_text(json.dumps({"port": self.port, "queue": str(self.queue), "sink": self.job.sink,
                                                        "routes": self.job.routes, "discard": self.job.discard}))

    def environment(self) -> dict[str, str]:
        return dict(os.environ, PYTHONPATH=str(self.package))

    def command(self) -> list[str]:
        return ["--", sys.executable, str(HERE.with_name("aiosmtpd_relay.py")), str(self.root / "job.json")]
