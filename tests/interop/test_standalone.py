"""sendmail -bs: the same dialogue with Debian's Postfix and with ours, replies and smtpd's log lines compared.

Postfix needs no running mail system for it, and ours takes the maildrop way.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.postfix import Postfix

pytestmark = pytest.mark.interop
OURS, THEIRS = Path(sys.executable).parent / "sendmail", "/usr/sbin/sendmail"
SETTINGS = "message_size_limit = 20000\nsmtpd_error_sleep_time = 0\nmail_version = 3.7.11\n"

DIALOGUES = [
    [b"EHLO foo", b"MAIL FROM:<a@b> SIZE=100 BODY=8BITMIME", b"RCPT TO:<c@d>", b"RCPT TO:<postmaster>", b"DATA",
     b"Subject: x\r\n\r\nhello\r\n.", b"QUIT"],
    [b"MAIL FROM:<a@b>", b"RCPT TO:<c@d>", b"DATA", b"Subject: y\r\n\r\n..dot\r\n.", b"RSET", b"QUIT"],
    [b"HELO foo", b"VRFY a@b", b"ETRN foo.com", b"NOOP", b"HELP", b"XCLIENT NAME=x", b"XFORWARD NAME=x", b"AUTH PLAIN", b"STARTTLS",
     b"RSET", b"FOO", b"QUIT"],
    [b"EHLO", b"HELO", b"MAIL", b"RCPT", b"DATA", b"MAIL FROM:<>", b"MAIL FROM:<x>", b"RCPT TO:<>", b"RCPT TO:foo", b"RCPT TO:<a b>",
     b"RCPT TO:<a@b>", b"DATA x", b"RSET", b"QUIT"],
    [b"EHLO x", b"MAIL FROM:<a@b> SIZE=1000000", b"QUIT"],
    [b"EHLO x", b"MAIL FROM:<a@b> RET=FULL ENVID=x", b"RCPT TO:<c@d> NOTIFY=SUCCESS ORCPT=rfc822;c@d",
     b"BDAT 18 LAST\r\nSubject: z\r\n\r\nab\r\n", b"QUIT"],
    [b"EHLO x", b"MAIL FROM:<-x@b>", b"RCPT TO:<-c@d>", b"RCPT TO:<nouser@mail.example.com>", b"RCPT TO:<\"a b\"@c>", b"QUIT"],
    [b"GET / HTTP/1.0"], [b"x" * 3000, b"QUIT"], [b"FOO"] * 20, [], [b"EHLO x", b"MAIL FROM:<a@b>", b"RCPT TO:<c@d>", b"DATA"],
]


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """Two queues with no master; theirs has postlogd's work done by syslog, so its log is our own file's only."""
    theirs = Postfix(tmp_path_factory.mktemp("pf"), SETTINGS).base
    subprocess.run(["/usr/sbin/postfix", "-c", theirs / "etc", "check"], capture_output=True, timeout=60)
    ours = tmp_path_factory.mktemp("px")
    for name in ("maildrop", "public"):
        (ours / "q" / name).mkdir(parents=True)
    (ours / "etc").mkdir()
    (ours / "etc/main.cf").write_text((theirs / "etc/main.cf").read_text().replace(str(theirs), str(ours)))
    return theirs, ours


def talk(base: Path, program: Path | str, lines: list[bytes]) -> tuple[list[bytes], int]:
    """The replies, one for each line, the greeting first, and the exit status."""
    with subprocess.Popen([program, "-bs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          env={"PATH": "/usr/sbin:/usr/bin:/bin", "MAIL_CONFIG": str(base / "etc")}) as process:
        replies = [reply(process)]
        for line in lines:
            process.stdin.write(line + b"\r\n")
            process.stdin.flush()
            replies.append(reply(process))
        process.stdin.close()
        replies.append(process.stdout.read())
        return replies, process.wait(20)


def reply(process: subprocess.Popen) -> bytes:
    """One reply. The id of a message in maildrop is known to Postfix only."""
    lines = []
    while line := process.stdout.readline():
        lines.append(line)
        if line[3:4] != b"-":
            break
    return re.sub(rb": queued as \w+|(?<=bytes) queued as \w+", b"", b"".join(lines))


@pytest.mark.parametrize("number", range(len(DIALOGUES)))
def test_the_same_replies(bases, number):
    theirs, ours = bases
    assert talk(ours, OURS, DIALOGUES[number]) == talk(theirs, THEIRS, DIALOGUES[number])
