"""What a proxy in front says of the client: the haproxy PROXY protocol, versions 1 and 2 (smtpd_upstream_proxy_protocol).

The law: it comes before the greeting, whole and in time, or the session ends with 421; a byte that is not
understood is never taken for a client's. Version 2's LOCAL is the proxy itself, looking whether we live.

Source: haproxy's proxy-protocol.txt; postconf(5) smtpd_upstream_proxy_protocol, smtpd_upstream_proxy_timeout.
"""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
HEADER, LONGEST, LONGEST_V1 = 16, 536, 107
LOCAL, PROXY = 0, 1
FAMILIES = {0x11: (4, 12), 0x21: (16, 36)}       # family and transport -> (bytes of an address, of all)


class BadHeader(Exception):
    """`args[0]`: why, as the log says it."""


class Ends(NamedTuple):
    """Who talks to whom; `used` bytes of the stream said so. A client of b"" is the socket's own."""

    used: int
    client: bytes = b""
    port: int = 0
    server: bytes = b""
    server_port: int = 0


def parse(data: bytes, allowed: Callable[[bool], bool]) -> Ends | None:
    """What `data` begins with; None: more of it is to come. `allowed(six)`: inet_protocols. Raises BadHeader."""
    if data.startswith(b"PROXY ") or b"PROXY ".startswith(data):
        end = data.find(b"\r\n", 0, LONGEST_V1)
        if end >= 0:
            return version_1(data[:end].split(b" ")[1:], end + 2, allowed)
        if len(data) < LONGEST_V1:
            return None
        raise BadHeader("missing protocol header terminator")
    if SIGNATURE.startswith(data[:len(SIGNATURE)]):
        return version_2(data, allowed) if len(data) >= HEADER else None
    raise BadHeader("short protocol header" if len(data) < HEADER else "unrecognized protocol header")


def version_1(words: list[bytes], used: int, allowed: Callable[[bool], bool]) -> Ends:
    """The line's words behind PROXY. Raises BadHeader."""
    kind, client, server, port, server_port = [*words, b"", b"", b"", b"", b""][:5]
    six = kind == b"TCP6"
    if kind not in (b"TCP4", b"TCP6") or not allowed(six):
        raise BadHeader("bad or missing protocol type")
    return Ends(used, text_address(client, six, "client"), text_port(port, "client"), text_address(server, six, "server"),
                text_port(server_port, "server"))


def text_address(word: bytes, six: bool, whose: str) -> bytes:
    """An address of the kind that was announced. Raises BadHeader."""
    try:
        found = ip_address(word.decode("ascii", "replace"))
    except ValueError:
        found = None
    if found is None or isinstance(found, IPv6Address) != six or b"%" in word:
        raise BadHeader(f"bad or missing {whose} address")
    return shown(found)


def text_port(word: bytes, whose: str) -> int:
    """A port. Raises BadHeader."""
    if not word.isdigit() or len(word) > 5 or int(word) > 65535:
        raise BadHeader(f"bad or missing {whose} port")
    return int(word)


def version_2(data: bytes, allowed: Callable[[bool], bool]) -> Ends | None:
    """The binary header; what follows the addresses is passed over. Raises BadHeader."""
    version, command, family = data[12] >> 4, data[12] & 15, data[13]
    length = int.from_bytes(data[14:16], "big")
    if version != 2:
        raise BadHeader("unrecognized protocol header")
    if command not in (LOCAL, PROXY):
        raise BadHeader("bad command in proxy header")
    if HEADER + length > LONGEST:
        raise BadHeader("protocol header too long")
    if len(data) < HEADER + length:
        return None
    if command == LOCAL:
        return Ends(HEADER + length)
    if family not in FAMILIES or not allowed(family == 0x21):
        raise BadHeader("unsupported network protocol")
    size, whole = FAMILIES[family]
    if length < whole:
        raise BadHeader("short address field")
    body = data[HEADER:HEADER + whole]
    return Ends(HEADER + length, shown(ip_address(body[:size])), int.from_bytes(body[-4:-2], "big"),
                shown(ip_address(body[size:2 * size])), int.from_bytes(body[-2:], "big"))


def shown(address: IPv4Address | IPv6Address) -> bytes:
    """The one spelling that access lists compare; IPv4 in IPv6's clothes is IPv4."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address).encode()
