"""The same content to Debian's Postfix and through our cleanup: the same header kept, the same lines about it in the log."""

import re
import smtplib
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from pyfix.commands.sendmail import end_at_dot
from pyfix.pickup.localcontent import LocalContent
from tests.kit.postfix import Postfix
from tests.unit.cleanup.test_stage import post

__all__ = ["post"]
pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]
FIXED = b"Date: x\r\nFrom: a@b.example\r\nTo: c@d.example\r\n"
CHECKS = "header_checks = regexp:{ {/^nosuch/ WARN}, {/^X-Told/ INFO told} }\n"
HEADERS = [b"Subject : x", b"Subject\t \t: x", b"Subject :", b"Subject: a\0b", b"X: a\0b\r\n c\0d\r\n e", b"X : \0\r\n \0\r\n\tf : g", b"Subject: x : y",
           b"Message-Id : <1\0@x>", b"X: a\r\n b : c", b"Content-Type : text/plain\0; charset=x"]
PART = (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nX-Part : 1\0 2\r\n\r\nx\0y : z\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
        b"Subject : inner\r\n\r\nk : \0\r\n--b--\r\n")
MAPS = """sender_canonical_maps = inline:{ {b@c.test = sb@c.test}, {q@c.test = "q q"@c.test} }
canonical_maps = inline:{ {r@c.test = rr} }
recipient_canonical_maps = inline:{ {loop@c.test = "x y"@c.test} }
virtual_alias_maps = inline:{ {rr@example.org = never@c.test} }
myorigin = example.org
masquerade_domains = c.test
"""
ENVELOPES = [(b"b@c.test", b"r@c.test"), (b"q@c.test", b"loop@c.test"), (b"", b"bare"), (b"MAILER-DAEMON", b"a@h.c.test"), (b"u@h.c.test", b"postmaster")]


def kept(theirs: Postfix, content: bytes, sender: bytes = b"s@x.test", recipient: bytes = b"rcpt@dest.example") -> tuple[str, bytes]:
    """(queue id, content without the Received field) of a message that Postfix took."""
    with smtplib.SMTP("127.0.0.1", theirs.port, timeout=20) as client:
        client.ehlo("me")
        client.docmd("MAIL FROM:<%s>" % sender.decode())
        assert client.docmd("RCPT TO:<%s>" % recipient.decode())[0] == 250
        client.docmd("DATA")
        client.send(content + b".\r\n")
        code, text = client.getreply()
        assert code == 250, text
    queue_id = text.split()[-1].decode()
    shown = subprocess.run(["postcat", "-c", theirs.base / "etc", "-hbq", queue_id], capture_output=True, check=True, timeout=20).stdout
    return queue_id, shown[shown.index(b"Date: "):].replace(b"\n", b"\r\n")


@pytest.mark.parametrize("main, bodies", [("", [b"\r\nbody \0 : x\r\n", b"no field\0\r\n", b"X\0Y: z\r\n"]), (CHECKS, [b"\r\nbody \0 : x\r\n", PART])])
def test_the_same_header_is_kept(tmp_path_factory: Any, post: Any, main: str, bodies: list[bytes]) -> None:
    with Postfix(tmp_path_factory.mktemp("pf", numbered=True), main) as theirs:
        for header in HEADERS:
            for body in bodies:
                content = FIXED + (b"" if b"Message-Id" in header else b"Message-Id: <2@x>\r\n") + header + b"\r\n" + body
                stored = post(content, main=main, sender=b"s@x.test", local=True)[3]
                assert stored[stored.index(b"Date: x"):] == kept(theirs, content)[1], content


LONG = [b"X: " + b"y" * 3000, b"X: a\r\n " + b"y" * 700 + b"\r\n z\r\n w", b"X: " + b"y" * 597 + b"\r\n gone", b"X: " + b"y" * 596 + b"\r\n " + b"z" * 900,
        b"X: " + b"y" * 300 + b"\r\n" + b" " + b"z" * 1500 + b"\r\nY: " + b"q" * 700, b"X: y\r\n" * 200, (b"X:" + b" y" * 100 + b"\r\n " + b" z" * 60 + b"\r\n") * 3 + b"Z: x",
        b"X: " + b"y" * 599, b"X: " + b"y" * 600, b"X: \0" + b"y" * 400 + b"\r\n z" + b"w" * 700]


def test_the_same_excess_is_left_out(tmp_path_factory: Any, post: Any) -> None:
    """header_size_limit: the excess of a field is discarded; a line that had nothing to come to is not there."""
    main = "header_size_limit = 600\nline_length_limit = 550\n"
    with Postfix(tmp_path_factory.mktemp("pf", numbered=True), main) as theirs:
        for header in LONG:
            content = FIXED + b"Message-Id: <2@x>\r\n" + header + b"\r\n\r\nbody\r\n"
            stored = post(content, main=main, sender=b"s@x.test", local=True)[3]
            assert stored[stored.index(b"Date: x"):] == kept(theirs, content)[1], content


def addresses(line: str) -> str:
    """`from=<> to=<>` of a log line."""
    return re.search(r"; (from=<.*> to=<.*>) proto=", line)[1]


def test_the_log_shows_the_same_addresses(tmp_path_factory: Any, post: Any) -> None:
    content = FIXED + b"Message-Id: <1@x>\r\nX-Told: x\r\n\r\nbody\r\n"
    with Postfix(tmp_path_factory.mktemp("pf", numbered=True), CHECKS + MAPS) as theirs:
        for sender, recipient in ENVELOPES:
            queue_id = kept(theirs, content, sender, recipient)[0]
            deadline = time.monotonic() + 5
            while f"{queue_id}: info: " not in theirs.log.read_text() and time.monotonic() < deadline:
                time.sleep(0.1)
            told = next(line for line in theirs.log.read_text().splitlines() if f"{queue_id}: info: " in line)
            log = post(content, (recipient,), main="mydomain = example.org\n" + CHECKS + MAPS, sender=sender)[4]
            assert addresses([line for line in log if ": info: " in line][-1]) == addresses(told), (sender, recipient)


INPUTS = [b"a: b\n\nx\r\r\ny\n", b"a: b\r\r\n\r\r\nx\r\r\r\n", b"a: b\n\n\r\r\n.\r\r\nz\n", b"a: b\n\nx\ry\r\n.\r", b"a: b\n\nx\r", b"a: b\n\n.\r\nz\n", b"a: b\n\nx\r\r",
          b"a: b\n\n.\ry\n.x\n.", b"a: b\r\n\r\nx\n.\r\r\r\nz\r\n"]


@pytest.mark.parametrize("dots", [False, True])
@pytest.mark.parametrize("data", INPUTS)
def test_sendmail_reads_the_same_lines(tmp_path_factory: Any, data: bytes, dots: bool) -> None:
    base: Path = Postfix(tmp_path_factory.mktemp("pf", numbered=True)).base
    subprocess.run(["/usr/sbin/postfix", "-c", base / "etc", "check"], capture_output=True, timeout=60)
    subprocess.run(["/usr/sbin/sendmail", "-C", base / "etc", *([] if dots else ["-i"]), "a@b.example"], input=data, check=True,
                   capture_output=True, timeout=60, env={"MAIL_CONFIG": str(base / "etc"), "PATH": "/usr/sbin:/usr/bin"})
    [file] = (base / "q/maildrop").iterdir()
    shown = subprocess.run(["/usr/sbin/postcat", "-c", base / "etc", "-hb", file], capture_output=True, check=True, timeout=20).stdout
    content = LocalContent()
    ours = content.feed(end_at_dot(data) if dots else data) + content.finish()
    expected = shown.replace(b"\r", b" ")         # cleanup makes blanks of bare CRs, and ends the last line
    assert ours.replace(b"\r\n", b"\n") == expected + b"\n" * (not expected.endswith(b"\n"))
