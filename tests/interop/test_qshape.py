"""qshape: the same messages to Debian's, in Postfix's queue files, and to ours as the rows that qmgr lists: the same table.

The order of names that have one count and one length is chance there: such lines are compared as a set.
"""

import io
import os
import random
import re
import shutil
import subprocess
import time

import pytest

from pyfix.commands import qshape

pytestmark = pytest.mark.interop
THEIRS = shutil.which("qshape", path="/usr/sbin:/usr/bin")
DOMAINS = [b"d%d.example.com" % at for at in range(7)] + [b"s%d.%s.example.org" % (at, b"qr"[at % 2:][:1]) for at in range(9)] + [
    b"D1.Example.COM", b"[192.0.2.1]", b"..a..b.", b"a...b", b".", b"this-is.an-extremely-long-domain-name.that-never-fits.in-the-columns.of-a-terminal.example.net",
    b"exactly18bytes.com", b"1exactly18bytes.com", b"com", b"d\xc3\xa4.example.com"]
LINES = ["", "-s", "-p", "-p -m 1", "-p -m 2", "-p -m 8 -s", "-l", "-l -t 60", "-b 3 -t 60", "-w 120", "-w 40", "-b 1 -p", "-b 18 -p -m 1",
         "-b 25", "-t 0.5 -b 4", "-n 2", "-N 3", "hold", "deferred hold", "incoming active deferred hold", "-b 0 -t 0 -m 0 -p", "-l -b 4 -t 1.25"]


def field(kind: bytes, data: bytes) -> bytes:
    """A record of a Postfix queue file."""
    size, head = len(data), bytearray()
    while size > 127:
        head.append(size & 127 | 128)
        size >>= 7
    return kind + bytes([*head, size]) + data


def queue_file(sender: bytes, recipients: list[bytes], arrival: int) -> bytes:
    """A message as Postfix keeps it."""
    body = field(b"N", b"Subject: x")
    return b"".join([field(b"C", b"%15d %15d %15d %15d %15d %15d" % (len(body), 600, len(recipients), 0, len(body), 0)),
                     field(b"T", b"%d 1234" % arrival), field(b"S", sender), *(field(b"R", one) for one in recipients),
                     field(b"M", b""), body, field(b"X", b""), field(b"E", b"")])


@pytest.fixture(scope="module")
def population(tmp_path_factory):
    """(Postfix's directories with them, the same as rows)."""
    if THEIRS is None:
        pytest.skip("needs Debian's qshape")
    base, dice, rows, now = tmp_path_factory.mktemp("shape"), random.Random(7), [], int(time.time())
    for at in range(400):
        queue, age = dice.choice(qshape.SHOWN), int(dice.choice([20, 3000, 90000]) * dice.random()) // 30 * 30 + 15
        sender = dice.choice([b"", b"x@" + dice.choice(DOMAINS), b"bare"])
        recipients = [dice.choice([b"u@", b"a@b@"]) + dice.choice(DOMAINS) for _ in range(dice.randrange(1, 4))] + [b"postmaster"] * (at % 9 == 0)
        (base / "q" / queue).mkdir(parents=True, exist_ok=True)
        path = base / "q" / queue / f"{0xABC0000 + at:010X}"
        path.write_bytes(queue_file(sender, recipients, now - age))
        path.chmod(0o700)
        rows.append([queue, b"ID", now - age, 10, False, sender, [[one, ""] for one in recipients]])
    (base / "main.cf").write_text(f"queue_directory = {base}/q\ncompatibility_level = 3.6\n")
    (base / "master.cf").touch()
    return base, rows


def parted(text: bytes) -> list[tuple[str, list[bytes]]]:
    """The lines, those of one count and length of name together."""
    groups: dict[tuple[int, int, bytes], list[bytes]] = {}
    for line in text.splitlines():
        name, numbers = re.fullmatch(rb"( *\S*)((?: +[\d.T]\S*)+)", line).groups()
        groups.setdefault((0, len(name.strip()), numbers.split()[0]), []).append(line)
    return [(str(key), sorted(lines)) for key, lines in groups.items()]


@pytest.mark.parametrize("line", LINES)
def test_the_same_table(population, line, monkeypatch):
    base, rows = population
    words = ["-c", str(base), *line.split()]
    theirs = subprocess.run([THEIRS, *words], stdout=subprocess.PIPE, env=dict(os.environ, TERM="xterm"), timeout=60, check=True).stdout
    monkeypatch.setattr(qshape, "records", lambda config, program: iter(rows))
    out = io.BytesIO()
    assert qshape.run(words, out) == 0
    assert len(theirs.splitlines()) > 5 and parted(out.getvalue()) == parted(theirs)
