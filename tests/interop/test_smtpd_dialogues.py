"""The same bytes to Debian's Postfix and to pyfix: replies and log lines must be the same, but for what DIFFERS says.

A private Postfix (own directories, a free port, never the system's) is started and stopped by this module.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.core.test_server import SESSIONS
from tests.kit.smtpd import MAIN_CF, Smtpd, Wire

pytestmark = pytest.mark.interop
POSTFIX, DAEMONS = shutil.which("postfix", path="/usr/sbin:/usr/bin"), Path("/usr/lib/postfix/sbin")
SETTINGS = """smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_forbid_bare_newline = normalize
smtpd_forbid_bare_newline_exclusions =
smtpd_forbid_unauth_pipelining = yes
smtpd_forbidden_commands = CONNECT GET POST
smtpd_timeout = 5s
message_size_limit = 20000
smtpd_recipient_limit = 3
"""
# what Postfix 3.7 answers where 3.11 and pyfix, or pyfix by design, answer otherwise: line -> why
DIFFERS = {
    b"MAIL FROM:<a@b> RET=full ENVID=abc+00\r\n": "a NUL in ENVID is refused (3.12-20260602)",
    b"NO\0OP\r\n": "a NUL in a command is bad syntax here; Postfix 3.7 stops reading the line at it",
}
E, M, R = b"EHLO a\r\n", b"MAIL FROM:<a@b.example>\r\n", b"RCPT TO:<x@example.org>\r\n"
MORE = [
    [b"FOO\r\n"] * 21, [b"NOOP\r\n"] * 105, [E, M, R, R, R, R, R, b"DATA\r\n", b"x\r\n.\r\n", b"QUIT\r\n"],
    [E, M, R, b"DATA\r\n", b"x" * 19000 + b"\r\n" + b"y" * 3000 + b"\r\n.\r\n", R, M, b"QUIT\r\n"],
    [E, b"MAIL FROM:<a@b.example> SIZE=20001\r\n", b"MAIL FROM:<a@b.example> SIZE=20000\r\n", b"RSET\r\n", b"QUIT\r\n"],
    [E, M, R, b"DATA\r\n", b"x\n.\n.\r\n\r\n.\r\n", b"QUIT\r\n"], [E + M], [b"HELO a\r\n", M + R], [E, b"NOOP\r\nNOOP\r\n"],
    [E, M, R, b"DATA\r\nx"], [E, M, R, b"BDAT 30000 LAST\r\n" + b"x" * 30000, M, b"QUIT\r\n"],
    [b"HELO foo bar\r\n", M, R, b"DATA\r\n", b".\r\n", b"QUIT\r\n"], [E, b"VRFY x@example.org\r\n", b"VRFY\r\n", b"VRFY <>\r\n"],
    [E, b"ETRN foo.example\r\n", b"ETRN #foo\r\n", b"ETRN foo bar\r\n", b"ETRN a_b..c\r\n", b"QUIT\r\n"],
    [E, b"MAIL FROM:<a b@c>\r\n", b"MAIL FROM:<a>,<b>\r\n", b"MAIL FROM:<@a,@b:c@d>\r\n", b"RSET\r\n", b"MAIL FROM:<@>\r\n",
     b"MAIL FROM:<a@>\r\n", b"MAIL FROM:<a@-b>\r\n", b"MAIL FROM:<a..b@c>\r\n", b"RSET\r\n", b'MAIL FROM:<"a b"@c>\r\n', b"QUIT\r\n"],
    [E, M, b"RCPT TO:<\"x\"@example.org>\r\n", b"RCPT TO:<x%y@example.org>\r\n", b"RCPT TO:x@example.org\r\n", b"QUIT\r\n"],
    [b"NOOP " + b"x" * 3000 + b"\r\n", b"VRFY " + b"x" * 2100 + b"\r\n", b"QUIT\r\n"],
]


@pytest.fixture(scope="module")
def postfix(tmp_path_factory):
    if POSTFIX is None or os.geteuid() != 0:
        pytest.skip("needs Debian's postfix, and root to start a private one")
    base = tmp_path_factory.mktemp("pf", numbered=True)
    for directory in (base, *list(base.parents)[:-2]):
        with contextlib.suppress(PermissionError):
            directory.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    for name in ("etc", "q", "data"):
        (base / name).mkdir()
    shutil.chown(base / "data", "postfix")
    for name in ("postfix-files", "postfix-script"):
        shutil.copy(f"/etc/postfix/{name}", base / "etc")
    text = MAIN_CF.replace("3.11", "3.6") + SETTINGS + f"""
queue_directory = {base}/q
data_directory = {base}/data
maillog_file = {base}/log
maillog_file_prefixes = {base}
defer_transports = smtp, local, relay
"""
    (base / "etc/main.cf").write_text(text)
    services = [f"{port} inet n - n - - smtpd", "cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr",
                "postlog unix-dgram n - n - 1 postlogd", *(f"{s} unix - - n - - {p}" for s, p in (
                    ("rewrite", "trivial-rewrite"), ("bounce", "bounce"), ("defer", "bounce"), ("error", "error"),
                    ("retry", "error"), ("smtp", "smtp"), ("relay", "smtp"), ("anvil", "anvil"), ("local", "local"), ("flush", "flush")))]
    (base / "etc/master.cf").write_text("\n".join(services) + "\n")
    subprocess.run([POSTFIX, "-c", base / "etc", "start"], check=True, capture_output=True, timeout=60)
    try:
        yield port, base / "log"
    finally:
        subprocess.run([POSTFIX, "-c", base / "etc", "stop"], capture_output=True, timeout=60)


def play(port, lines):
    """[(line, reply)] of one session."""
    wire, played = Wire(port), []
    with wire:
        played.append((b"", wire.reply()))
        for line in lines:
            reply = wire.ask(line)
            played.append((line, plain(reply)))
            if not reply:
                break
    return played


def plain(reply):
    """A reply without what must differ: queue ids, the text of long-line accounting."""
    return re.sub(rb"queued as \w+", b"queued as ID", re.sub(rb"Ok: \d+ bytes queued", b"Ok: N bytes queued", reply))


def smtpd_lines(text):
    """smtpd's own log lines without time, host, process and queue ids."""
    lines = [line.split("]: ", 1)[1] for line in text.splitlines() if re.search(r"/smtpd\[\d+\]: ", line)]
    return [told(line) for line in lines if not line.startswith("warning: unknown DSN NOTIFY")]


def told(line):
    return re.sub(r"^(warning: )?(?:[0-9A-F]{6,}|ID\d+): ", r"\1ID: ", line).replace("  ", " ")


@pytest.mark.parametrize("number", range(len(SESSIONS) + len(MORE)))
def test_same_replies_and_log(postfix, tmp_path, number):
    port, log = postfix
    lines = [line for line, _ in SESSIONS[number]] if number < len(SESSIONS) else MORE[number - len(SESSIONS)]
    lines = [line for line in lines if not DIFFERS.get(line)]
    before = log.stat().st_size if log.exists() else 0
    theirs = play(port, lines)
    with Smtpd(tmp_path, SETTINGS) as server:
        ours = play(server.port, lines)
        our_log = [told(line) for line in server.lines()]
    assert ours == theirs
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        their_log = smtpd_lines(log.read_text()[before:])
        if any(line.startswith("disconnect") for line in their_log):
            break
        time.sleep(0.1)
    assert our_log == their_log
