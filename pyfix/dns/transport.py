"""Sending a query and getting its answer: UDP with a fresh random port and id, TCP where the answer is cut.

Law: RFC 1035 4.2, RFC 5452 (forgery), RFC 6891 (EDNS). A packet counts only if it comes from the
server asked, to the port used, with the id and the question sent.
"""

import asyncio
import socket
import struct

import dns.exception
import dns.flags
import dns.message
import dns.rcode

from pyfix.dns.config import ResolverConfig

PACKETS = 20        # packets looked at for one query: forgers and strays don't keep us busy


class NoAnswer(Exception):
    """No server gave a usable answer; the text is Postfix's."""


class Query(asyncio.DatagramProtocol):
    """One UDP socket for one query."""

    def __init__(self, message: dns.message.Message, done: "asyncio.Future[bytes]") -> None:
        self.message, self.done, self.packets = message, done, 0

    def datagram_received(self, data: bytes, address: object) -> None:
        """Keep the packet if it may be ours; others are ignored, up to a number."""
        self.packets += 1
        if self.done.done():
            return
        if data[:2] == self.message.id.to_bytes(2, "big") and len(data) >= 12 and data[2] & 0x80:
            self.done.set_result(data)
        elif self.packets > PACKETS:
            self.done.set_exception(NoAnswer("Host not found, try again"))

    def error_received(self, error: Exception) -> None:
        """ICMP: nobody listens there."""
        if not self.done.done():
            self.done.set_exception(error)


class Exchange:
    """Asks the configured servers in turn."""

    def __init__(self, config: ResolverConfig) -> None:
        self.config = config

    async def ask(self, name: str, kind: str) -> dns.message.Message:
        """The first usable response. NoAnswer: there was none."""
        best: dns.message.Message | None = None
        for _ in range(self.config.attempts):
            for server in self.config.servers:
                try:
                    message = await self.ask_one(server, name, kind)
                except (OSError, NoAnswer, asyncio.TimeoutError, dns.exception.DNSException, EOFError):
                    continue
                if message.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                    return message
                best = message
        if best is not None:
            return best
        raise NoAnswer("Host not found, try again")

    async def ask_one(self, server: tuple[str, int], name: str, kind: str) -> dns.message.Message:
        """One try at one server."""
        query = dns.message.make_query(name, kind, use_edns=0, payload=self.config.payload, want_dnssec=self.config.dnssec)
        if not self.config.dnssec:
            query.flags |= dns.flags.AD
        async with asyncio.timeout(self.config.timeout):
            answer = decode(await by_udp(server, query), query)
            if answer.flags & dns.flags.TC:
                answer = decode(await by_tcp(server, query), query)
        if answer.rcode() == dns.rcode.FORMERR:     # a server that knows no EDNS
            query.use_edns(-1)
            async with asyncio.timeout(self.config.timeout):
                answer = decode(await by_udp(server, query), query)
        return answer

    def close(self) -> None:
        """Nothing is kept open between queries."""


def decode(data: bytes, query: dns.message.Message) -> dns.message.Message:
    """The response in `data`. NoAnswer: it answers another question; DNSException: it is malformed."""
    message = dns.message.from_wire(data, ignore_trailing=True, raise_on_truncation=False)
    if not query.is_response(message):
        raise NoAnswer("Malformed or unexpected name server reply")
    return message


async def by_udp(server: tuple[str, int], query: dns.message.Message) -> bytes:
    """Send over a connected UDP socket: the kernel drops what comes from elsewhere."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[bytes] = loop.create_future()
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    transport, _ = await loop.create_datagram_endpoint(lambda: Query(query, done), remote_addr=server, family=family)
    try:
        transport.sendto(query.to_wire())
        return await done
    finally:
        transport.close()


async def by_tcp(server: tuple[str, int], query: dns.message.Message) -> bytes:
    """Ask again over TCP; the length prefix bounds what is read."""
    reader, writer = await asyncio.open_connection(*server)
    try:
        data = query.to_wire()
        writer.write(struct.pack(">H", len(data)) + data)
        length, = struct.unpack(">H", await reader.readexactly(2))
        return await reader.readexactly(length)
    finally:
        writer.close()
