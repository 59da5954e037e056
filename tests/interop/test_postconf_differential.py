"""Random configurations through Debian's postconf and ours: same output, warnings, status and edited files.

Explained differences, kept out of what is generated or masked: names, defaults and deprecation
warnings newer than the installed release; JSON; `-oname` where the name holds another "o", which
Postfix cuts in two; a first argument in { } after the options, whose braces Postfix loses when it writes
the entry; what stands on standard output before a fatal error.
"""

import contextlib
import io
import os
import random
import re
import shutil
import subprocess
import sys

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
_NEWER = re.compile(r"support for parameter|DEPRECATION_README")


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


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("part", range(4))
def test_same_answers(tmp_path, part):
    differences = []
    for number in range(ROUNDS):
        seed = part * 1_000_000 + number + int(os.environ.get("PYFIX_SEED", "0"))
        rnd = random.Random(seed)
        directory = tmp_path / "conf"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        files = {"main.cf": main_cf(rnd), "master.cf": master_cf(rnd)}
        asked = command(rnd)
        answers = []
        for ask in (theirs, ours):
            for name, text in files.items():
                (directory / name).write_text(text)
                os.utime(directory / name, (31_550_400, 31_550_400))    # a fresh file is read again and again
            out, err, status = ask(["-c", str(directory), *asked])
            left = {path.name: path.read_text() for path in sorted(directory.iterdir()) if path.suffix == ".cf"}
            # After a fatal error neither side promises what was printed before it.
            answers.append((out, warnings(err), status, left) if status == 0 else ("", [], status, left))
        if answers[0][2] < 0:       # Postfix crashed
            continue
        if answers[0] != answers[1]:
            differences.append(f"seed {seed}: {asked}\n{files['main.cf']}\n--\n{files['master.cf']}\n"
                               f"theirs {answers[0]}\nours   {answers[1]}\n")
    assert not differences, f"{len(differences)} differ:\n" + "\n".join(differences[:int(os.environ.get("PYFIX_SHOW", "3"))])
