"""Bad input at the running relay, through smtpd, the queue and the smtp client to a receiver that checks every byte.

Law: HOSTILE 3.1, 3.2, 3.6, 3.7. Verdict of each case: the reply's class, the same processes alive, exactly the expected messages at the
receiver and in the queue, the next client served. By default a sample runs; all of it with the marker fuzz.
"""

import asyncio
import os
import random
import re

import pytest

from pyfix.commands.demo import free_port
from tests.core.test_data import MATRIX
from tests.dialogs.test_relay import FORMS, SENDERS, TRICKS, filled
from tests.kit import corpus
from tests.kit.bodies import bodies
from tests.kit.relay import Relay
from tests.kit.smtpd import Wire
from tests.oracle import data as oracle
from tests.oracle.outgoing import clean_lines, fold

POLICIES = {"no": oracle.NO, "normalize": oracle.NORMALIZE, "note": oracle.NOTE, "reject": oracle.REJECT}
HIDDEN = b"MAIL FROM:<admin@example.org>\r\nRCPT TO:<root@example.org>\r\nDATA\r\nhidden\r\n"
EASY = ("-o smtpd_hard_error_limit=100000 -o smtpd_soft_error_limit=100000 -o smtpd_junk_command_limit=100000 "
        "-o smtpd_client_connection_count_limit=0 -o smtpd_error_sleep_time=0 -o smtpd_peername_lookup=no")
# a local client's message lacks nothing that would be added
COMPLETE = b"X-Id: 1\r\nFrom: a@example.com\r\nTo: x:;\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-Id: <1@x>\r\n\r\n"
CLIENTS = 16            # at a time; what they send shares syncs
STRAY = re.compile(rb"(?<!\r)\n|\r(?!\n)")
REPLY = re.compile(rb"(?:[2-5]\d\d(?: |-)[^\r\n]*\r\n)+")


def service(port: int, options: str) -> str:
    return f"127.0.0.1:{port} inet n - n - - smtpd {EASY} {options}\n"


class Strict(asyncio.Protocol):
    """A receiver that keeps what follows 354 as it came, and takes only CRLF . CRLF for its end."""

    def __init__(self, got: dict[bytes, list[bytes]]) -> None:
        self.got, self.buffer, self.recipient, self.in_data = got, bytearray(), b"", False

    def connection_made(self, transport) -> None:
        self.transport = transport
        transport.write(b"220 strict ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            mark = b"\r\n.\r\n" if self.in_data else b"\r\n"
            at = self.buffer.find(mark)
            if at < 0:
                return
            piece = bytes(self.buffer[:at + len(mark)])
            del self.buffer[:at + len(mark)]
            self.content(piece) if self.in_data else self.command(piece)

    def content(self, wire: bytes) -> None:
        self.in_data = False
        self.got.setdefault(self.recipient, []).append(wire)
        self.transport.write(b"250 2.0.0 Ok\r\n")

    def command(self, line: bytes) -> None:
        if line.startswith(b"RCPT"):
            self.recipient = line.partition(b"<")[2].rpartition(b">")[0]
        self.in_data = line.startswith(b"DATA")
        reply = b"354 go\r\n" if self.in_data else b"221 bye\r\n" if line.startswith(b"QUIT") else b"250 Ok\r\n"
        self.transport.write(b"250-strict\r\n250-PIPELINING\r\n250 8BITMIME\r\n" if line.startswith(b"EHLO") else reply)


class Case:
    """One message of the matrix: what is sent, and what must come of it."""

    def __init__(self, number: int, sequence: bytes, newlines: int, bdat: bool) -> None:
        self.to, self.newlines, self.bdat = b"c%d.%d.%d@example.org" % (number, newlines, bdat), newlines, bdat
        self.stream = COMPLETE + sequence
        kept, used, done, self.bare = oracle.scan(self.stream, newlines, bdat)
        if not done and not bdat:
            self.stream += b"\r\n" + HIDDEN + b".\r\n"
            kept, used, done, self.bare = oracle.scan(self.stream, newlines)
        self.stream = self.stream[:used]
        self.refused = newlines == oracle.REJECT and self.bare
        self.wire = b"".join(b"".join((b"." if at == 0 and piece.startswith(b".") else b"") + piece + b"\r\n"
                                      for at, piece in enumerate(fold(line, 998))) for line in clean_lines(kept)) + b".\r\n"

    def talk(self, port: int, rng: random.Random) -> None:
        """Play it over a connection of its own, cut somewhere."""
        with Wire(port, 20) as wire:
            wire.reply()
            wire.ask(b"EHLO a.example\r\n")
            assert wire.ask(b"MAIL FROM:<a@example.com>\r\n")[:3] == wire.ask(b"RCPT TO:<%b>\r\n" % self.to)[:3] == b"250"
            if not self.bdat:
                assert wire.ask(b"DATA\r\n")[:3] == b"354"
            data = b"BDAT %d LAST\r\n%b" % (len(self.stream), self.stream) if self.bdat else self.stream
            cut = rng.randrange(len(data))
            wire.socket.sendall(data[:cut])
            answer = wire.ask(data[cut:])
            wanted = rb"550 5\.5\.2 " if self.refused else rb"250 2\.0\.0 Ok: (\d+ bytes )?queued as "
            assert re.match(wanted, answer), (self.stream, self.newlines, self.bdat, answer)
            assert wire.ask(b"NOOP\r\n") == b"250 2.0.0 Ok\r\n"


async def until_empty(relay: Relay) -> None:
    async def empty():
        return (await relay.command("postqueue", "-j")).stdout == b""
    await relay.until(empty, "an empty queue")


async def alive(relay: Relay, before: dict[int, str]) -> None:
    """The same processes, no complaint, and mail still flows."""
    assert before.items() <= relay.processes().items(), "a process died"
    assert not relay.logged("panic|fatal|Traceback|process .* killed|exit status")
    assert await relay.send(b"a@example.com", b"after@elsewhere.example")


async def matrix(chosen: list[bytes], seed: int) -> None:
    ports = {name: free_port() for name in POLICIES}
    relay = Relay("smtpd_forbid_bare_newline_exclusions =\n", "".join(
        service(port, f"-o smtpd_forbid_bare_newline={name}") for name, port in ports.items()), sink=False)
    got: dict[bytes, list[bytes]] = {}
    async with relay:
        server = await asyncio.get_running_loop().create_server(lambda: Strict(got), "127.0.0.1", relay.sink_port, backlog=500)
        before, rng = relay.processes(), random.Random(seed)

        cases = [(Case(number, sequence, newlines, bdat), ports[name], random.Random(rng.random()))
                 for number, sequence in enumerate(chosen) for name, newlines in POLICIES.items() for bdat in (False, True)]

        def play(share: int) -> None:
            for case, port, chance in cases[share::CLIENTS]:
                case.talk(port, chance)
        await asyncio.gather(*(asyncio.to_thread(play, share) for share in range(CLIENTS)))
        expected = {case.to: case for case, _, _ in cases if not case.refused}
        await alive(relay, before)
        await until_empty(relay)
        assert got.keys() == expected.keys() | {b"after@elsewhere.example"}, "a message came out of another's content"
        for to, case in expected.items():
            assert len(got[to]) == 1
            wire = got[to][0]
            assert not STRAY.search(wire) and wire.count(b"\r\n.\r\n") == 1
            assert wire[wire.index(b"X-Id: 1\r\n"):] == case.wire, (case.stream, case.newlines, case.bdat, wire)
        server.close()


def test_end_of_data_matrix_through_the_relay():
    chosen = random.Random(5).sample(MATRIX, 10)
    asyncio.run(matrix(chosen, 1))


@pytest.mark.fuzz
@pytest.mark.timeout(900)
def test_the_whole_matrix_through_the_relay():
    asyncio.run(matrix(MATRIX, int(os.environ.get("PYFIX_SEED", "2"))))


async def outsider(senders: list[bytes]) -> None:
    port = free_port()
    relay = Relay("relay_domains = relayed.example.net\nmydestination = mx.example.org, example.org\nmyhostname = mx.example.org\n"
                  "local_recipient_maps = inline:{{me = x}, {postmaster = x}}\nlocal_transport = smtp\n",
                  service(port, "-o mynetworks=192.0.2.0/24 -o smtpd_relay_restrictions=permit_mynetworks,reject_unauth_destination"))
    async with relay:
        before = relay.processes()

        def play() -> None:
            for sender in senders:
                with Wire(port, 20) as wire:
                    wire.reply()
                    wire.ask(b"EHLO stranger.example.com\r\n")
                    assert wire.ask(b"MAIL FROM:" + sender + b"\r\n") == b"250 2.1.0 Ok\r\n"
                    for form in [*FORMS, *TRICKS]:
                        answer = wire.ask(b"RCPT TO:" + filled(form) + b"\r\n")
                        assert answer[:3] in (b"554", b"550", b"501", b"500", b"555"), (sender, form, answer)
                    assert wire.ask(b"DATA\r\n") == b"554 5.5.1 Error: no valid recipients\r\n"
        await asyncio.to_thread(play)
        await alive(relay, before)
        await until_empty(relay)
        assert [recipients for _, recipients, _ in relay.received] == [[b"after@elsewhere.example"]]


def test_440_relay_forms_at_the_running_relay():
    asyncio.run(outsider(SENDERS))


def resident(pid: int) -> int:
    """Kilobytes in memory."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


async def bad_lines(cases: list[tuple[bytes, bytes]], growth: int) -> None:
    port = free_port()
    async with Relay("", service(port, "")) as relay:
        before = relay.processes()
        smtpds = [pid for pid, program in before.items() if program == "smtpd"]

        def play() -> None:
            for first, line in cases:
                with Wire(port, 20) as wire:
                    wire.reply()
                    wire.ask(b"EHLO a.example\r\n")
                    if first:
                        wire.ask(first)
                    answer = wire.ask(line + b"\r\n")
                    assert REPLY.fullmatch(answer), (line[:80], answer)
        await asyncio.to_thread(play)
        size = {pid: resident(pid) for pid in smtpds}
        await asyncio.to_thread(play)
        assert all(resident(pid) - size[pid] < growth for pid in smtpds), (size, {pid: resident(pid) for pid in smtpds})
        await alive(relay, before)
        await until_empty(relay)
        assert [recipients for _, recipients, _ in relay.received] == [[b"after@elsewhere.example"]]
        assert not [line for line in relay.lines() if any(ord(c) < 32 or ord(c) == 127 for c in line)]


MAIL = b"MAIL FROM:<a@b.example>\r\n"
BAD = [*((b"", line) for _, _, line in corpus.LINES), *((b"", b"MAIL FROM:" + path) for path in corpus.PATHS),
       *((MAIL, b"RCPT TO:" + path) for path in corpus.PATHS), *((b"", MAIL.rstrip() + b" " + word) for word in corpus.PARAMETERS),
       *((MAIL, b"RCPT TO:<a@example.org> " + word) for word in corpus.PARAMETERS)]


def test_bad_lines_at_the_running_relay():
    assert len(BAD) >= 500
    asyncio.run(bad_lines(random.Random(4).sample(BAD, 100), 2048))


@pytest.mark.fuzz
@pytest.mark.timeout(600)
def test_all_bad_lines_at_the_running_relay():
    asyncio.run(bad_lines(BAD, 2048))


async def contents(chosen: dict[str, bytes]) -> None:
    relay = Relay("message_size_limit = 2000000\nsmtpd_client_connection_count_limit = 0\n", sink=False)
    got: dict[bytes, list[bytes]] = {}
    async with relay:
        server = await asyncio.get_running_loop().create_server(lambda: Strict(got), "127.0.0.1", relay.sink_port, backlog=500)
        before = relay.processes()

        def play() -> None:
            for number, (name, content) in enumerate(chosen.items()):
                with Wire(relay.port, 20) as wire:
                    wire.reply()
                    for line in (b"EHLO a.example", b"MAIL FROM:<a@example.com>", b"RCPT TO:<b%d@example.org>" % number, b"DATA"):
                        wire.ask(line + b"\r\n")
                    stuffed = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:]
                    answer = wire.ask(stuffed + b".\r\n")
                    assert answer.startswith(b"250 2.0.0 Ok: queued as"), (name, answer)
                    assert wire.ask(b"NOOP\r\n") == b"250 2.0.0 Ok\r\n"
        await asyncio.to_thread(play)
        await alive(relay, before)
        await until_empty(relay)
        assert got.keys() == {b"b%d@example.org" % number for number in range(len(chosen))} | {b"after@elsewhere.example"}
        for number, name in enumerate(chosen):
            wires = got[b"b%d@example.org" % number]
            assert len(wires) == 1 and not STRAY.search(wires[0]) and wires[0].count(b"\r\n.\r\n") == 1, name
            assert max(map(len, wires[0].split(b"\r\n"))) <= 999, name
        server.close()


def test_bad_contents_go_through_whole():
    everything = bodies()
    assert len(everything) >= 80
    asyncio.run(contents(everything))
