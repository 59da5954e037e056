"""Client names: looked up once for all who ask, kept, never in the way of others (smtpd_peername_lookup, smtpd_peer(3))."""

import asyncio
import time

import pytest

from pyfix.dns.peername import FORGED, OK, PERMANENT, TEMPORARY, PeerName
from pyfix.smtpd.names import KNOWN, NONE, TROUBLE, Names, Peer
from tests.kit.smtpd import Smtpd

LOOKUP = "smtpd_peername_lookup = yes\n"


class Peers:
    """In the place of PeerNames: one answer, after a while."""

    def __init__(self, answer=None, delay=0.0):
        self.answer, self.delay, self.asked = answer or PeerName("c.example", "c.example", OK, OK), delay, []

    async def peer_name(self, address):
        self.asked.append(address)
        await asyncio.sleep(self.delay)
        return self.answer


@pytest.mark.parametrize("answer, peer, warned", [
    (PeerName("c.example", "c.example", OK, OK), Peer(b"c.example", b"c.example", KNOWN, KNOWN), b""),
    (PeerName("unknown", "c.example", FORGED, OK), Peer(b"unknown", b"c.example", NONE, KNOWN), b""),
    (PeerName("unknown", "c.example", TEMPORARY, OK), Peer(b"unknown", b"c.example", TROUBLE, KNOWN),
     b": Temporary failure in name resolution"),
    (PeerName("unknown", "c.example", PERMANENT, OK), Peer(b"unknown", b"c.example", NONE, KNOWN), b": Name or service not known"),
    (PeerName("unknown", "unknown", TEMPORARY, TEMPORARY), Peer(b"unknown", b"unknown", TROUBLE, TROUBLE), None),
    (PeerName("unknown", "unknown", PERMANENT, PERMANENT), Peer(b"unknown", b"unknown", NONE, NONE), None),
])
def test_what_is_known_and_what_is_told(answer, peer, warned):
    told = []
    names = Names(told.append, Peers(answer))
    assert asyncio.run(names.find(b"192.0.2.1")) == peer
    expected = [b"hostname c.example does not resolve to address 192.0.2.1" + warned] if warned is not None and peer.name_code != KNOWN else []
    assert told == expected and names.cached(b"192.0.2.1") == peer


def test_one_lookup_for_all_who_ask():
    peers = Peers(delay=0.01)

    async def crowd():
        names = Names(print, peers)
        found = await asyncio.gather(*(names.find(b"192.0.2.%d" % (i % 3)) for i in range(300)))
        assert {peer.name for peer in found} == {b"c.example"}
        await names.find(b"192.0.2.1")
    asyncio.run(crowd())
    assert sorted(peers.asked) == ["192.0.2.0", "192.0.2.1", "192.0.2.2"]


def test_a_slow_lookup_holds_up_nobody_else(tmp_path):
    with Smtpd(tmp_path, LOOKUP) as server:
        server.server.names.peers = Peers(delay=1)
        with server.client() as slow, server.client() as gone:
            deadline = time.monotonic() + 5
            while len(server.server.sessions) < 2 and time.monotonic() < deadline:
                time.sleep(0.01)
            gone.close()
            server.server.names._kept[b"127.0.0.1"] = (1e12, Peer())
            assert server.talk(b"NOOP\r\n")[1] == b"250 2.0.0 Ok\r\n"
            assert slow.reply() == b"220 mx.example.org ESMTP Postfix\r\n"
        assert "connect from c.example[127.0.0.1]" in server.lines("disconnect from c.example")
        while server.server.sessions and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not server.server.sessions and not server.server.tallied


def test_no_lookup(tmp_path):
    with Smtpd(tmp_path) as server:
        server.server.names.peers = Peers()
        server.talk()
        assert server.lines()[0] == "connect from unknown[127.0.0.1]" and not server.server.names.peers.asked
