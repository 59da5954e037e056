"""STARTTLS in source and sink: whole messages, handshakes counted apart, nothing from the clear survives (RFC 3207)."""

import json
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pyfix.load import tls
from tests.kit.load import PYTHON, clean, sink, source

if shutil.which("openssl") is None:
    pytest.skip("openssl is not here: apt-get install openssl", allow_module_level=True)

CARELESS = ssl._create_unverified_context()


def converse(port: int, behind: bytes = b"", pieces: int = 1) -> tuple[socket.socket, bytes]:
    """EHLO and STARTTLS with `behind` in the same packet; the socket and the answer to STARTTLS."""
    sock = socket.create_connection(("127.0.0.1", port), 10)
    lines = sock.makefile("rb")
    lines.readline()
    sock.sendall(b"EHLO x\r\n")
    while lines.readline()[3:4] == b"-":
        pass
    sock.sendall(b"STARTTLS\r\n" + behind)
    return sock, lines.readline()


def test_every_way_of_sending_arrives_whole_under_tls() -> None:
    ways = [["-s", "5"], ["-s", "3", "-c", "0"], ["-c", "7", "--bdat", "-s", "2"], ["--no-pipelining", "-c", "3"],
            ["-r", "1:2,30:1", "--users", "50", "-t", "u{u}@d{d}.test", "--domains", "9", "-l", "1:1,5k:1,300k:1"],
            ["--rate", "300", "-c", "0"], ["-s", "4", "-j", "2", "--no-rset", "-c", "0"]]
    with sink("127.0.0.1:0", "--tls") as receiver:
        for number, words in enumerate(ways):
            result = source(receiver.ports[0], "-m", "40", "--run", f"run{number}", "--tls", *words)
            assert (result["messages"], result["failed"], result["failures"]) == (40, 0, {})
            assert result["tls"]["handshakes"] == result["tls"]["handshake_ms"]["count"] == result["connections"]
            assert result["greeting_ms"]["count"] == result["connections"] and result["tls"]["handshake_ms"]["min"] > 0
        report = receiver.ask("report")["report"]
        for number in range(len(ways)):
            clean(report, 40, f"run{number}")
        assert sum(report["tls"]["ciphers"].values()) == report["tls"]["handshakes"] == report["connections"]
        receiver.ask("reset")
        assert receiver.ask("report")["report"]["tls"]["handshakes"] == 0


def test_without_tls_both_are_as_before() -> None:
    with sink("127.0.0.1:0") as receiver:
        assert source(receiver.ports[0], "-m", "3")["tls"] is receiver.ask("report")["report"]["tls"] is None
        assert source(receiver.ports[0], "-m", "3", "--tls", status=1)["failures"] == {"starttls: not offered": 3}
    with sink("127.0.0.1:0", "--tls") as receiver:
        assert source(receiver.ports[0], "-m", "3")["messages"] == 3


def test_sessions_are_resumed_when_asked_for() -> None:
    with sink("127.0.0.1:0", "--tls") as receiver:
        words = ["-m", "10", "-s", "1", "--tls"]
        assert source(receiver.ports[0], *words)["tls"]["resumed"] == 0
        assert source(receiver.ports[0], *words, "--tls-resume")["tls"]["resumed"] == 9


def test_certificates_are_checked_when_asked_for(tmp_path: Path) -> None:
    certificate, key = tls.made(tmp_path)
    with sink("127.0.0.1:0", "--tls", "--cert", certificate, "--key", key) as receiver:
        port = receiver.ports[0]
        assert source(port, "-m", "2", "--tls", "--tls-verify", certificate)["messages"] == 2
        assert source(port, "-m", "2", "--tls", "--tls-verify", "system", status=1)["failures"] == {
            "handshake: self-signed certificate": 2}
    with sink("127.0.0.2:0", "--tls", "--cert", certificate, "--key", key) as receiver:
        words = [f"127.0.0.2:{receiver.ports[0]}", "-q", "-m", "1", "--tls"]
        other = subprocess.run([*PYTHON, "pyfix.load.source", *words, "--tls-verify", certificate], capture_output=True, text=True,
                               timeout=60, check=False)
        assert "IP address mismatch" in next(iter(json.loads(other.stdout)["failures"])), "a certificate of another address"


def test_what_stands_behind_starttls_in_the_clear_is_thrown_away() -> None:
    """The commands that an attacker puts behind STARTTLS must not be answered under TLS (CVE-2011-0411)."""
    injected = b"EHLO evil\r\nMAIL FROM:<evil@x.test>\r\nRCPT TO:<evil@x.test>\r\n"
    with sink("127.0.0.1:0", "--tls") as receiver:
        sock, answer = converse(receiver.ports[0], injected)
        assert answer.startswith(b"220 ")
        with CARELESS.wrap_socket(sock) as secure:
            secure.sendall(b"NOOP\r\nDATA\r\nEHLO me\r\n")
            got = secure.recv(4096)
            while b"250 " not in got.split(b"\r\n", 2)[2]:
                got += secure.recv(4096)
        lines = got.split(b"\r\n")
        assert lines[0][:3] == b"250" and lines[1][:3] == b"503", "nothing is left of the injected transaction"
        assert b"STARTTLS" not in got


@contextmanager
def server(answer: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A server that answers STARTTLS with `answer`; its port and what came after that."""
    heard: list[bytes] = []

    def talk(listener: socket.socket) -> None:
        sock, _ = listener.accept()
        with sock:
            sock.sendall(b"220 x ESMTP\r\n")
            sock.recv(999)
            sock.sendall(b"250-x\r\n250 STARTTLS\r\n")
            sock.recv(999)
            sock.sendall(answer)
            sock.settimeout(2)
            while piece := sock.recv(9999):
                heard.append(piece)
                sock.shutdown(socket.SHUT_WR)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=talk, args=(listener,), daemon=True)
        thread.start()
        yield listener.getsockname()[1], heard
        thread.join(10)


@pytest.mark.parametrize(("answer", "failure"), [
    (b"454 4.7.0 not now\r\n", "starttls: 454 4.7.0"),
    (b"220 go\r\n250-x\r\n250 PIPELINING\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n", "lost connection: handshake"),
    (b"220 go\r\n", "lost connection: handshake")])
def test_replies_from_the_clear_are_not_believed(answer: bytes, failure: str) -> None:
    """Injected replies behind 220 must not make a message look accepted; and nothing goes out in the clear."""
    with server(answer) as (port, heard):
        result = source(port, "-m", "1", "-s", "1", "--tls", status=1)
    assert result["failures"] == {failure: 1} and result["messages"] == 0
    assert not any(b"MAIL" in piece for piece in heard)


@pytest.mark.parametrize(("setting", "failure"), [
    ("refuse_tls = 1", "starttls: 454 4.7.0"), ("drop_tls = 1", "lost connection: handshake"),
    ("break_tls = 1", "handshake: "), ("stall_tls = 1", "timeout: handshake")])
def test_a_script_hinders_handshakes(tmp_path: Path, setting: str, failure: str) -> None:
    (tmp_path / "bad.toml").write_text(setting + "\n")
    with sink(f"127.0.0.1:0={tmp_path}/bad.toml", "--tls") as receiver:
        result = source(receiver.ports[0], "-m", "2", "-s", "2", "--tls", "--patience", "1", status=1)
        assert list(result["failures"].values()) == [2] and next(iter(result["failures"])).startswith(failure)
        assert source(receiver.ports[0], "-m", "2")["messages"] == 2, "in the clear all is well"


def test_a_slow_handshake_is_timed_as_one(tmp_path: Path) -> None:
    (tmp_path / "slow.toml").write_text("tls_delay = 0.4\ndelay = 0.05\n")
    with sink(f"127.0.0.1:0={tmp_path}/slow.toml", "--tls") as receiver:
        result = source(receiver.ports[0], "-m", "4", "-s", "2", "-r", "3", "-c", "0", "--tls", "--run", "r")
        clean(receiver.ask("report")["report"], 4, "r")
    assert result["tls"]["handshake_ms"]["min"] > 390 > result["greeting_ms"]["max"]


@pytest.mark.parametrize("words", [["127.0.0.1:0", "--cert", "x"], ["127.0.0.1:0", "--tls", "--cert", "/nowhere"], ["127.0.0.1:0=slow-tls"]])
def test_bad_words_for_the_sink(words: list[str]) -> None:
    done = subprocess.run([*PYTHON, "pyfix.load.sink", *words], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2 and done.stderr.startswith("pyfix bench sink: ")


@pytest.mark.parametrize("words", [["--tls-resume"], ["--tls", "--no-ehlo"], ["--tls", "--tls-verify", "/nowhere"]])
def test_bad_words_for_the_source(words: list[str]) -> None:
    assert "pyfix bench source: --tls" in source(1, "-m", "1", *words, status=2)["error"]


def test_openssl_s_client_gets_through() -> None:
    """Another implementation's client, with the session in pieces of its own."""
    with sink("127.0.0.1:0", "--tls") as receiver:
        done = subprocess.run(["openssl", "s_client", "-quiet", "-starttls", "smtp", "-connect", f"127.0.0.1:{receiver.ports[0]}"],
                              input=b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\nhello\r\n.\r\nQUIT\r\n",
                              capture_output=True, timeout=30, check=False)
        assert b"354 " in done.stdout and b"221 2.0.0" in done.stdout
        report = receiver.ask("report")["report"]
    assert (report["messages"], report["unmarked"], report["tls"]["handshakes"]) == (1, 1, 1), json.dumps(report)
