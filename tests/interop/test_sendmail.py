"""sendmail, mailq, newaliases: the same command line and input to Debian's Postfix and to ours, with no mail system running.

Exit status, standard output and standard error are compared; getopt's complaint, which Postfix prints twice, counts once.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.postfix import Postfix

pytestmark = pytest.mark.interop
BIN = Path(sys.executable).parent
THEIRS = {"sendmail": "/usr/sbin/sendmail", "mailq": "/usr/bin/mailq", "newaliases": "/usr/bin/newaliases"}
MESSAGE = b"Subject: x\n\nhello\n"

NONE = ["-bz a", "-Q x", "-f", "-B", "-b", "-O", "-F", "-E", "-d1", "-bP", "-bs x", "-bp x", "-bi x y", "-bd x", "-q x", "-qRx y",
        "-qIx y", "-bp -t", "-bs -t", "-bd -t", "-bi -t", "-q -t", "-qRx -bp", "-qIx -bs", "-bv -t", "-bv -N never a", "-bv -R hdrs a",
        "-bv -v a", "-bv", "-n", "-n a", "-B7bit a", "-B8bitmime a", "-B binarymime a", "-Vab a", "-XVab a", "-XVabc a", "-XV+ a",
        "-Xlog a", "-qS", "-qSx", "-qR", "-qI", "-qfoo", "-oA", "-t", "-f foo", "-f foo@b -t", "-f <>", "-XV -f <> a"]
TAKEN = ["a@b", "-- a@b", "-t a@b", "-N foo a@b", "-N never,delay a@b", "-R foo a@b", "-R HDRS a@b", "-N SUCCESS,failure a@b",
         "-V longname a@b", "-V xx a@b", "-V+= a@b", "-XV+= a@b", "-XV a@b", "-f (x) a@b", "-f a@b,c@d a@b", "-f <> a@b", "-v a@b",
         "-v -f me@x a@b", "-bv a@b", "-oi a@b", "-oem a@b", "-Am a@b", "-h 3 a@b", "-L x a@b", "-G a@b", "-om a@b", "-U a@b", "-x a@b",
         "-q1h", "-B8BITMIME a@b", "-B 7BIT a@b", "-bh a@b", "-bm a@b", "-f a -r b a@b", "-oAx a@b"]
NAMES = [("mailq", "x"), ("mailq", "-f"), ("mailq", "-Z"), ("newaliases", "x"), ("newaliases", "-Z"), ("newaliases", "-oA"),
         ("mailq", "-t"), ("newaliases", "-t")]


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """Two queues with no master: theirs and ours."""
    theirs = Postfix(tmp_path_factory.mktemp("pf")).base
    subprocess.run(["/usr/sbin/postfix", "-c", theirs / "etc", "check"], capture_output=True, timeout=60)
    ours = tmp_path_factory.mktemp("px")
    for name in ("maildrop", "public"):
        (ours / "q" / name).mkdir(parents=True)
    (ours / "etc").mkdir()
    text = (theirs / "etc/main.cf").read_text().replace(str(theirs), str(ours))
    (ours / "etc/main.cf").write_text(text)
    return theirs, ours


def run(base: Path, program: Path | str, words: list[str]) -> tuple[int, str, str]:
    """Exit status and what was printed, without what must differ."""
    done = subprocess.run([program, *words], input=MESSAGE, capture_output=True, timeout=60,
                          env={"PATH": os.environ["PATH"], "MAIL_CONFIG": str(base / "etc"), "NAME": "N"})
    lines: list[str] = []
    for line in done.stderr.decode().replace(str(base), "BASE").splitlines():
        if not line.startswith("postdrop: warning: ") and (not lines or lines[-1] != line):
            lines.append(re.sub(r"(invalid option) -- '.'", r"\1", line))
    return done.returncode, done.stdout.decode(), "\n".join(dict.fromkeys(lines))


@pytest.mark.parametrize("command, line", [*(("sendmail", line) for line in NONE + TAKEN), *NAMES], ids=str)
def test_the_same_words(bases, command, line):
    theirs, ours = bases
    words = line.split(" ")
    assert run(ours, BIN / command, words) == run(theirs, THEIRS[command], words)


@pytest.mark.parametrize("words, data", [(["-x"], b""), ([], b"garbage\n"), (["-c", "/nonexistent"], b"")])
def test_postdrop_ends_with_the_same_status(bases, words, data):
    codes = [subprocess.run([program, *words], input=data, capture_output=True, timeout=60,
                            env={"PATH": os.environ["PATH"], "MAIL_CONFIG": str(base / "etc")}).returncode
             for base, program in zip(bases, ("/usr/sbin/postdrop", BIN / "postdrop"), strict=True)]
    assert codes == [1, 1]
