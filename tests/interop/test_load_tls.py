"""The load tools' STARTTLS with Debian's Postfix between them: its smtpd takes from the source, its smtp client brings to the sink."""

import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from pyfix.load import tls
from tests.kit.load import clean, sink, source
from tests.kit.postfix import Postfix

pytestmark = [pytest.mark.interop, pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not here")]
MESSAGES = 30
SETTINGS = """
defer_transports =
relayhost = [127.0.0.1]:{sink}
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_session_cache_database =
smtp_tls_security_level = encrypt
smtp_tls_loglevel = 1
"""


def arrived(receiver: Any, messages: int) -> dict[str, Any]:
    """The sink's report once it has that many."""
    deadline = time.monotonic() + 40
    while receiver.ask("count")["count"] < messages and time.monotonic() < deadline:
        time.sleep(0.1)
    return receiver.ask("report")["report"]


def test_postfix_between_source_and_sink(tmp_path_factory: pytest.TempPathFactory) -> None:
    base: Path = tmp_path_factory.mktemp("pf", numbered=True)
    certificate, key = tls.made(base)
    with sink("127.0.0.1:0", "--tls") as receiver:
        postfix = Postfix(base, SETTINGS.format(sink=receiver.ports[0], certificate=certificate, key=key))
        with (base / "etc/master.cf").open("a") as file:
            file.write("tlsmgr unix - - n 1000? 1 tlsmgr\n")
        with postfix:
            refused = source(postfix.port, "-m", "2", "-r", "2", status=1)
            assert refused["failures"] == {"mail: 530 5.7.0": 2}
            sent = source(postfix.port, "-m", str(MESSAGES), "-s", "4", "-c", "5", "-r", "3", "--users", "9", "-t", "u{u}@dest.example",
                          "--run", "r", "--tls", "--tls-verify", certificate, "--tls-resume")
            report = arrived(receiver, MESSAGES)
        log = postfix.log.read_text()
    assert (sent["messages"], sent["failed"], sent["tls"]["failed"]) == (MESSAGES, 0, 0)
    assert sent["tls"]["handshakes"] == sent["connections"] > sent["tls"]["resumed"] > 0
    clean(report, MESSAGES, "r")
    assert report["tls"]["handshakes"] == report["connections"] == log.count("TLS connection established to")


def test_postfix_defers_what_a_broken_handshake_kept(tmp_path_factory: pytest.TempPathFactory) -> None:
    base: Path = tmp_path_factory.mktemp("pf", numbered=True)
    certificate, key = tls.made(base)
    (base / "broken.toml").write_text("break_tls = 1\n")
    with sink(f"127.0.0.1:0={base}/broken.toml", "--tls") as receiver:
        postfix = Postfix(base, SETTINGS.format(sink=receiver.ports[0], certificate=certificate, key=key))
        with (base / "etc/master.cf").open("a") as file:
            file.write("tlsmgr unix - - n 1000? 1 tlsmgr\n")
        with postfix:
            source(postfix.port, "-m", "3", "--tls")
            deadline = time.monotonic() + 30
            while postfix.log.read_text().count("status=deferred (Cannot start TLS: handshake failure)") < 3 and time.monotonic() < deadline:
                time.sleep(0.2)
        assert postfix.log.read_text().count("status=deferred (Cannot start TLS: handshake failure)") == 3
        assert receiver.ask("report")["report"]["messages"] == 0
