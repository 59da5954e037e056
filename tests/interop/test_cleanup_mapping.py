"""Random messages through Debian's smtpd and cleanup, and through pyfix's Mapper: same envelope, same header fields.

Messages are held in a private queue and read back with postcat. PYFIX_SEED and PYFIX_COUNT choose other messages.
"""

import asyncio
import os
import random
import re
import shutil
import smtplib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyfix._core.address import quote
from pyfix.cleanup.mapping import Mapper
from pyfix.config import Config
from pyfix.model import Recipient
from pyfix.resolve import Resolver

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]
SEED, COUNT = int(os.environ.get("PYFIX_SEED", "1")), int(os.environ.get("PYFIX_COUNT", "60"))
MASTER = """{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
postlog unix-dgram n - n - 1 postlogd
"""
MAIN = """compatibility_level = 3.6
maillog_file = {top}/log
maillog_file_prefixes = {top}
queue_directory = {top}/queue
data_directory = {top}/data
myhostname = mail.example.com
mydomain = example.com
myorigin = $mydomain
mydestination = $myhostname, localhost
mynetworks = 127.0.0.0/8
inet_interfaces = loopback-only
inet_protocols = ipv4
append_dot_mydomain = yes
local_recipient_maps =
alias_maps =
local_header_rewrite_clients = permit_mynetworks
smtpd_recipient_restrictions = check_recipient_access static:HOLD, permit_mynetworks, reject
recipient_delimiter = +
canonical_maps = inline:{{ {{a@c.d = canon@x.y}}, {{@can.test = @canned.test}} }}
sender_canonical_maps = inline:{{ {{b@c.d = sb}}, {{user = u.ser}} }}
recipient_canonical_maps = inline:{{ {{b@c.d = rb}} }}
masquerade_domains = !sub.example.com example.com
masquerade_exceptions = root
virtual_alias_maps = inline:{{ {{list = a@b.c, user@c.d, me}}, {{me = me, other+ext}}, {{@all.test = catch@one.test}},
  {{canon@x.y = "q q"@z.z}}, {{user@c.d = user@c.d, list}} }}
recipient_bcc_maps = inline:{{ {{other@example.com = rbcc}} }}
sender_bcc_maps = inline:{{ {{u.ser@example.com = sbcc+x@c.d}} }}
always_bcc = archive
"""
USERS = ["a", "b", "user", "list", "me", "other", "root", "x+ext", "me+y", "list+z", "User", "MAILER-DAEMON", "q q", "o'k"]
DOMAINS = ["", "", "@c.d", "@x.y", "@can.test", "@all.test", "@example.com", "@h.example.com", "@h.sub.example.com",
           "@h", "@C.D", "@one.test"]
FIELDS = ["From", "To", "Cc", "Reply-To", "Resent-To", "Sender", "Errors-To"]
FORMS = ["%s", "Some Name <%s>", "%s (comment)", '"x, y" <%s>', "grp: %s;"]


@pytest.fixture
def instance() -> Iterator[tuple[Path, int]]:
    """A running private Postfix: (its directory, its SMTP port)."""
    if not Path("/usr/sbin/postfix").exists() or os.geteuid():
        pytest.skip("needs Debian's Postfix, and root to start it")
    top = Path(tempfile.mkdtemp(prefix="pyfix-cleanup-"))
    top.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    try:
        for name in ("conf", "queue", "data"):
            (top / name).mkdir()
        shutil.chown(top / "data", "postfix")
        (top / "conf/master.cf").write_text(MASTER.format(port=f"127.0.0.1:{port}"))
        (top / "conf/main.cf").write_text(MAIN.format(top=top))
        subprocess.run(["postfix", "-c", top / "conf", "start"], check=True, capture_output=True, timeout=60)
        time.sleep(1)
        yield top, port
    finally:
        subprocess.run(["postfix", "-c", top / "conf", "stop"], capture_output=True, timeout=60)
        shutil.rmtree(top)


def random_address(chance: random.Random) -> bytes:
    return (chance.choice(USERS) + chance.choice(DOMAINS)).encode()


def random_fields(chance: random.Random) -> list[tuple[str, str]]:
    def value() -> str:
        parts = [chance.choice(FORMS) % quote(random_address(chance)).decode() for _ in range(chance.randint(1, 6))]
        return chance.choice([", ", ",\r\n ", ",", "\r\n\t, "]).join(parts)

    return [(chance.choice(FIELDS), value()) for _ in range(3)]


def send(port: int, sender: bytes, recipients: list[bytes], content: bytes) -> str:
    """Sends one message and gives its queue id."""
    with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
        client.ehlo("test")
        client.docmd(f"MAIL FROM:<{quote(sender).decode() if sender else ''}>")
        for recipient in recipients:
            assert client.docmd(f"RCPT TO:<{quote(recipient).decode()}>")[0] == 250
        client.docmd("DATA")
        client.send(content + b".\r\n")
        code, text = client.getreply()
        assert code == 250, text
        return text.split()[-1].decode()


def queued(top: Path, queue_id: str) -> tuple[bytes, list[tuple[bytes, bytes]], bytes]:
    """(sender, [(recipient, original)], content) of a queue file."""
    text = subprocess.run(["postcat", "-c", top / "conf", "-q", queue_id], capture_output=True, check=True).stdout
    recipients, original = [], b""
    for line in text.split(b"\n"):
        if line.startswith(b"original_recipient: "):
            original = line[20:]
        elif line.startswith(b"recipient: "):
            recipients.append((line[11:], original))
    sender = re.search(rb"(?m)^sender: (.*)$", text)[1].strip()
    return sender, recipients, text.partition(b"*** MESSAGE CONTENTS")[2]


async def mapped(mapper: Mapper, sender: bytes, recipients: list[bytes], fields: list[tuple[str, str]]):
    new_sender = await mapper.envelope_sender(sender)
    found = await mapper.recipients([Recipient(r) for r in recipients], new_sender)
    lines = []
    for name, value in fields:
        new = await mapper.header(name.encode(), f" {value}\r\n".encode())
        lines.append((name.encode() + b":" + (f" {value}".encode() if new is None else new)).replace(b"\r\n", b"\n") + b"\n")
    return new_sender, [(r.address, r.original or r.address) for r in found], lines


def test_same_envelope_and_header(instance):
    top, port = instance
    config = Config.load(str(top / "conf"))
    mapper, chance = Mapper(config, Resolver(config, lambda text: None)), random.Random(SEED)
    for _ in range(COUNT):
        sender = random_address(chance) if chance.random() < 0.9 else b""
        recipients, fields = [random_address(chance) for _ in range(chance.randint(1, 4))], random_fields(chance)
        content = "".join(f"{name}: {value}\r\n" for name, value in fields) + "Date: x\r\nMessage-Id: <x>\r\n\r\nbody\r\n"
        want = queued(top, send(port, sender, recipients, content.encode()))
        got = asyncio.run(mapped(mapper, sender, recipients, fields))
        assert got[:2] == want[:2], (sender, recipients)
        for line in got[2]:
            assert line in want[2], (line, want[2])
