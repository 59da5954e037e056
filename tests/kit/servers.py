"""Real database servers for the tests of network tables: each in a directory of its own, on a free port of 127.0.0.1.

`start("mariadb", directory)` gives a Server with `port` and `stop()`. A program that is absent is installed with apt where the
tests run as root; else the test is skipped with the reason.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pyfix.commands.demo import free_port

#: what to look for, and the Debian package that has it
_PACKAGES = {"mariadb": ("mariadbd", "mariadb-server"), "slapd": ("slapd", "slapd"), "memcached": ("memcached", "memcached"),
             "redis": ("redis-server", "redis-server"), "postgres": ("initdb", "postgresql"),
             "dovecot": ("dovecot", "dovecot-lmtpd")}
_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:" + ":".join(
    str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))


def program(name: str) -> str:
    """The path of a server's program; installs its package if that is possible, skips the test otherwise."""
    command, package = _PACKAGES[name]
    found = shutil.which(command, path=_PATH)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", package], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=300,
                       env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"})
        found = shutil.which(command, path=_PATH)
    if found is None:
        pytest.skip(f"{command} is not here: apt-get install {package}")
    return found


class Server:
    """A running server; `port` on 127.0.0.1, or `path` of its socket."""

    def __init__(self, arguments: list[str], port: int, directory: Path, user: str | None = None,
                 ready: list[str] | None = None, stopping: int = signal.SIGTERM) -> None:
        self.stopping = stopping
        self.ready = ready  # a command that succeeds when the server is ready; else a connection is enough
        self.port, self.directory = port, directory
        self.arguments, self.user = arguments, user
        self.own = False  # is the directory to be removed in the end?
        self.go()

    def go(self) -> None:
        """Start it, and wait until it accepts connections."""
        self.log = open(self.directory / "log", "ab")
        self.process = subprocess.Popen(self.arguments, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL,
                                        cwd=self.directory, user=self.user, env={"PATH": _PATH, "LC_ALL": "C"})
        until = time.monotonic() + 60
        while time.monotonic() < until and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                if self.ready is None or subprocess.run(self.ready, stdout=subprocess.DEVNULL).returncode == 0:
                    return
            except OSError:
                pass  # not yet
            time.sleep(0.05)
        text = (self.directory / "log").read_text(errors="replace")[-2000:]
        self.stop()
        raise RuntimeError(f"{self.arguments[0]} did not start:\n{text}")

    def stop(self) -> None:
        """End this process and no other."""
        self.process.send_signal(self.stopping)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def end(self) -> None:
        """Stop it for good."""
        self.stop()
        if self.own:
            shutil.rmtree(self.directory)


def _mariadb(path: str, directory: Path, port: int) -> Server:
    data, user = directory / "data", f"--user={'root' if os.geteuid() == 0 else os.environ.get('USER', '')}"
    common = ["--no-defaults", user, f"--datadir={data}"]
    subprocess.run(["mariadb-install-db", *common, "--auth-root-authentication-method=normal", "--skip-test-db",
                    "--innodb-buffer-pool-size=16M"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return Server([path, *common, f"--port={port}", "--bind-address=127.0.0.1", f"--socket={directory}/s",
                   "--innodb-buffer-pool-size=16M", "--skip-log-bin"], port, directory)


def _postgres(path: str, directory: Path, port: int) -> Server:
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        # another user can't get into pytest's directories
        directory = Path(tempfile.mkdtemp(prefix="pyfix-postgres-"))
        shutil.chown(directory, user)
    data = directory / "data"
    environment = {"PATH": _PATH, "LC_ALL": "C"}
    subprocess.run([path, "-D", str(data), "-U", "admin", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"],
                   check=True, user=user, stdout=subprocess.DEVNULL, cwd=directory, env=environment)
    server = Server([str(Path(path).resolve().parent / "postgres"), "-D", str(data), "-p", str(port), "-h", "127.0.0.1",
                     "-k", str(directory), "-c", "fsync=off", "-c", "shared_buffers=16MB"], port, directory, user,
                    [str(Path(path).resolve().parent / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)],
                    signal.SIGINT)      # does not wait until the clients have gone
    server.own = user is not None
    return server


_SLAPD = """include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/misc.schema
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
suffix "dc=example,dc=com"
rootdn "cn=admin,dc=example,dc=com"
rootpw secret
directory {data}
"""


def _slapd(path: str, directory: Path, port: int) -> Server:
    data = directory / "data"
    data.mkdir()
    config = directory / "slapd.conf"
    config.write_text(_SLAPD.format(data=data))
    return Server([path, "-h", f"ldap://127.0.0.1:{port}", "-f", str(config), "-d", "0"], port, directory)


def _memcached(path: str, directory: Path, port: int) -> Server:
    user = ["-u", "root"] if os.geteuid() == 0 else []
    return Server([path, "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-m", "16", *user], port, directory)


def _redis(path: str, directory: Path, port: int) -> Server:
    return Server([path, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory),
                   "--requirepass", "geheim"], port, directory)


_STARTERS: dict[str, Callable[[str, Path, int], Server]] = {
    "mariadb": _mariadb, "postgres": _postgres, "slapd": _slapd, "memcached": _memcached, "redis": _redis}


def start(name: str, directory: Path) -> Server:
    """A running server of one kind. Skips the test where it can't be had."""
    return _STARTERS[name](program(name), directory, free_port())
