"""Bad command lines: each verb with every kind of damage; a reply each time, the next client served, nothing queued."""

import random
import re

import pytest

from tests.kit.smtpd import Smtpd, Wire

VERBS = [b"HELO", b"EHLO", b"LHLO", b"MAIL FROM:", b"RCPT TO:", b"DATA", b"BDAT", b"RSET", b"NOOP", b"VRFY", b"ETRN", b"QUIT",
         b"AUTH", b"STARTTLS", b"XCLIENT", b"XFORWARD", b"EXPN", b"HELP"]
REPLY = re.compile(rb"(?:[2-5]\d\d(?: |-)[^\r\n]*\r\n)+")
CONFIG = "smtpd_hard_error_limit = 10000\nsmtpd_soft_error_limit = 10000\nsmtpd_junk_command_limit = 10000\n"


def damaged(verb):
    """(name, line) for each kind of damage."""
    yield from {
        "empty": verb, "extra": verb + b" a b c d e f g", "blank": verb + b" ", "tabs": verb + b"\t\tx\t", "lower": verb.lower(),
        "mixed": verb.swapcase() + b" x", "leading": b"   " + verb, "8bit": verb + b" \xe4\xf6", "utf8": verb + " \u00e4".encode(),
        "bad utf8": verb + b" \xc0\x80", "nul first": b"\0" + verb, "nul in": verb[:2] + b"\0" + verb[2:], "nul last": verb + b"\0",
        "cr in": verb[:2] + b"\r" + verb[2:], "cr last": verb + b"\r", "esc": verb + b" \x1b[2J", "header": b"Subject: x",
        "http": b"GET / HTTP/1.1", "brackets": verb + b" <<<<>>>><", "quotes": verb + b' "' + b"\\" * 5,
        "parameters": verb + b" <a@b> " + b" ".join(b"P%d=x" % i for i in range(100)), "percent": verb + b" %s%n%d",
    }.items()
    for size in (511, 512, 513, 2047, 2048, 2049, 65536):
        yield f"{size} bytes", verb + b" " + b"x" * (size - len(verb) - 1)


CASES = [(verb, name, line) for verb in VERBS for name, line in damaged(verb)]
PATHS = [b"<>", b"<", b">", b"<<>>", b"<a", b"a>", b"<a@>", b"<@b>", b"<@>", b"<.>", b"<.!@b>", b"<a@b@c>", b"<a b@c>", b"<a@b c>",
         b"<a@b>,<c@d>", b"<a@b> <c@d>", b'<"a>', b'<"a\\">', b'<"a"b@c>', b"<a@[1.2.3.4]>", b"<a@[1.2.3]>", b"<a@[999.1.1.1]>",
         b"<a@[IPv6:::1]>", b"<a@[IPv6:zz]>", b"<a@[x-tag:y]>", b"<" + b"l" * 64 + b"@b.example>", b"<" + b"l" * 65 + b"@b.example>",
         b"<a@" + b"d" * 63 + b".example>", b"<a@" + b"d" * 64 + b".example>", b"<a@" + b"d." * 127 + b"e>", b"<a@" + b"d." * 128 + b"e>",
         b"<a\x01@b>", b"<a\x7f@b>", b"<a@b\x1b>", b'<"a\rb"@c>', b"<(c)a@b>", b"(((((a@b", b"<a@b(c)>", b"<a..b@c.example>", b"<.a@c.example>",
         b"<a.@c.example>", b"<a@c..example>", b"<a@-c.example>", b"<a@c-.example>", b"<a@1.2.3.4>", b"<-oQ/tmp@b.example>",
         b"<|cmd@b.example>", b"</etc/passwd@b.example>", b"<:include:/x@b.example>", b"<${run{x}}@b.example>", b"<`id`@b.example>",
         "<\u00e4@b.example>".encode(), "<a@b\u00e4.example>".encode(), "<a\u202e@b.example>".encode(), b"<[10.0.0.1]:25!@b.example>"]
PARAMETERS = [b"SIZE", b"SIZE=", b"SIZE=-1", b"SIZE=+5", b"SIZE=1_0", b"SIZE=1 0", b"SIZE=99999999999999999999", b"SIZE=0x10", "SIZE=\u0663".encode(),
              b"BODY", b"BODY=", b"BODY=8", b"RET", b"RET=", b"RET=FULL RET=FULL", b"ENVID", b"ENVID=a+0Ab", b"ENVID=a+00", b"ENVID=+", b"ENVID=+4",
              b"ENVID=+zz", b"ENVID=a=b", b"NOTIFY=", b"NOTIFY=NEVER,FAILURE", b"NOTIFY=FAILURE,FAILURE", b"NOTIFY=,", b"ORCPT=", b"ORCPT=;", b"ORCPT=;a",
              b"ORCPT=rfc822;a+0Ab", b"ORCPT=rfc822;a+00", b"ORCPT=a", b"AUTH=<>", b"AUTH=x+0Ainjected", b"SMTPUTF8=1", b"=", b"=x", b"X=" + b"y" * 900,
              b"X\0Y", b"SIZE=1 SIZE=2 BODY=7BIT BODY=8BITMIME"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Smtpd(tmp_path_factory.mktemp("lines"), CONFIG) as server:
        yield server


def test_there_are_enough_of_them():
    assert len(CASES) + 2 * len(PATHS) + 2 * len(PARAMETERS) >= 500


def whole_and_split(server, wire, line, rng):
    """Sends a line, sometimes in two pieces; the reply must be one."""
    data = line + b"\r\n"
    if rng.random() < 0.2 and len(data) > 2:
        cut = rng.randrange(1, len(data))
        wire.socket.sendall(data[:cut])
        data = data[cut:]
    reply = wire.ask(data)
    assert REPLY.fullmatch(reply), (line[:80], reply)
    return reply


@pytest.mark.parametrize("verb", VERBS)
def test_damaged_lines(server, verb):
    rng = random.Random(7)
    for case_verb, name, line in CASES:
        if case_verb != verb:
            continue
        with Wire(server.port) as wire:
            wire.reply()
            wire.ask(b"EHLO a.example\r\n")
            if b"\0" in line or name in ("8bit", "bad utf8"):
                assert whole_and_split(server, wire, line, rng)[:3] == b"500", (name, line[:80])
            else:
                whole_and_split(server, wire, line, rng)
    assert server.talk(b"NOOP\r\n")[1] == b"250 2.0.0 Ok\r\n" and not server.messages


@pytest.mark.parametrize("command,arguments", [(b"MAIL FROM:", PATHS), (b"RCPT TO:", PATHS), (b"MAIL FROM:<a@b.example> ", PARAMETERS),
                                               (b"RCPT TO:<a@example.org> ", PARAMETERS)])
def test_bad_arguments(server, command, arguments):
    rng = random.Random(11)
    for argument in arguments:
        with Wire(server.port) as wire:
            wire.reply()
            wire.ask(b"EHLO a.example\r\n")
            if command.startswith(b"RCPT"):
                wire.ask(b"MAIL FROM:<a@b.example>\r\n")
            reply = whole_and_split(server, wire, command + argument, rng)
            if b"\0" in argument or any(c < 32 or c == 127 for c in argument):
                assert reply[:3] in (b"500", b"501", b"555"), (argument, reply)
    assert server.talk(b"NOOP\r\n")[1] == b"250 2.0.0 Ok\r\n" and not server.messages


def test_log_lines_hold_no_control_bytes(server):
    assert not [line for line in server.log.lines if any(ord(c) < 32 or ord(c) == 127 for c in line)]
