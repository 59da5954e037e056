"""The name of a client: reverse lookup, and the forward lookup that confirms it. Law: smtpd(8), smtpd_peername_lookup.

/etc/hosts comes before the DNS, as with nsswitch.conf's usual "files dns".
"""

import ipaddress
import os
from typing import NamedTuple

from pyfix import jail
from pyfix.dns import resolver as dns

HOSTS = "/etc/hosts"
OK, TEMPORARY, PERMANENT, FORGED = "ok", "temporary", "permanent", "forged"


class PeerName(NamedTuple):
    """name           confirmed, else "unknown"
    reverse_name   what the reverse lookup gave, unconfirmed, else "unknown"
    status         of the name: OK, TEMPORARY, PERMANENT (there is none), FORGED (it does not map back)
    reverse_status of the reverse lookup alone: OK, TEMPORARY, PERMANENT
    """

    name: str
    reverse_name: str
    status: str
    reverse_status: str


UNKNOWN = "unknown"


class HostsFile:
    """/etc/hosts, read again when it changes."""

    def __init__(self, path: str = HOSTS) -> None:
        self.path, self.stamp = path, 0.0
        self.names: dict[str, str] = {}
        self.addresses: dict[str, set[str]] = {}
        if jail.preparing:
            jail.note(path)
            self.refresh()

    def refresh(self) -> None:
        """Read the file if it is another than last time; in a jail it stays as it was outside."""
        if jail.entered:
            return
        try:
            stamp = os.stat(self.path).st_mtime
        except OSError:
            stamp = -1.0
        if stamp != self.stamp:
            self.stamp, self.names, self.addresses = stamp, {}, {}
            if stamp >= 0:
                self.read()

    def read(self) -> None:
        """Lines of "address name alias ..."; what is no address is passed over."""
        with open(self.path, encoding="utf-8", errors="replace") as file:
            for line in file:
                words = line.partition("#")[0].split()
                address = canonical(words[0]) if len(words) > 1 else ""
                if address and not dns.valid_name(words[1]):
                    self.names.setdefault(address, words[1])
                    for word in words[1:]:
                        self.addresses.setdefault(word.lower(), set()).add(address)


def canonical(address: str) -> str:
    """An IP address in the form that compares; "" if it is none. An IPv4-mapped one becomes IPv4."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or parsed)


class PeerNames:
    """peer_name() for the clients of a server."""

    def __init__(self, resolver: dns.Resolver, hosts: HostsFile | None = None) -> None:
        self.resolver, self.hosts = resolver, hosts or HostsFile()

    async def peer_name(self, address: str) -> PeerName:
        """The name of `address` (text form). Raises nothing."""
        address = canonical(address)
        if not address:
            return PeerName(UNKNOWN, UNKNOWN, PERMANENT, PERMANENT)
        self.hosts.refresh()
        name = self.hosts.names.get(address)
        if name is not None:
            return PeerName(name, name, OK, OK)
        reverse = await self.resolver.lookup(pointer(address), "PTR")
        if reverse.status != dns.OK:
            return failed(reverse.status)
        name = reverse.records[0]
        if dns.valid_name(name):
            return PeerName(UNKNOWN, UNKNOWN, PERMANENT, PERMANENT)
        if name.lower() in self.hosts.addresses:
            good = address in self.hosts.addresses[name.lower()]
            return PeerName(name if good else UNKNOWN, name, OK if good else FORGED, OK)
        return confirmed(name, address, await self.resolver.lookup(name, kind_of(address)))


def failed(status: str) -> PeerName:
    """No reverse name."""
    why = TEMPORARY if status == dns.RETRY else PERMANENT
    return PeerName(UNKNOWN, UNKNOWN, why, why)


def confirmed(name: str, address: str, forward: dns.Answer) -> PeerName:
    """Whether the reverse name maps back to the address."""
    if forward.status == dns.OK:
        good = address in [canonical(ip) for ip in forward.records]
        return PeerName(name if good else UNKNOWN, name, OK if good else FORGED, OK)
    return PeerName(UNKNOWN, name, TEMPORARY if forward.status == dns.RETRY else PERMANENT, OK)


def pointer(address: str) -> str:
    """The name under in-addr.arpa or ip6.arpa."""
    return ipaddress.ip_address(address).reverse_pointer


def kind_of(address: str) -> str:
    """The type of record that holds such an address."""
    return "AAAA" if ":" in address else "A"
