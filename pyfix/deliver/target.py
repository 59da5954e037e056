"""Where mail can go: a nexthop taken apart, and the addresses of a server.

Law: smtp(8), transport(5): "domain", "domain:port", "[host]", "[address]:port", lists of these
separated by comma or blank; for LMTP also "inet:host:port" and "unix:path".
"""

import ipaddress
import socket
from typing import NamedTuple

from pyfix import jail
from pyfix.errors import ConfigError


class Destination(NamedTuple):
    """One element of a nexthop: `use_mx` unless it stood in brackets or the protocol is LMTP; `path` for a UNIX socket."""

    host: str
    port: int
    use_mx: bool
    path: str = ""


class Address:
    """One server to connect to.

    name        "host[ip]", as log lines and reasons have it; the path for a UNIX socket
    relay       "host[ip]:port", as relay= has it
    key         what two addresses of the same server share
    preference  its MX preference
    """

    __slots__ = ("host", "ip", "port", "family", "preference", "name", "relay", "key")

    def __init__(self, host: str, ip: str, port: int, preference: int = 0, family: int = 0) -> None:
        self.host, self.ip, self.port, self.preference = host, ip, port, preference
        self.family = family or (socket.AF_INET6 if ":" in ip else socket.AF_INET)
        self.name = f"{host}[{ip}]"
        self.relay = self.name if self.family == socket.AF_UNIX else f"{self.name}:{port}"
        self.key = (ip, port)


def port_number(service: str, destination: str) -> int:
    """A port from its number or its name in services(5). Raises ConfigError."""
    if service.isascii() and service.isdigit():
        if 0 < int(service) < 65536:
            return int(service)
        raise ConfigError(f"bad network port: {service} for destination: {destination}")
    try:
        return jail.port(service) or socket.getservbyname(service, "tcp")
    except OSError:
        raise ConfigError(f"unknown service: {service}/tcp") from None


def numeric(host: str) -> str:
    """`host` as an IP address in canonical form ("ipv6:" in front is allowed), "" if it is a name."""
    text = host[5:] if host[:5].lower() == "ipv6:" else host
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def split_host_port(text: str) -> tuple[str, str, bool]:
    """(host, service or "", in brackets) of one nexthop element. Raises ConfigError."""
    host, rest, literal = text, "", False
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        literal = True
        if not bracket or rest and not rest.startswith(":"):
            raise ConfigError(f"missing \"]\" in server description: {text}")
        rest = rest[1:]
    elif text.count(":") == 1:
        host, _, rest = text.partition(":")
    if not host:
        raise ConfigError(f"null destination: \"{text}\"")
    return host, rest, literal


def parse(text: str, default_port: str, lmtp: bool = False) -> Destination:
    """One nexthop element. Raises ConfigError."""
    if lmtp and text.startswith("unix:"):
        return Destination("", 0, False, text[5:])
    if lmtp and text.startswith("inet:"):
        text = text[5:]
    host, service, literal = split_host_port(text)
    return Destination(host, port_number(service or default_port, text), not literal and not lmtp)


def parse_list(nexthop: str, default_port: str, lmtp: bool = False) -> list[Destination]:
    """All elements of a nexthop, in order. Raises ConfigError."""
    words = nexthop.replace(",", " ").split()
    if not words:
        raise ConfigError("empty nexthop hostname")
    return [parse(word, default_port, lmtp) for word in words]
