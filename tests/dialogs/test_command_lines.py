"""Bad command lines: each verb with every kind of damage; a reply each time, the next client served, nothing queued."""

import random
import re

import pytest

from tests.kit.corpus import LINES, PARAMETERS, PATHS, VERBS
from tests.kit.smtpd import Smtpd, Wire

REPLY = re.compile(rb"(?:[2-5]\d\d(?: |-)[^\r\n]*\r\n)+")
CONFIG = "smtpd_hard_error_limit = 10000\nsmtpd_soft_error_limit = 10000\nsmtpd_junk_command_limit = 10000\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Smtpd(tmp_path_factory.mktemp("lines"), CONFIG) as server:
        yield server


def test_the_sets_are_complete():
    assert len(LINES) >= 290 and len(set(PATHS)) >= 180 and len(set(PARAMETERS)) >= 120


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
    for case_verb, name, line in LINES:
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
            if any(c < 32 and c != 9 or c == 127 for c in argument) and not argument.startswith(b"AUTH="):
                assert reply[:3] in (b"500", b"501", b"555"), (argument, reply)
    assert server.talk(b"NOOP\r\n")[1] == b"250 2.0.0 Ok\r\n" and not server.messages


def test_log_lines_hold_no_control_bytes(server):
    assert not [line for line in server.log.lines if any(ord(c) < 32 or ord(c) == 127 for c in line)]
