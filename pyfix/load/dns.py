"""pyfix bench dns: a DNS server with thousands of mail domains, for tests and benches on loopback (RFC 1035, 5321 5.1).

    pyfix bench dns 127.0.0.1:5300 --domains 5000 --shape mixed --target 127.0.0.1

The domains are d0.test, d1.test, ... Every answer follows from the name alone, so there is no zone to load. Shapes of the MX sets:

    single      one exchange
    pair        two of different preference
    provider    five of equal preference, shared by a hundred domains each, with two addresses each
    backup      a first exchange that is at --dead (nobody listens there), a second that works
    implicit    no MX, an A record
    null        a null MX (RFC 7505)
    missing     NXDOMAIN
    mixed       what a large sender meets: 55 % provider, 20 % pair, 15 % single, 5 % backup, 3 % implicit, 1 % null, 1 % missing

With --spread N the exchanges of different domains have different addresses: N of them from --target upwards.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import struct
import sys
import zlib

from pyfix.load.tool import UsageError, address, run, say

SHAPES = ("single", "pair", "provider", "backup", "implicit", "null", "missing")
MIXED = ((55, "provider"), (75, "pair"), (90, "single"), (95, "backup"), (98, "implicit"), (99, "null"), (100, "missing"))
A, SOA, MX, AAAA = 1, 6, 15, 28
NOERROR, NXDOMAIN = 0, 3
POINTER = b"\xc0\x0c"       # to the question's name
SHARED = 100                # domains that share a provider


class Zone:
    """Who answers what. Names are lower-case text without the last dot."""

    def __init__(self, domains: int, shape: str, target: str, dead: str, spread: int = 1, ttl: int = 300) -> None:
        self.domains, self.shape, self.ttl = domains, shape, ttl
        self.base, self.dead, self.spread = int.from_bytes(socket.inet_aton(target), "big"), socket.inet_aton(dead), spread

    def shape_of(self, number: int) -> str:
        """The shape of domain `number`."""
        if self.shape != "mixed":
            return self.shape
        at = zlib.crc32(b"%d" % number) % 100
        return next(shape for top, shape in MIXED if at < top)

    def address(self, number: int) -> bytes:
        """The address of the exchange of domain or provider `number`."""
        return (self.base + number % self.spread).to_bytes(4, "big")

    def number(self, label: str) -> int:
        """The number in "d17", -1 if that is none of ours."""
        digits = label[1:]
        known = label[:1] == "d" and digits.isascii() and digits.isdigit() and len(digits) < 10
        return int(digits) if known and int(digits) < self.domains else -1

    def exchanges(self, number: int) -> list[tuple[int, str]] | None:
        """[(preference, host)] of a domain; None: the name does not exist."""
        shape = self.shape_of(number)
        if shape == "missing":
            return None
        if shape == "provider":
            return [(10, f"mx{index}.p{number // SHARED}.test") for index in range(5)]
        if shape == "pair":
            return [(10, f"mx1.d{number}.test"), (20, f"mx2.d{number}.test")]
        if shape == "backup":
            return [(10, f"dead.d{number}.test"), (20, f"mx2.d{number}.test")]
        return {"single": [(10, f"mx.d{number}.test")], "null": [(0, "")]}.get(shape, [])

    def addresses(self, labels: list[str]) -> list[bytes] | None:
        """The A records of a host; None: it does not exist."""
        if labels[-1:] != ["test"]:
            return None
        if len(labels) == 3 and labels[1][:1] == "p" and labels[1][1:].isascii() and labels[1][1:].isdigit():
            number = int(labels[1][1:9])
            return [self.address(number), self.address(number + 1)] if self.spread > 1 else [self.address(number)]
        number = self.number(labels[-2]) if len(labels) > 1 else -1
        if number < 0 or self.shape_of(number) == "missing" and len(labels) == 2:
            return None
        if len(labels) == 2:
            return [self.address(number)] if self.shape_of(number) == "implicit" else []
        return [self.dead if labels[0] == "dead" else self.address(number)]

    def lookup(self, labels: list[str], kind: int) -> tuple[int, list[bytes]]:
        """(response code, record data)."""
        if len(labels) == 2 and labels[1] == "test" and kind == MX:
            number = self.number(labels[0])
            found = self.exchanges(number) if number >= 0 else None
            return (NXDOMAIN, []) if found is None else (NOERROR, [struct.pack(">H", pref) + wire(host) for pref, host in found])
        addresses = self.addresses(labels)
        if addresses is None:
            return NXDOMAIN, []
        return NOERROR, addresses if kind == A else []


def wire(name: str) -> bytes:
    """A name as RFC 1035 3.1 has it."""
    labels = [label.encode("ascii") for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def question(packet: bytes) -> tuple[list[str], int, int]:
    """(labels, type, end of the question) of a query; ValueError if it is none."""
    if len(packet) < 17 or packet[2] & 0xF8 or packet[4:6] != b"\0\1":
        raise ValueError("not a query with one question")
    at, labels = 12, []
    while packet[at]:
        size = packet[at]
        if size > 63 or at + size + 5 >= len(packet):
            raise ValueError("a broken name")
        labels.append(packet[at + 1:at + 1 + size].decode("ascii", "replace").lower())
        at += size + 1
    if at + 5 > len(packet):
        raise ValueError("a short question")
    return labels, struct.unpack_from(">H", packet, at + 1)[0], at + 5


def answer(zone: Zone, packet: bytes, limit: int = 65535) -> bytes | None:
    """The reply to a query; None: it deserves none. Over `limit` bytes it is cut, with TC set."""
    try:
        labels, kind, end = question(packet)
    except (ValueError, IndexError):
        return None
    code, records = zone.lookup(labels, kind)
    body = [POINTER + struct.pack(">HHIH", kind, 1, zone.ttl, len(data)) + data for data in records]
    authority = b"" if records else soa(zone.ttl)
    size = end + sum(map(len, body)) + len(authority)
    flags = 0x8580 | code | (0x0200 if size > limit else 0)
    if size > limit:
        body, authority = [], b""
    head = packet[:2] + struct.pack(">HHHHH", flags, 1, len(body), 1 if authority else 0, 0)
    return head + packet[12:end] + b"".join(body) + authority


def soa(ttl: int) -> bytes:
    """The record that a negative answer carries (RFC 2308)."""
    data = wire("ns.test") + wire("hostmaster.test") + struct.pack(">IIIII", 1, 3600, 600, 86400, ttl)
    return wire("test") + struct.pack(">HHIH", SOA, 1, ttl, len(data)) + data


class Server:
    """The zone over UDP and TCP; `queries` counts."""

    def __init__(self, zone: Zone) -> None:
        self.zone, self.queries, self.port = zone, 0, 0

    async def start(self, host: str, port: int) -> None:
        """Listens; `port` is then the one in use."""
        loop = asyncio.get_running_loop()
        self.tcp = await asyncio.start_server(self.stream, host, port)
        self.port = self.tcp.sockets[0].getsockname()[1]
        self.udp, _ = await loop.create_datagram_endpoint(lambda: Datagrams(self), local_addr=(host, self.port))

    def stop(self) -> None:
        """Closes both."""
        self.udp.close()
        self.tcp.close()

    async def stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Queries over one TCP connection."""
        try:
            while True:
                length, = struct.unpack(">H", await reader.readexactly(2))
                reply = answer(self.zone, await reader.readexactly(length))
                self.queries += 1
                if reply is None:
                    break
                writer.write(struct.pack(">H", len(reply)) + reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass                            # the client has gone: there is nobody to tell
        writer.close()


class Datagrams(asyncio.DatagramProtocol):
    """Queries over UDP."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        reply = answer(self.server.zone, data, 1232 if data[10:12] != b"\0\0" else 512)
        self.server.queries += 1
        if reply is not None:
            self.transport.sendto(reply, source)


async def serve(args: argparse.Namespace) -> int:
    """Until interrupted."""
    zone = Zone(args.domains, args.shape, args.target, args.dead, args.spread, args.ttl)
    server, over = Server(zone), asyncio.get_running_loop().create_future()
    _, host, port = address(args.listen)
    await server.start(host, port)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, lambda: over.done() or over.set_result(None))
    say({"listening": [host, server.port]})
    await over
    say({"queries": server.queries})
    server.stop()
    return 0


def main(words: list[str] | None = None) -> int:
    """Entry point; 2 on bad usage."""
    parser = argparse.ArgumentParser(prog="pyfix bench dns", description="Serve thousands of mail domains on loopback.")
    parser.add_argument("listen", help="HOST:PORT; port 0: any")
    parser.add_argument("--domains", type=int, default=1000)
    parser.add_argument("--shape", default="mixed", choices=[*SHAPES, "mixed"])
    parser.add_argument("--target", default="127.0.0.1", help="address of the exchanges")
    parser.add_argument("--dead", default="127.255.255.254", help="address of exchanges that are down")
    parser.add_argument("--spread", type=int, default=1, help="different addresses from --target upwards")
    parser.add_argument("--ttl", type=int, default=300)
    args = parser.parse_args(words)
    try:
        return run(lambda: serve(args))
    except (UsageError, OSError) as error:
        print(f"pyfix bench dns: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
