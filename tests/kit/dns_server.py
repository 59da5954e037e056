"""A scripted DNS server on loopback, UDP and TCP, for tests and benches.

    server = await DnsServer(zone).start()          # server.config is what pyfix.dns wants
    python -m tests.kit.dns_server PORT [COUNT]     # COUNT domains d0.test ... with MX and A 127.0.0.1

`zone` maps "name TYPE" to a list of records in text form ("10 mx.example."), or to a behaviour: an Rcode,
a Raw packet, Cut (TC over UDP, whole over TCP), Mute, or a callable(query) -> Message | bytes | None.
A name with no row at all is NXDOMAIN; a name with rows of other types is NODATA.
"""

import asyncio
import struct
import sys
from collections import Counter
from typing import Any, NamedTuple

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from pyfix.dns.config import ResolverConfig


class Rcode(NamedTuple):
    """Answer with this code and nothing else."""

    code: int


class Raw(NamedTuple):
    """Answer with these bytes behind the query's id (16 bits) and, if `flags` is given, flags."""

    data: bytes


class Cut(NamedTuple):
    """Truncated over UDP; the records over TCP."""

    records: list[str]


class Mute(NamedTuple):
    """No answer at all."""


SOA = "ns.test. hostmaster.test. 1 3600 600 86400 30"


class DnsServer:
    """Answers from `zone`; `asked` counts "name TYPE" over UDP and TCP."""

    def __init__(self, zone: dict[str, Any], ttl: int = 60) -> None:
        self.zone = {key.lower(): value for key, value in zone.items()}
        self.names = {key.split()[0] for key in self.zone}
        self.ttl, self.asked = ttl, Counter[str]()
        self.delay = 0.0

    async def start(self, port: int = 0) -> "DnsServer":
        loop = asyncio.get_running_loop()
        owner = self

        class Udp(asyncio.DatagramProtocol):
            def connection_made(self, transport: Any) -> None:
                self.transport = transport

            def datagram_received(self, data: bytes, address: Any) -> None:
                reply = owner.reply(data, tcp=False)
                if reply is not None:
                    loop.call_later(owner.delay, self.transport.sendto, reply, address)

        self.tcp = await asyncio.start_server(self.serve, "127.0.0.1", port)
        self.port = self.tcp.sockets[0].getsockname()[1]
        self.udp, _ = await loop.create_datagram_endpoint(Udp, local_addr=("127.0.0.1", self.port))
        self.config = ResolverConfig((("127.0.0.1", self.port),), 1.0, 1)
        return self

    def stop(self) -> None:
        self.udp.close()
        self.tcp.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            length, = struct.unpack(">H", await reader.readexactly(2))
            reply = self.reply(await reader.readexactly(length), tcp=True)
            if reply is not None:
                writer.write(struct.pack(">H", len(reply)) + reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    def reply(self, data: bytes, tcp: bool) -> bytes | None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked[f"{name} {kind}"] += 1
        what = self.zone.get(f"{name} {kind.lower()}")
        if callable(what):
            what = what(query)
        if what is None and f"{name} cname" in self.zone:
            return self.answer(query, self.chain(name, kind)).to_wire(max_size=65535)
        if isinstance(what, Mute):
            return None
        if isinstance(what, Raw):
            return data[:2] + what.data
        if isinstance(what, bytes):
            return what
        if isinstance(what, dns.message.Message):
            return what.to_wire(max_size=65535)
        if isinstance(what, Rcode):
            reply = dns.message.make_response(query)
            reply.set_rcode(what.code)
            return reply.to_wire()
        if isinstance(what, Cut):
            reply = self.answer(query, [(name, kind, what.records)] if tcp else [])
            if not tcp:
                reply.flags |= dns.flags.TC
            return reply.to_wire(max_size=65535)
        if what is None:
            return self.negative(query, name in self.names).to_wire()
        return self.answer(query, [(name, kind, what)]).to_wire(max_size=65535)

    def chain(self, name: str, kind: str) -> list[tuple[str, str, list[str]]]:
        """CNAMEs from `name` on, with the last one's records."""
        rows: list[tuple[str, str, list[str]]] = []
        while f"{name} cname" in self.zone and len(rows) < 30:
            target = self.zone[f"{name} cname"]
            rows.append((name, "CNAME", target))
            name = target[0].rstrip(".").lower()
        found = self.zone.get(f"{name} {kind.lower()}")
        return [*rows, (name, kind, found)] if isinstance(found, list) else rows

    def answer(self, query: dns.message.Message, rows: list[tuple[str, str, list[str]]]) -> dns.message.Message:
        reply = dns.message.make_response(query)
        for name, kind, records in rows:
            reply.answer.append(dns.rrset.from_text_list(name + ".", self.ttl, "IN", kind, records))
        return reply

    def negative(self, query: dns.message.Message, exists: bool) -> dns.message.Message:
        reply = dns.message.make_response(query)
        reply.set_rcode(dns.rcode.NOERROR if exists else dns.rcode.NXDOMAIN)
        reply.authority.append(dns.rrset.from_text_list("test.", self.ttl, "IN", "SOA", [SOA]))
        return reply


async def main(port: int, count: int) -> None:
    zone: dict[str, Any] = {"mx.test A": ["127.0.0.1"]}
    for number in range(count):
        zone[f"d{number}.test MX"] = ["10 mx.test."]
    await DnsServer(zone).start(port)
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1000))
