"""postqueue, postsuper, postcat, postkick, postlock: the same command line to Debian's Postfix and to ours, on an empty queue of a mail system that is down.

Exit status, standard output and standard error are compared. Where the file is not there our own message adds the remedy.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.postfix import Postfix

pytestmark = pytest.mark.interop
BIN = Path(sys.executable).parent

SAID = ("name_mask", "inet_addr", "unable to look up public/qmgr", "connect to public/flush")      # what Postfix says besides

CASES = {
    "postqueue": ["", "-x", "-p -f", "-p x", "-i", "-i a.b", "-s", "-s x..y", "-p", "-j", "-f", "-i ABC123", "-j -j", "-f x", "-v -v -s"],
    "postsuper": ["-x", "-d", "-d a/b", "-d ABC", "-d ALL", "-h ABC hold", "-h ABC nope", "-H ALL", "-e ALL", "-f ABC", "-f ALL hold", "-d -",
                  "-d ALL maildrop", "-d ALL defer", "-p", "-s", "-S", "-c rel -s", "-d ALL -h ALL", "-d ALL hold deferred", "-p hold"],
    "postcat": ["-x", "-q", "-q ABCDEF123", "-q a/b", "/etc/passwd", "/dev/null", "/nonexistent", "-s x", "-s -1 /etc/passwd", "-be /etc/passwd", "-c"],
    "postkick": ["", "-x", "a b", "public pickup W", "nosuch pickup W", "public x y z", "-v private nosuch W"],
    "postlock": ["", "-x", "mbox", "BASE/mbox true", "BASE/mbox false", "BASE/mbox /nonexistent", "-l bogus BASE/mbox true",
                 "-l bogus,fcntl,dotlock BASE/mbox true", "-l fcntl,dotlock BASE/mbox ls -a BASE/box", "-l flock,fcntl BASE/box/mbox ls BASE/box",
                 "-l dotlock BASE/box/mbox ls -l --time-style=+ BASE/box", "BASE/box true", "BASE/nosuch/mbox true", "-l dotlock /dev/null true",
                 "-l flock BASE/mbox postlock -l flock BASE/mbox true", "-l fcntl BASE/mbox postlock -l fcntl BASE/mbox true",
                 "-l dotlock BASE/mbox postlock -l dotlock BASE/mbox true", "-l flock BASE/mbox postlock -l fcntl BASE/mbox true"],
    "postlog": ["-t tag x", "-p info x", "-p warn x", "-iv x y"],
}


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """Theirs and ours."""
    theirs = Postfix(tmp_path_factory.mktemp("pf"), "deliver_lock_attempts = 2\n").base
    subprocess.run(["/usr/sbin/postfix", "-c", theirs / "etc", "check"], capture_output=True, timeout=60)
    ours = tmp_path_factory.mktemp("px")
    (ours / "etc").mkdir()
    (ours / "q").mkdir()
    ours.chmod(0o755)
    text = (theirs / "etc/main.cf").read_text().replace(str(theirs), str(ours))
    (ours / "etc/main.cf").write_text(text)
    (ours / "etc/master.cf").write_text((theirs / "etc/master.cf").read_text())
    subprocess.run([BIN / "postfix", "-c", ours / "etc", "check"], capture_output=True, timeout=60)
    for base in (theirs, ours):         # Postfix is no longer root where it opens it
        (base / "log").touch()
        shutil.chown(base / "log", "postfix")
        (base / "box").mkdir()
        for name in ("mbox", "box/mbox"):
            (base / name).write_text("a mailbox\n")
    return theirs, ours


def run(base: Path, program: str, command: str, words: list[str]) -> tuple[int, str, str]:
    """Exit status and what was printed; called by its bare name, as from a shell."""
    done = subprocess.run([command, *words], executable=program, input=b"NOPE\na.b\n", capture_output=True, timeout=60,
                          cwd=base / "box", env={"PATH": f"{Path(program).parent}:{os.environ['PATH']}", "MAIL_CONFIG": str(base / "etc")})
    lines = [line for line in done.stderr.decode().replace(str(base), "BASE").splitlines() if not any(word in line for word in SAID)]
    return done.returncode, done.stdout.decode(), "\n".join(lines)


@pytest.mark.parametrize("command, line", [(command, line) for command, lines in CASES.items() for line in lines], ids=str)
def test_the_same_words(bases, command, line):
    theirs, ours = bases
    programs = ((ours, str(BIN / command)), (theirs, f"/usr/sbin/{command}"))
    mine, real = [run(base, program, command, line.replace("BASE", str(base)).split()) for base, program in programs]
    assert mine == real
