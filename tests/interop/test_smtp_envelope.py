"""What a next hop hears of the envelope: the same MAIL, RCPT and XFORWARD from Debian's Postfix and from a whole relay of ours."""

import asyncio
import re
import socket
import threading
from typing import Any

import pytest

from tests.kit.delivery import run
from tests.kit.postfix import Postfix
from tests.kit.relay import Relay
from tests.kit.smtpd import Wire

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]
SETTINGS = """smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
relayhost = [127.0.0.1]:%d
defer_transports =
smtp_send_xforward_command = yes
smtpd_authorized_xforward_hosts = 127.0.0.0/8
smtpd_authorized_verp_clients = 127.0.0.0/8
smtp_connection_cache_on_demand = no
virtual_alias_domains = v.example
virtual_alias_maps = inline:{ {list@v.example = m1@c.example, m2@c.example}, {one@v.example = only@c.example} }
"""
HELLO = (b"250-x\r\n250-PIPELINING\r\n250-DSN\r\n250-SMTPUTF8\r\n250-XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT\r\n250 8BITMIME\r\n")
# what stands behind MAIL FROM:<...>, the recipients with their parameters, an XFORWARD before them
CASES: list[tuple[bytes, list[bytes], bytes]] = [
    (b"", [b"<x@c.example>"], b""), (b"", [b'<"a b"@c.example>'], b""), (b"", [b"<a+b=c@c.example>"], b""), (b"", [b"<X@C.example.>"], b""),
    (b"", [b"<x@c.example> ORCPT=rfc822;y+2Bz@z NOTIFY=SUCCESS,DELAY"], b""), (b"", [b"<x@c.example> NOTIFY=NEVER"], b""),
    (b"", [b"<list@v.example>"], b""), (b"", [b"<one@v.example>"], b""), (b" SMTPUTF8", ["<\u00e4@c.example>".encode()], b""),
    (b"", [b"<x@c.example> ORCPT=utf-8;a\\x{e4}\\x{2B}@b"], b""), (b"", [b"<x@c.example> ORCPT=x+y;z"], b""),
    (b"", ["<x@c.example> ORCPT=utf-8;\u00e4".encode()], b""), (b" RET=HDRS ENVID=a+2B+20b", [b"<x@c.example>", b"<y@c.example>"], b""),
    (b" AUTH=<>", [b"<x@c.example> NOTIFY=FAILURE,,FAILURE"], b""), (b" XVERP", [b"<x@c.example>", b"<y@d.example>"], b""),
    (b" XVERP=-=", [b"<one@v.example>"], b""), (b"", [b"<x@c.example>"], b"NAME=foo ADDR=192.0.2.9"),
    (b"", [b"<x@c.example>"], b"SOURCE=REMOTE IDENT=ABC"), (b"", [b"<x@c.example>"], b"HELO=h PROTO=SMTP PORT=77"),
]


class Recorder:
    """A next hop that takes everything; `heard` has the commands of interest."""

    def __init__(self) -> None:
        self.socket, self.heard, self.taken = socket.create_server(("127.0.0.1", 0)), list[bytes](), 0
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer: socket.socket) -> None:
        with peer, peer.makefile("rb") as lines:
            peer.sendall(b"220 x ESMTP\r\n")
            for line in lines:
                verb = line[:4].upper()
                if verb in (b"MAIL", b"RCPT", b"XFOR"):
                    self.heard.append(line)
                peer.sendall(HELLO if verb == b"EHLO" else b"354 go\r\n" if verb == b"DATA" else b"250 ok\r\n")
                if verb == b"DATA":
                    while lines.readline() not in (b".\r\n", b""):
                        pass
                    self.taken += 1
                    peer.sendall(b"250 taken\r\n")


def told(lines: list[bytes]) -> list[bytes]:
    """What must be the same, in an order that does not depend on who was faster."""
    known = [re.sub(rb"IDENT=(?!ABC)\S+|PORT=(?!77)\d+|SIZE=\d+ ?", b"", line) for line in lines]
    return sorted(re.sub(rb" +", b" ", line.replace(b"XFORWARD \r\n", b"").replace(b" \r\n", b"\r\n")) for line in known)


def send(port: int, recorder: Recorder) -> list[list[bytes]]:
    """What the next hop heard of each case."""
    found = []
    for parameters, recipients, forward in CASES:
        messages = len(recipients) if b"XVERP" in parameters else 1
        recorder.heard, before = [], recorder.taken
        with Wire(port) as wire:
            wire.reply()
            wire.ask(b"EHLO a.example\r\n")
            if forward:
                assert wire.ask(b"XFORWARD " + forward + b"\r\n").startswith(b"250")
            for line in (b"MAIL FROM:<a@b.example>" + parameters, *(b"RCPT TO:" + one for one in recipients)):
                assert wire.ask(line + b"\r\n").startswith(b"250"), line
            wire.ask(b"DATA\r\n")
            assert wire.ask(b"Subject: x\r\n\r\nx\r\n.\r\n").startswith(b"250")
        wait_for(lambda: recorder.taken >= before + messages)
        found.append(told(recorder.heard))
    return found


def wait_for(there: Any) -> None:
    """Until it is so."""
    done = threading.Event()
    for _ in range(200):
        if there():
            return
        done.wait(0.05)
    raise AssertionError("nothing came")


def test_the_next_hop_hears_the_same(tmp_path_factory: Any) -> None:
    theirs, ours = Recorder(), Recorder()
    with Postfix(tmp_path_factory.mktemp("pf", numbered=True), SETTINGS % theirs.port) as postfix:
        expected = send(postfix.port, theirs)

    async def scenario() -> list[list[bytes]]:
        async with Relay(SETTINGS % ours.port + "smtpd_peername_lookup = no\nlocal_header_rewrite_clients = permit_inet_interfaces\n") as relay:
            return await asyncio.to_thread(send, relay.port, ours)
    got = run(scenario, 120)
    for recorder in (theirs, ours):
        recorder.socket.close()
    differences = [(case, mine, other) for case, mine, other in zip(CASES, got, expected, strict=True) if mine != other]
    assert not differences, "\n".join(map(repr, differences))
