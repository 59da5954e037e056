"""The installed Postfix and pyfix are asked the same generated questions: `postmap -q`, `-s`, warnings, exit codes.

Postfix releases differ in some texts; what is compared here is the same in all of them.
"""

import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.interop
THEIRS = shutil.which("postmap", path="/usr/sbin:/usr/bin:/usr/local/sbin")
#: more of them find more: PYFIX_SEEDS=200, and others: PYFIX_SEEDS=1000-1200
FIRST, _, LAST = os.environ.get("PYFIX_SEEDS", "8").rpartition("-")
SEEDS = range(int(FIRST or "0"), int(LAST))
OURS = str(Path(sys.executable).parent / "postmap")
if not THEIRS:
    pytest.skip("no Postfix here", allow_module_level=True)


def run(program, folder, *arguments, stdin=b""):
    done = subprocess.run([program, *arguments], cwd=folder, input=stdin, capture_output=True,
                          env={**os.environ, "MAIL_CONFIG": str(folder), "LC_ALL": "C"})
    return done.returncode, done.stdout, done.stderr


def both(folder, *arguments, stdin=b""):
    return run(THEIRS, folder, *arguments, stdin=stdin), run(OURS, folder, *arguments, stdin=stdin)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "main.cf").write_text("smtputf8_enable = yes\n")
    (tmp_path / "master.cf").touch()
    return tmp_path


def write(folder, name, text):
    (folder / name).write_bytes(text)
    os.utime(folder / name, (1e9, 1e9))


def pick(rng, choices, low, high):
    return b"".join(rng.choice(choices) for _ in range(rng.randrange(low, high)))


SOURCE = [b"\n", b"\n", b" ", b"\t", b"#", b'"', b"\\", b":", b"a", b"B", b"key", b" value\n", b"\n x", b"c d\n",
          b"\xc3\x84", b"\xff", b"@", b"\r", b"x y z\n"]
PATTERN = [b"a", b"b", b"(a)", b"(b|c)", b"a*", b"x+", b"[a-c]", b"[^b]", b".", b"^", b"$", b"(", b")", b"{2}", b"\\.",
           b"(a(b)?)", b"!", b"\\"]
RESULT = [b"r", b" ", b"$1", b"${1}", b"$(2)", b"$$", b"text", b"$x", b"${1", b"$0", b"$9", b"\t"]
ADDRESS = [b"1", b"2", b"10", b".", b".0", b"::", b":1", b"/8", b"/16", b"/33", b"[", b"]", b"1.2.3.4", b"10.0.0.0/8",
           b"2001:db8::/32", b"::1", b"x", b"!"]


def rule(rng, choices):
    body = pick(rng, choices, 1, 6)
    if choices is ADDRESS:
        # Postfix 3.7 keeps a mask in eight bits: it takes /341 for /85. Here that is a bad mask, as /133 is for both.
        body = re.sub(rb"/(\d\d)\d+", rb"/\1", body)
        return body + b" " + pick(rng, RESULT, 0, 3)
    kind = rng.random()
    mark = b"!" if rng.random() < 0.2 else b""
    line = mark + b"/" + body + b"/" + rng.choice([b"", b"", b"i", b"m", b"x", b"ix", b"z"])
    if kind < 0.15:
        return b"if " + line
    if kind < 0.25:
        return b"endif" + rng.choice([b"", b" ", b" x"])
    return line + b" " + pick(rng, RESULT, 0, 4)


def agree(folder, name, kind, keys):
    for key in keys:
        theirs, ours = both(folder, "-q", "-", f"{kind}:{name}", stdin=key + b"\n")
        assert ours == theirs, (folder.joinpath(name).read_bytes(), key)


@pytest.mark.parametrize("seed", SEEDS)
def test_sources(folder, seed):
    rng = random.Random(seed)
    for number in range(5):
        write(folder, "t", pick(rng, SOURCE, 5, 50))
        (code, out, err), (own_code, own_out, own_err) = both(folder, "hash:t")
        assert (own_code, own_out, own_err) == (code, out, err), (folder / "t").read_bytes()
        ours = run(OURS, folder, "-s", "hash:t")
        both(folder, "hash:t")
        run(THEIRS, folder, "lmdb:t")
        theirs = run(THEIRS, folder, "-s", "lmdb:t")
        assert sorted(ours[1].splitlines()) == sorted(theirs[1].splitlines()) or code
        (folder / "t.db").unlink(missing_ok=True)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["regexp", "pcre"])
def test_patterns(folder, kind, seed):
    rng = random.Random(seed)
    write(folder, "t", b"".join(rule(rng, PATTERN) + b"\n" for _ in range(8)))
    agree(folder, "t", kind, [pick(rng, [b"a", b"b", b"c", b"x", b".", b"ab"], 1, 6) for _ in range(4)])


@pytest.mark.parametrize("seed", SEEDS)
def test_networks(folder, seed):
    rng = random.Random(seed)
    write(folder, "t", b"".join(rule(rng, ADDRESS) + b"\n" for _ in range(8)))
    agree(folder, "t", "cidr", [b"1.2.3.4", b"10.9.9.9", b"::1", b"2001:db8::5", b"junk"])


@pytest.mark.parametrize("kind", ["cdb", "lmdb"])
def test_each_reads_the_other(folder, kind):
    write(folder, "t", b"".join(b"key%d value %d\n" % (n, n) for n in range(300)))
    keys = b"".join(b"KEY%d\n" % n for n in range(320))
    for maker in (THEIRS, OURS):
        assert run(maker, folder, f"{kind}:t")[0] == 0
        theirs, ours = both(folder, "-q", "-", f"{kind}:t", stdin=keys)
        assert ours == theirs and ours[1].count(b"\n") == 300
