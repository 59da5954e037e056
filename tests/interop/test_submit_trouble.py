"""sendmail when something is wrong: the same words and exit status as Debian's Postfix."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.interop.test_sendmail import THEIRS, bases

__all__ = ["bases"]
pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]
OURS = Path(sys.executable).parent / "sendmail"


def run(base: Path, program: Path | str, words: list[str], wait: float = 60) -> tuple[int | None, str, list[str]]:
    """(exit status, None where it waits longer; standard output; what it said) without what must differ."""
    with subprocess.Popen([program, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env={"PATH": os.environ["PATH"], "MAIL_CONFIG": str(base / "etc"), "NAME": "N"}) as process:
        try:
            out, said = process.communicate(b"Subject: x\n\nhi\n", timeout=wait)
            code = process.returncode
        except subprocess.TimeoutExpired:
            children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, check=False).stdout.split()
            process.terminate()
            for child in children:                      # its postdrop, which waits on
                os.kill(int(child), signal.SIGTERM)
            (out, said), code = process.communicate(timeout=20), None
    text = re.sub(r"maildrop/\S+:", "maildrop/FILE:", said.decode().replace(str(base), "BASE").replace(str(OURS.parent), "/usr/sbin"))
    return code, out.decode(), [line for line in text.splitlines() if "unable to look up public/pickup" not in line]


def same(bases: tuple[Path, Path], *words: str, wait: float = 60) -> tuple[int | None, str, list[str]]:
    """What both do; they must agree."""
    theirs, ours = bases
    wanted = run(theirs, THEIRS["sendmail"], list(words), wait)
    assert run(ours, OURS, list(words), wait) == wanted
    return wanted


def test_no_queue_directory(bases):
    for base in bases:
        (base / "q").rename(base / "away")
    try:
        assert same(bases, "a@b.example")[::2] == (75, ["sendmail: fatal: chdir BASE/q: No such file or directory"])
    finally:
        for base in bases:
            (base / "away").rename(base / "q")


def test_no_maildrop(bases):
    for base in bases:
        (base / "q/maildrop").rename(base / "q/away")
    try:
        code, _, said = same(bases, "a@b.example", wait=4)
        assert code is None and said[0] == "postdrop: warning: mail_queue_enter: create file maildrop/FILE: No such file or directory"
    finally:
        for base in bases:
            (base / "q/away").rename(base / "q/maildrop")


@pytest.mark.parametrize("users, code", [("!root, static:anyone", 75), ("nobody", 75), ("root", 0), ("!nobody, static:anyone", 0), ("", 75)])
def test_who_may_submit(bases, users, code):
    for base in bases:
        shutil.copy(base / "etc/main.cf", base / "main.cf")
        with open(base / "etc/main.cf", "a") as file:
            file.write(f"authorized_submit_users = {users}\n")
    try:
        for words in (["a@b.example"], ["-bv", "a@b.example"], ["-bs"]):
            if code or words != ["-bs"]:
                assert same(bases, *words)[0] == code
    finally:
        for base in bases:
            shutil.copy(base / "main.cf", base / "etc/main.cf")
