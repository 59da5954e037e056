"""The DNS server of the benches, read with dnspython."""

import asyncio

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from pyfix.load.dns import SHAPES, Server, Zone, answer


def ask(zone: Zone, name: str, kind: str) -> dns.message.Message:
    return dns.message.from_wire(answer(zone, dns.message.make_query(name, kind).to_wire()))


def texts(reply: dns.message.Message) -> list[str]:
    return sorted(record.to_text() for rrset in reply.answer for record in rrset)


@pytest.mark.parametrize(("shape", "mx"), [
    ("single", ["10 mx.d7.test."]), ("pair", ["10 mx1.d7.test.", "20 mx2.d7.test."]),
    ("provider", [f"10 mx{n}.p0.test." for n in range(5)]), ("backup", ["10 dead.d7.test.", "20 mx2.d7.test."]),
    ("implicit", []), ("null", ["0 ."])])
def test_shapes(shape: str, mx: list[str]) -> None:
    zone = Zone(10, shape, "127.0.0.1", "127.0.0.9")
    reply = ask(zone, "D7.test", "MX")
    assert texts(reply) == mx and reply.rcode() == 0 and bool(reply.authority) == (not mx)
    for host in (row.split()[1] for row in mx if row != "0 ."):
        assert texts(ask(zone, host, "A")) == (["127.0.0.9"] if host.startswith("dead") else ["127.0.0.1"])
    assert ask(zone, "d7.test", "AAAA").rcode() == 0


def test_what_does_not_exist() -> None:
    zone = Zone(10, "missing", "127.0.0.1", "127.0.0.9")
    for name in ("d3.test", "d10.test", "dx.test", "other.example", "mx.d99.test", "test", "."):
        assert ask(zone, name, "MX" if name.startswith("d") else "A").rcode() == dns.rcode.NXDOMAIN
    assert texts(ask(Zone(10, "implicit", "127.0.0.1", "127.0.0.9", spread=4), "d6.test", "A")) == ["127.0.0.3"]


def test_the_mixture_has_all_shapes() -> None:
    zone = Zone(2000, "mixed", "127.0.0.1", "127.0.0.9")
    found = [zone.shape_of(number) for number in range(2000)]
    assert set(found) == set(SHAPES) and 1000 < found.count("provider") < 1200


@pytest.mark.parametrize("packet", [b"", b"x" * 12, b"\0" * 17, b"\0\0\x80\0\0\1" + b"\0" * 30, b"\0\0\0\0\0\1" + b"\0" * 6 + b"\x3f" * 9])
def test_rubbish_gets_no_answer(packet: bytes) -> None:
    assert answer(Zone(1, "single", "127.0.0.1", "127.0.0.9"), packet) is None


def test_over_udp_and_tcp() -> None:
    async def both() -> None:
        server = Server(Zone(10, "provider", "127.0.0.1", "127.0.0.9"))
        await server.start("127.0.0.1", 0)
        query = dns.message.make_query("d1.test", "MX")
        for call in (dns.query.udp, dns.query.tcp):
            reply = await asyncio.to_thread(call, query, "127.0.0.1", 5, server.port)
            assert len(texts(reply)) == 5
        assert server.queries == 2
        server.stop()
    asyncio.run(both())


def test_a_long_answer_is_cut() -> None:
    query = dns.message.make_query("d1.test", "MX").to_wire()
    reply = dns.message.from_wire(answer(Zone(10, "provider", "127.0.0.1", "127.0.0.9"), query, 60))
    assert reply.flags & dns.flags.TC and not reply.answer
