"""What a DNS server may answer, and what a lookup makes of it: never a crash, never "no such name" for trouble."""

import asyncio
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from pyfix.dns import resolver as dnsr
from pyfix.dns.config import ResolverConfig, parse_servers, read_resolv_conf
from pyfix.dns.resolver import FAIL, INVALID, NOT_FOUND, NULL_MX, OK, RETRY, Resolver, valid_name
from tests.kit.delivery import run
from tests.kit.dns_server import Cut, DnsServer, Mute, Raw, Rcode

HEAD = b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00"
QUESTION = b"\x03bad\x04test\x00\x00\x0f\x00\x01"
TXT = "\" \"".join(["x" * 250] * 200)


def with_answer(*rows: tuple[str, str, str]) -> Any:
    """A response whose answer section holds these rows (name, type, data), whatever was asked."""
    def make(query: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(query)
        for name, kind, data in rows:
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", kind, data))
        return reply
    return make


def other_question(query: dns.message.Message) -> bytes:
    reply = dns.message.make_response(dns.message.make_query("else.test", "A", id=query.id))
    reply.answer.append(dns.rrset.from_text("else.test.", 60, "IN", "A", "192.0.2.66"))
    return reply.to_wire()


def other_id(query: dns.message.Message) -> bytes:
    reply = dns.message.make_response(query)
    reply.id = query.id ^ 1
    reply.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", "192.0.2.66"))
    return reply.to_wire()


ZONE: dict[str, Any] = {
    "ok.test A": ["192.0.2.1"], "two.test A": ["192.0.2.1", "192.0.2.2"], "six.test AAAA": ["2001:db8::1"],
    "ok.test MX": ["10 mx1.test.", "20 mx2.test."], "null.test MX": ["0 ."], "null2.test MX": ["0 .", "10 mx.test."],
    "upper.test MX": ["10 MX.test."], "numeric.test MX": ["10 192.0.2.1."], "many.test MX": [f"{i} mx{i}.test." for i in range(500)],
    "_dmarc.test TXT": ['"v=DMARC1"'], "big.test TXT": Cut([f'"{TXT}"']), "cut.test A": Cut(["192.0.2.7"]),
    "cut500.test MX": Cut([f"{i} a-rather-long-name-of-a-mail-exchanger-{i}.test." for i in range(500)]),
    "srv.test SRV": ["1 2 25 mx.test."], "1.2.0.192.in-addr.arpa PTR": ["ok.test."],
    "tlsa.test TLSA": ["3 1 1 " + "ab" * 32],
    "a.test CNAME": ["b.test."], "b.test CNAME": ["ok.test."], "loop.test CNAME": ["loop2.test."], "loop2.test CNAME": ["loop.test."],
    "self.test CNAME": ["self.test."], "dangling.test CNAME": ["gone.test."],
    **{f"c{i}.test CNAME": [f"c{i + 1}.test."] for i in range(20)}, "c20.test A": ["192.0.2.20"],
    "c11.test A": ["192.0.2.11"],
    "servfail.test A": Rcode(dns.rcode.SERVFAIL), "refused.test A": Rcode(dns.rcode.REFUSED),
    "notimp.test A": Rcode(dns.rcode.NOTIMP), "notauth.test A": Rcode(dns.rcode.NOTAUTH), "mute.test A": Mute(),
    "formerr.test A": Rcode(dns.rcode.FORMERR), "yx.test A": Rcode(dns.rcode.YXDOMAIN),
    "empty.test A": Raw(b""), "short.test A": Raw(b"\x81"), "headonly.test A": Raw(b"\x81\x80" + b"\0" * 8),
    "bad.test MX": Raw(HEAD + QUESTION + b"\xc0\x0c\x00\x0f\x00\x01\x00\x00\x00\x3c\x00\x02\x00\x0a"),
    "cutrdata.test A": Raw(HEAD + b"\x08cutrdata\x04test\x00\x00\x01\x00\x01\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f"),
    "pointer.test A": Raw(HEAD + b"\xc0\x0c\x00\x01\x00\x01"), "forward.test A": Raw(HEAD + b"\xc0\xff\x00\x01\x00\x01"),
    "garbage.test A": Raw(b"\xff" * 300), "zeros.test A": Raw(b"\0" * 300), "text.test A": Raw(b"HTTP/1.1 200 OK\r\n\r\n"),
    "counts.test A": Raw(b"\x81\x80\xff\xff\xff\xff\xff\xff\xff\xff" + b"\0" * 20),
    "query.test A": Raw(b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05query\x04test\x00\x00\x01\x00\x01"),
    "otherq.test A": other_question, "otherid.test A": other_id,
    "stranger.test A": with_answer(("victim.test.", "A", "192.0.2.66")),
    "aside.test A": with_answer(("aside.test.", "A", "192.0.2.3"), ("victim.test.", "A", "192.0.2.66")),
    "othertype.test A": with_answer(("othertype.test.", "TXT", '"x"')),
    "badmx.test MX": with_answer(("badmx.test.", "MX", r"10 a\032b\000.test.")),
    "somebad.test MX": ["10 -bad-.test.", "20 good.test."],
    "escape.test PTR": ["a\\010b.test."], "ttl0.test A": with_answer(("ttl0.test.", "A", "192.0.2.4")),
    "only.test TXT": ['"x"'],
}

# name, type, status, records (None: any) or number of records
CASES: list[tuple[str, str, str, Any]] = [
    ("ok.test", "A", OK, ["192.0.2.1"]), ("OK.Test", "A", OK, ["192.0.2.1"]), ("ok.test.", "A", OK, ["192.0.2.1"]),
    ("two.test", "A", OK, 2), ("six.test", "AAAA", OK, ["2001:db8::1"]), ("ok.test", "MX", OK, [(10, "mx1.test"), (20, "mx2.test")]),
    ("null.test", "MX", NULL_MX, []), ("null2.test", "MX", OK, [(10, "mx.test")]), ("upper.test", "MX", OK, [(10, "MX.test")]),
    ("numeric.test", "MX", OK, [(10, "192.0.2.1")]), ("many.test", "MX", OK, 100), ("_dmarc.test", "TXT", OK, [b"v=DMARC1"]),
    ("big.test", "TXT", OK, 1), ("cut.test", "A", OK, ["192.0.2.7"]), ("cut500.test", "MX", OK, 100),
    ("srv.test", "SRV", OK, [(1, 2, 25, "mx.test")]), ("1.2.0.192.in-addr.arpa", "PTR", OK, ["ok.test"]),
    ("tlsa.test", "TLSA", OK, [(3, 1, 1, b"\xab" * 32)]),
    ("a.test", "A", OK, ["192.0.2.1"]), ("dangling.test", "A", NOT_FOUND, []), ("loop.test", "A", RETRY, []), ("self.test", "A", RETRY, []),
    ("c0.test", "A", RETRY, []), ("c11.test", "A", OK, ["192.0.2.11"]), ("c12.test", "A", OK, ["192.0.2.20"]),
    ("gone.test", "A", NOT_FOUND, []), ("gone.test", "MX", NOT_FOUND, []), ("ok.test", "AAAA", NOT_FOUND, []), ("only.test", "MX", NOT_FOUND, []),
    *[(f"{name}.test", "A", RETRY, []) for name in (
        "servfail", "refused", "notimp", "notauth", "mute", "formerr", "yx", "empty", "short", "headonly", "cutrdata", "pointer",
        "forward", "garbage", "zeros", "text", "counts", "query", "otherq", "otherid")],
    ("bad.test", "MX", RETRY, []), ("stranger.test", "A", NOT_FOUND, []), ("aside.test", "A", OK, ["192.0.2.3"]),
    ("othertype.test", "A", NOT_FOUND, []), ("badmx.test", "MX", RETRY, []), ("somebad.test", "MX", OK, [(20, "good.test")]),
    ("escape.test", "PTR", OK, ["a\\010b.test"]),
    ("", "A", INVALID, []), ("a..test", "A", INVALID, []), ("-a.test", "A", INVALID, []), ("a-.test", "A", INVALID, []),
    ("a b.test", "A", INVALID, []), ("x" * 64 + ".test", "A", INVALID, []), (".".join(["x" * 60] * 5), "A", INVALID, []),
    ("1.2.3", "A", INVALID, []), ("\u00e9.test", "A", INVALID, []), ("a\nb.test", "A", INVALID, []), ("a\0.test", "A", INVALID, []),
    (".", "A", INVALID, []), ("a/b.test", "A", INVALID, []), ("k\u212a.test", "A", INVALID, []),
]


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, str], dnsr.Answer]:
    async def scenario() -> dict[tuple[str, str], dnsr.Answer]:
        server = await DnsServer(ZONE).start()
        resolver = Resolver(server.config._replace(timeout=4.0))     # decoding 500 records takes its time on a busy machine
        found = await asyncio.gather(*[resolver.lookup(name, kind) for name, kind, _, _ in CASES])
        assert (await resolver.lookup("ok.test", "A")).status == OK
        server.stop()
        return {(case[0], case[1]): answer for case, answer in zip(CASES, found)}
    return run(scenario)


@pytest.mark.parametrize("name, kind, status, records", CASES, ids=lambda value: str(value)[:24])
def test_answer(answers: Any, name: str, kind: str, status: str, records: Any) -> None:
    answer = answers[name, kind]
    assert answer.status == status, answer
    assert len(answer.records) == records if isinstance(records, int) else sorted(answer.records) == records
    assert (answer.text == "") == (status == OK) and answer.text.isprintable()
    assert 1 <= answer.ttl <= 86400


def test_texts(answers: Any) -> None:
    """Postfix's words."""
    why = "Host or domain name not found. Name service error for name="
    assert answers["gone.test", "MX"].text == why + "gone.test type=MX: Host not found"
    assert answers["ok.test", "AAAA"].text == why + "ok.test type=AAAA: Host found but no data record of requested type"
    assert answers["servfail.test", "A"].text == why + "servfail.test type=A: Host not found, try again"
    assert answers["mute.test", "A"].text == why + "mute.test type=A: Host not found, try again"
    assert answers["null.test", "MX"].text == "Domain null.test does not accept mail (nullMX)"


def with_server(scenario: Any, zone: dict[str, Any] = ZONE, **settings: Any) -> Any:
    async def whole() -> Any:
        server = await DnsServer(zone, ttl=settings.pop("ttl", 60)).start()
        try:
            return await scenario(server, Resolver(server.config, **settings))
        finally:
            server.stop()
    return run(whole)


def test_one_query_for_all_who_ask() -> None:
    async def scenario(server: DnsServer, resolver: Resolver) -> None:
        server.delay = 0.05
        found = await asyncio.gather(*[resolver.lookup("ok.test", "A") for _ in range(200)])
        assert {tuple(answer.records) for answer in found} == {("192.0.2.1",)} and server.asked["ok.test A"] == 1
        await resolver.lookup("OK.TEST", "A")
        await resolver.lookup("gone.test", "A")
        await resolver.lookup("gone.test", "A")
        assert server.asked["ok.test A"] == server.asked["gone.test A"] == 1
        assert resolver.cached("ok.test", "A") is not None and not resolver.waiting
    with_server(scenario)


def test_a_cancelled_asker_leaves_the_others_alone() -> None:
    async def scenario(server: DnsServer, resolver: Resolver) -> None:
        server.delay = 0.05
        first = asyncio.ensure_future(resolver.lookup("ok.test", "A"))
        second = asyncio.ensure_future(resolver.lookup("ok.test", "A"))
        await asyncio.sleep(0.01)
        first.cancel()
        assert (await second).status == OK
    with_server(scenario)


def test_cache_ends_and_is_bounded() -> None:
    async def scenario(server: DnsServer, resolver: Resolver) -> None:
        for i in range(30):
            await resolver.lookup(f"n{i}.test", "A")
        assert len(resolver.cache) == 10
        await resolver.lookup("ok.test", "A")
        await asyncio.sleep(1.1)
        await resolver.lookup("ok.test", "A")
        assert server.asked["ok.test A"] == 2
    with_server(scenario, cache_size=10, ttl=0)


def test_in_flight_is_bounded() -> None:
    async def scenario(server: DnsServer, resolver: Resolver) -> None:
        server.delay = 0.02
        most = 0
        tasks = [asyncio.ensure_future(resolver.lookup(f"n{i}.test", "A")) for i in range(60)]
        while not all(task.done() for task in tasks):
            most = max(most, resolver.queries - sum(task.done() for task in tasks))
            await asyncio.sleep(0.005)
        assert most <= 10
    with_server(scenario, in_flight=5)


def test_second_server_when_the_first_is_dead() -> None:
    async def scenario(server: DnsServer, resolver: Resolver) -> None:
        config = ResolverConfig((("127.0.0.1", 9), ("127.0.0.1", server.port)), 0.3, 1)
        assert (await Resolver(config).lookup("ok.test", "A")).status == OK
        assert (await Resolver(ResolverConfig((("127.0.0.1", 9),), 0.3, 1)).lookup("ok.test", "A")).status == RETRY
    with_server(scenario)


def test_forged_packets_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong id first, then the right packet: the right one counts."""
    async def scenario(server: DnsServer, resolver: Resolver) -> None:
        plain = DnsServer.reply

        def reply(self: DnsServer, data: bytes, tcp: bool) -> bytes | None:
            good = plain(self, data, tcp)
            forged = bytes([data[0] ^ 1]) + good[1:]
            for _ in range(5):
                self.udp.sendto(forged, self.last)
            return good

        server.last = None
        protocol = server.udp.get_protocol() if hasattr(server.udp, "get_protocol") else None
        if protocol is None:
            pytest.skip("no access to the protocol")
        received = protocol.datagram_received
        monkeypatch.setattr(DnsServer, "reply", reply)

        def note(data: bytes, address: Any) -> None:
            server.last = address
            received(data, address)
        protocol.datagram_received = note
        assert (await resolver.lookup("ok.test", "A")).records == ["192.0.2.1"]
    with_server(scenario)


def test_configuration(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("# x\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\noptions timeout:1 attempts:9 rotate\nsearch a b\n")
    config = read_resolv_conf(str(file))
    assert config.servers == (("192.0.2.53", 53), ("fe80::1", 53)) and (config.timeout, config.attempts) == (1.0, 9)
    assert read_resolv_conf(str(tmp_path / "none")).servers == (("127.0.0.1", 53),)
    assert parse_servers("127.0.0.1:5353,[::1]:53").servers == (("127.0.0.1", 5353), ("::1", 53))
    monkeypatch.setenv("PYFIX_DNS", "127.0.0.1:99")
    assert ResolverConfig.system().servers == (("127.0.0.1", 99),)


def test_valid_name() -> None:
    assert valid_name("example.com") == valid_name("_x.a-b.c1") == valid_name("1.example") == ""
    assert valid_name("1.2.3.4") == "numeric domain name" and FAIL
