"""master's sockets: what a service name means, all or nothing, inherited ones, modes."""

import os
import socket
import stat
import subprocess
import sys

import pytest

from pyfix.commands.demo import free_port
from pyfix.config import Config
from pyfix.errors import ConfigError, SystemTrouble
from pyfix.master.listeners import Listeners, inet_sockets, unix_socket
from pyfix.master.spool import Owners

NOBODY = Owners(-1, -1, -1)


@pytest.fixture
def config(tmp_path, monkeypatch):
    (tmp_path / "main.cf").write_text("inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\n")
    monkeypatch.chdir(tmp_path)
    return Config.load(str(tmp_path))


@pytest.mark.parametrize("service, setting, wanted", [
    ("2525", "127.0.0.1", [("127.0.0.1", 2525)]), ("smtp", "127.0.0.1", [("127.0.0.1", 25)]), ("127.0.0.2:2525", "all", [("127.0.0.2", 2525)]),
    ("2525", "all", [("0.0.0.0", 2525)]), ("2525", "loopback-only", [("127.0.0.1", 2525)]),
    ("2525", "127.0.0.1, 127.0.0.3", [("127.0.0.1", 2525), ("127.0.0.3", 2525)]), ("[127.0.0.1]:26", "all", [("127.0.0.1", 26)]),
])
def test_what_a_service_name_means(config, service, setting, wanted):
    assert [one.address for one in inet_sockets(service, config.override([("inet_interfaces", setting)]))] == wanted


@pytest.mark.parametrize("service", ["nosuchservice", "65536", "-1", "no.such.host.invalid:25"])
def test_a_name_that_means_nothing_is_refused(config, service):
    with pytest.raises(ConfigError):
        inet_sockets(service, config)


def test_all_are_opened_or_none(config):
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listeners = Listeners(NOBODY)
        wanted = inet_sockets(str(port), config) + inet_sockets(str(taken.getsockname()[1]), config)
        with pytest.raises(SystemTrouble) as error:
            listeners.make(wanted)
        assert "another program has this port" in str(error.value) and str(taken.getsockname()[1]) in str(error.value)
        assert not listeners.open
    assert listeners.make(wanted[:1]), "the first one was closed again"


def test_a_reload_keeps_what_it_has_and_drops_what_it_need_not(config):
    listeners = Listeners(NOBODY)
    first, second = inet_sockets(str(free_port()), config)[0], unix_socket("there", 0o600)
    listeners.make([first, second])
    kept = listeners.open[first.name]
    assert listeners.make([first]) == {} and listeners.open[first.name] is kept
    listeners.drop({second.name})
    assert not os.path.lexists("there") and second.name not in listeners.open


def test_a_unix_socket_takes_the_place_of_what_was_left(config):
    os.symlink("/etc/passwd", "there")
    listeners = Listeners(NOBODY)
    listeners.make([unix_socket("there", 0o622)])
    status = os.lstat("there")
    assert stat.S_ISSOCK(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o622


def test_sockets_of_the_service_manager_are_taken_over(config, tmp_path):
    """LISTEN_FDS as systemd does it: descriptors from 3 on, LISTEN_PID is ours."""
    code = """if True:
        import os, socket, sys
        from pyfix.config import Config
        from pyfix.master.listeners import Listeners, inet_sockets
        from pyfix.master.spool import Owners
        os.environ["LISTEN_PID"] = str(os.getpid() + int(sys.argv[2]))
        listeners = Listeners(Owners(-1, -1, -1))
        try:
            [sock] = listeners.make(inet_sockets(sys.argv[1], Config.load("."))).values()
            print(sock.fileno(), os.get_inheritable(sock.fileno()), sock.getblocking())
        except Exception as error:
            print(type(error).__name__)
    """
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = sock.getsockname()[1]

        def run(offset):
            held = os.dup(sock.fileno())
            done = subprocess.run([sys.executable, "-c", f"import os; os.dup2({held}, 3); os.execv({sys.executable!r}, "
                                   f"[{sys.executable!r}, '-c', {code!r}, '{port}', '{offset}'])"], pass_fds=[held],
                                  env={**os.environ, "LISTEN_FDS": "1"}, capture_output=True, text=True, timeout=30)
            os.close(held)
            return done.stdout.strip(), done.stderr
        assert run(0)[0] == "3 False False", run(0)
        assert run(1)[0] == "SystemTrouble", "LISTEN_PID of another process: the descriptors are not for us"
