"""Random configurations through Debian's postconf and ours: same output, warnings, status and edited files.

Explained differences, kept out of what is generated or masked: names, defaults and warnings (deprecated
names, a #comment within a value) newer than the installed release; JSON; `-oname` where the name holds another "o", which
Postfix cuts in two; a first argument in { } after the options, whose braces Postfix loses when it writes
the entry; the order of several new names of -e, which is that of a hash table; what stands on standard output before a fatal error.
"""

import contextlib
import io
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pyfix.commands import postconf

THEIRS = "/usr/sbin/postconf"
ROUNDS = int(os.environ.get("PYFIX_ROUNDS", "400"))
pytestmark = [pytest.mark.interop, pytest.mark.skipif(not os.path.exists(THEIRS), reason="no Postfix installed")]

BUILTIN = ["always_bcc", "mydestination", "biff", "relayhost", "header_checks", "smtpd_banner", "forward_path",
           "virtual_alias_maps", "mynetworks", "message_size_limit", "myhostname", "smtpd_client_restrictions",
           "default_transport", "alias_maps", "fast_flush_domains", "relay_domains", "smtpd_restriction_classes"]
USER = ["foo", "bar", "baz", "x_y", "my2"]
SUFFIXES = ["domain", "query", "server_host", "nonsense"]
_NEWER = re.compile(r"support for parameter|DEPRECATION_README|: #comment after other text is not allowed: ")


def word(rnd: random.Random) -> str:
    return rnd.choice(["a", "example.com", "x-y", "hash:/etc/x", "ldap:foo", "mysql:bar", "proxy:ldap:baz", "10.0.0.0/8",
                       "yes", "permit", "reject", "0", "text" * rnd.randint(1, 5), "[::1]", "a,b", "pgsql:x_y", "ü"])


def expression(rnd: random.Random, depth: int = 0) -> str:
    name = rnd.choice(BUILTIN[:9] + USER + ["undefined1"])
    form = rnd.randint(0, 9 if depth < 2 else 3)
    inner = lambda: value(rnd, depth + 1)  # noqa: E731
    if form < 2:
        return f"${name}"
    if form < 4:
        return f"${{{name}}}"
    if form == 4:
        return f"${{{name}?{{{inner()}}}:{{{inner()}}}}}"
    if form == 5:
        return f"${{{name}?{{{inner()}}}}}"
    if form == 6:
        return f"${{{name}:{word(rnd)}}}"
    if form == 7:
        return f"${{{{{inner()}}} {rnd.choice(['==', '!=', '<', '>=', '<='])} {{{inner()}}}?{{{inner()}}}:{{{inner()}}}}}"
    if form == 8:
        return rnd.choice(["$$", "$(" + name + ")", "${ " + name + " }", "${" + name + " ? {1} : {2}}"])
    return f"${{{{{rnd.randint(0, 4)}}} {rnd.choice(['<', '>'])}level {{{rnd.choice(['2', '3.6', '1'])}}}?{{up}}:{{down}}}}"


def value(rnd: random.Random, depth: int = 0) -> str:
    parts = []
    for _ in range(rnd.randint(0, 4 if depth == 0 else 2)):
        choice = rnd.randint(0, 9)
        parts.append(expression(rnd, depth) if choice < 4 else
                     "{ " + " ".join(word(rnd) for _ in range(2)) + " }" if choice == 4 and depth == 0 else word(rnd))
    joint = rnd.choice([" ", ", ", "\n  ", "\n# comment\n\t", "  "]) if depth == 0 else " "
    return joint.join(parts)


def main_cf(rnd: random.Random) -> str:
    lines = []
    for _ in range(rnd.randint(0, 9)):
        name = rnd.choice([name for name in BUILTIN if name != "myhostname"] + USER * 3 + [f"{rnd.choice(USER)}_{rnd.choice(SUFFIXES)}", "process_name"])
        text = " ".join(rnd.sample(USER, 2)) if name == "smtpd_restriction_classes" else value(rnd)
        lines.append(f"{name}{rnd.choice(['=', ' = ', ' =  '])}{text}{rnd.choice(['', ' ', chr(9)])}")
        if not rnd.randint(0, 5):
            lines.append(rnd.choice(["", "# comment", "   # indented", "#name = value"]))
    return "\n".join(lines) + ("\n" if lines else "")


def service(rnd: random.Random) -> str:
    fields = [rnd.choice(["smtp", "relay", "foo", "my-svc", "127.0.0.1:25"]), rnd.choice(["inet", "unix", "fifo", "pass"]),
              *(rnd.choice("yn-") for _ in range(3)), rnd.choice(["-", "0", "30?", "60"]), rnd.choice(["-", "0", "10"]),
              rnd.choice(["smtp", "smtpd", "pipe", "spawn", "local", "other"])]
    text = rnd.choice([" ", "  ", "\t"]).join(fields)
    for _ in range(rnd.randint(0, 3)):
        option = rnd.randint(0, 5)
        name = rnd.choice(BUILTIN[:9] + USER + ["process_id"])
        simple = rnd.choice([word(rnd), expression(rnd, 2)]).replace(" ", "_")
        text += rnd.choice(["\n  ", " "]) + (
            f"-o {name}={simple}" if option < 3 else f"-o {{ {name} = {word(rnd)} {word(rnd)} }}" if option == 3 else
            rnd.choice(["-v", "-vD", "-v -v"]))
    if fields[7] == "pipe":
        text += rnd.choice([" flags=R user=x argv=/bin/x ${sender}", " flags=R {argv=a b} c", ""])
    return text


def master_cf(rnd: random.Random) -> str:
    lines = []
    for _ in range(rnd.randint(0, 4)):
        lines.append(service(rnd))
        if not rnd.randint(0, 4):
            lines.append(rnd.choice(["# comment", "", "#smtp inet n - - - - smtpd"]))
    return "\n".join(lines) + ("\n" if lines else "")


def command(rnd: random.Random) -> list[str]:
    names = rnd.sample(BUILTIN[:4] + USER + ["nosuch", "smtp_destination_rate_delay", "foo_time_limit"], rnd.randint(0, 2))
    services = rnd.sample(["smtp/inet", "smtp", "*/unix", "foo/*", "relay/unix", "nosuch/inet"], rnd.randint(0, 2))
    fields = [f"{rnd.choice(['smtp/inet', '*/*', 'foo/unix'])}/{rnd.choice(['chroot', 'command', '*', 'service'])}"]
    names2 = [f"{rnd.choice(['smtp/inet', '*/*', 'foo/unix'])}/{rnd.choice(USER + ['*', 'biff'])}"]
    pick = rnd.randint(0, 22)
    if pick < 5:
        return ["-n" + rnd.choice(["", "f", "x", "xf", "h", "H", "C"]) + ""] if pick else ["-nf", *names]
    if pick < 7:
        return ["-x", *(names or ["foo"])]
    if pick < 9:
        return [rnd.choice(["-hx", "-f", "-H", "-p"]), *(names or ["always_bcc"])]
    if pick == 9:
        return ["-C", rnd.choice(["user", "service", "user,service"]), "-n"]
    if pick == 10:
        return ["-o", "foo=" + word(rnd), "-x", "foo", "bar"]
    if pick < 13:
        return ["-M" + rnd.choice(["", "f", "x", "fx"]), *services]
    if pick < 15:
        return ["-F" + rnd.choice(["", "f", "x", "h", "H"]), *rnd.choice([[], fields, services])]
    if pick < 17:
        return ["-P" + rnd.choice(["", "x", "h", "f"]), *rnd.choice([[], names2, services])]
    if pick == 17:
        return [f"{rnd.choice(BUILTIN + USER)}={word(rnd)} {word(rnd)}" for _ in range(1)]
    if pick == 18:
        return [rnd.choice(["-X", "-#"]), *(names or ["foo"])]
    if pick == 19:
        return ["-Me", f"{rnd.choice(['smtp/inet', 'new/unix', 'foo/unix'])}={service(rnd)}".replace("\n", " ")]
    if pick == 20:
        return [rnd.choice(["-M#", "-MX"]), *(services or ["smtp/inet"])]
    if pick == 21:
        return ["-Fe", rnd.choice(["smtp/inet/chroot=y", "*/*/process_limit=7", "foo/unix/command=x -v -o a=b e {c d}"])]
    return [rnd.choice(["-Pe", "-P"]), rnd.choice(["smtp/inet/foo=bar", "*/*/biff=yes", "foo/unix/x_y=$bar"])]


def ours(arguments: list[str]) -> tuple[str, str, int]:
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        saved, sys.argv = sys.argv, ["postconf", *arguments]
        try:
            status = postconf.main()
        except SystemExit as stop:
            status = stop.code
        finally:
            sys.argv = saved
    return out.buffer.getvalue().decode(), err.buffer.getvalue().decode(), status


def theirs(arguments: list[str]) -> tuple[str, str, int]:
    done = subprocess.run([THEIRS, *arguments], capture_output=True, check=False, stdin=subprocess.DEVNULL, timeout=60)
    return done.stdout.decode(), done.stderr.decode().replace(THEIRS, "postconf"), done.returncode


def warnings(text: str) -> list[str]:
    return sorted(line for line in text.split("\n") if line and not _NEWER.search(line))


def dirty(rnd: random.Random, lines: list[str]) -> str:
    """Lines as hands leave them: comments, blanks and line ends anywhere."""
    out = ""
    for _ in range(rnd.randint(0, 8)):
        line = rnd.choice(lines)
        out += rnd.choice(["", "", "", "#", "# ", " ", "\t", "  #"]) + line + rnd.choice(["", "", " ", "\t", "\r", "\n", "\n\n", "\n#c"])
        out += "\n"
    return out


MAIN_LINES = ["foo = bar", "foo=bar", "foo= $baz", "foo", "=", "foo bar = x", "baz = {a b}", "biff = yes", "biff=no", "alwäys = ü", "", "a", "x = #y",
              "always_bcc =", "always_bcc = a  b", "foo = ${", "baz = a \\", "name = 'x y'", "my2 = $$", "bar\f= x", "header_checks = regexp:{ {/a/ b} }"]
MASTER_LINES = ["smtp inet n - n - - smtpd", "smtp inet n - n - - smtpd -o foo=bar -o baz=x", "-o biff=yes", "smtp", "smtp inet",
                "foo unix - n n - - pipe flags=x argv=a b", "foo\tunix\t-\t-\t-\t60?\t1\tlocal", "x=y inet n - - - - smtpd", "127.0.0.1:25 inet n - - - - smtpd",
                "foo unix - - - - - smtp -o { biff = a b } -v", "foo fifo n n - - - smtp -vo bar=x", "a unix - - - x - smtp",
                "relay unix - - - - - smtp -o foo=bar{ -o {x", "relay unix - - - - - smtp --", "foo unix - - - - - smtp -obar=x -v -obiff=yes"]


def edit(rnd: random.Random) -> list[str]:
    """A command line that changes or shows a file."""
    name = rnd.choice(["foo", "baz", "biff", "my2", "always_bcc", "new1", "a", "x", "bar", " foo", "foo ", ""])
    value = rnd.choice(["1", "", " a b ", "$x", "#x", "ü", "a\nb", "=", "'q'"])
    service = rnd.choice(["smtp/inet", "foo/unix", "*/unix", "*/*", "new/unix", "relay/unix", "foo/fifo", "smtp", "foo/unix/x"])
    return rnd.choice([
        ["-e", f"{name}={value}"], ["-e", f"{name} = {value}"], [f"{name}={value}"], ["-X", name], ["-#", name],
        ["-X", name, "foo"], ["-n"], ["-nx"], ["-M"], ["-Mf"], ["-F"], ["-P"], ["-M#", service], ["-MX", service], ["-PX", f"{service}/{name}"],
        ["-Pe", f"{service}/{name}={value}"], ["-Fe", f"{service}/{rnd.choice(['chroot', 'command', 'wakeup', 'type', 'nosuch', '*'])}={value}"],
        ["-Fe", f"{service}/command=pipe {value} -o {name}={value}"], ["-Me", f"{service}={rnd.choice(MASTER_LINES)}"], ["-M", service], ["-Fh", service]])


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("part", range(2))
def test_files_as_hands_leave_them(tmp_path, part):
    answered(tmp_path, 900_000 + part * 1_000_000, lambda rnd: ({
        "main.cf": dirty(rnd, MAIN_LINES), "master.cf": dirty(rnd, MASTER_LINES)}, edit(rnd)))


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("part", range(4))
def test_same_answers(tmp_path, part):
    answered(tmp_path, part * 1_000_000, lambda rnd: ({"main.cf": main_cf(rnd), "master.cf": master_cf(rnd)}, command(rnd)))


def answer(directory: Path, ask: Callable[[list[str]], tuple[str, str, int]], files: dict[str, str], asked: list[str]) -> tuple:
    """What one side says of a configuration of its own in `directory`, and what it leaves there."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    for name, text in files.items():
        (directory / name).write_bytes(text.encode())
        os.utime(directory / name, (31_550_400, 31_550_400))    # a fresh file is read again and again
    out, err, status = ask(["-c", str(directory), *asked])
    left = {path.name: path.read_bytes() for path in sorted(directory.iterdir()) if path.suffix == ".cf"}
    # After a fatal error neither side promises what was printed before it.
    return (out, warnings(err), status, left) if status == 0 else ("", [], status, left)


def answered(tmp_path: Path, first: int, question: Callable[[random.Random], tuple[dict[str, str], list[str]]]) -> None:
    """Ask both ROUNDS questions, (files, command line) of a random generator; fail with the first that differ.

    Postfix waits for a second before it ends with a fatal error: it is asked several questions at once.
    """
    differences = []
    first += int(os.environ.get("PYFIX_SEED", "0"))
    asked = {seed: question(random.Random(seed)) for seed in range(first, first + ROUNDS)}
    with ThreadPoolExecutor(8) as pool:
        told = {seed: pool.submit(answer, tmp_path / str(seed), theirs, *asked[seed]) for seed in asked}
        for seed, (files, arguments) in asked.items():
            expected = told[seed].result()
            given = answer(tmp_path / str(seed), ours, files, arguments)
            if given != expected and expected[2] >= 0:      # below: Postfix crashed
                differences.append(f"seed {seed}: {arguments}\n{files['main.cf']}\n--\n{files['master.cf']}\n"
                                   f"theirs {expected}\nours   {given}\n")
            shutil.rmtree(tmp_path / str(seed))
    assert not differences, f"{len(differences)} differ:\n" + "\n".join(differences[:int(os.environ.get("PYFIX_SHOW", "3"))])
