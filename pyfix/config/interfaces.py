"""This host's own addresses and networks, from the kernel (getifaddrs(3)).

Used for inet_interfaces, own addresses and the default of mynetworks.
"""

import ctypes
import ipaddress
import socket
from typing import NamedTuple

from pyfix.errors import ConfigError


class Interface(NamedTuple):
    """An address with its network: `address` and `network` are ipaddress objects."""

    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    network: ipaddress.IPv4Network | ipaddress.IPv6Network


class _IfAddrs(ctypes.Structure):
    pass


_IfAddrs._fields_ = [
    ("next", ctypes.POINTER(_IfAddrs)), ("name", ctypes.c_char_p), ("flags", ctypes.c_uint),
    ("addr", ctypes.c_void_p), ("netmask", ctypes.c_void_p), ("other", ctypes.c_void_p), ("data", ctypes.c_void_p)]

_UP = 1
_OFFSETS = {socket.AF_INET: (4, 4), socket.AF_INET6: (8, 16)}   # of the address in a sockaddr, its length


def _address(pointer: int) -> tuple[int, bytes]:
    family = ctypes.c_ushort.from_address(pointer).value
    if family not in _OFFSETS:
        return family, b""
    offset, length = _OFFSETS[family]
    return family, ctypes.string_at(pointer + offset, length)


def _entry(item: _IfAddrs) -> Interface | None:
    if not item.addr or not item.netmask or not item.flags & _UP:
        return None
    _, raw = _address(item.addr)
    if not raw:
        return None
    prefix = sum(byte.bit_count() for byte in ctypes.string_at(item.netmask + (8 if len(raw) == 16 else 4), len(raw)))
    address = ipaddress.ip_address(raw)
    return Interface(address, ipaddress.ip_network((address, prefix), strict=False))


def interfaces() -> list[Interface]:
    """All addresses of interfaces that are up: IPv4 first, in the kernel's order."""
    libc = ctypes.CDLL(None, use_errno=True)
    head = ctypes.POINTER(_IfAddrs)()
    if libc.getifaddrs(ctypes.byref(head)):
        raise OSError(ctypes.get_errno(), "getifaddrs")
    found, node = [], head
    while node:
        entry = _entry(node.contents)
        if entry and entry not in found:
            found.append(entry)
        node = node.contents.next
    libc.freeifaddrs(head)
    return sorted(found, key=lambda entry: entry.address.version)


def select(inet_interfaces: str, inet_protocols: str, words: list[str]) -> list[Interface]:
    """The addresses that inet_interfaces (already cut into `words`) and inet_protocols choose."""
    versions = {"ipv4": (4,), "ipv6": (6,)}.get(inet_protocols.strip(), (4, 6))
    own = [entry for entry in interfaces() if entry.address.version in versions]
    if inet_interfaces.strip() == "all":
        return own
    if inet_interfaces.strip() == "loopback-only":
        return [entry for entry in own if entry.address.is_loopback]
    wanted = set()
    for word in words:
        wanted.update(_resolve(word.strip("[]")))
    return [entry for entry in own if entry.address in wanted]


def _resolve(name: str) -> set:
    try:
        return {ipaddress.ip_address(name)}
    except ValueError:
        pass
    try:
        return {ipaddress.ip_address(info[4][0].partition("%")[0]) for info in socket.getaddrinfo(name, None)}
    except OSError:
        return set()


def networks(style: str, own: list[Interface]) -> str:
    """The default of mynetworks under mynetworks_style `style` (host, subnet, class); ConfigError on another."""
    if style not in ("host", "subnet", "class"):
        raise ConfigError(f"bad mynetworks_style value: {style}; specify exactly one value",
                          remedy="write host, subnet or class")
    parts: list[str] = []
    for address, network in own:
        if style == "host":
            network = ipaddress.ip_network(address)
        elif style == "class" and address.version == 4:
            network = ipaddress.ip_network((address, _class_prefix(address)), strict=False)
        text = str(network) if address.version == 4 else f"[{network.network_address}]/{network.prefixlen}"
        if text not in parts:
            parts.append(text)
    return "".join(part + " " for part in parts)       # Postfix leaves the last blank too


def _class_prefix(address: ipaddress.IPv4Address) -> int:
    first = address.packed[0]
    return 8 if first < 128 else 16 if first < 192 else 24 if first < 224 else 4
