"""Which name servers to ask, and how. Law: resolv.conf(5).

`PYFIX_DNS=address:port[,address:port...]` in the environment takes the place of resolv.conf; tests use it.
"""

import os
from typing import NamedTuple

from pyfix import jail

RESOLV_CONF = "/etc/resolv.conf"
ENVIRONMENT = "PYFIX_DNS"


class ResolverConfig(NamedTuple):
    """servers [(address, port)], seconds per try, tries per server, EDNS payload size."""

    servers: tuple[tuple[str, int], ...]
    timeout: float = 5.0
    attempts: int = 2
    payload: int = 1232
    dnssec: bool = False

    @classmethod
    def system(cls, path: str = RESOLV_CONF) -> "ResolverConfig":
        """What the environment, else resolv.conf says."""
        text = os.environ.get(ENVIRONMENT, "")
        return parse_servers(text) if text else read_resolv_conf(path)


def parse_servers(text: str) -> ResolverConfig:
    """From "127.0.0.1:5353,[::1]:53"."""
    servers = []
    for word in text.replace(",", " ").split():
        host, _, port = word.rpartition(":")
        servers.append((host.strip("[]"), int(port)))
    return ResolverConfig(tuple(servers), timeout=float(os.environ.get("PYFIX_DNS_TIMEOUT", "5")))


def read_resolv_conf(path: str) -> ResolverConfig:
    """nameserver, options timeout: and attempts:; no file or no server means 127.0.0.1."""
    servers: list[tuple[str, int]] = []
    options = {"timeout": 5, "attempts": 2}
    jail.note(path)
    try:
        lines = open(path, encoding="utf-8", errors="replace").readlines()
    except OSError:
        lines = []
    for line in lines:
        words = line.split()
        if words[:1] == ["nameserver"] and len(words) > 1 and len(servers) < 3:
            servers.append((words[1].partition("%")[0], 53))
        for word in words[1:] if words[:1] == ["options"] else []:
            name, _, value = word.partition(":")
            if name in options and value.isascii() and value.isdigit():
                options[name] = max(1, min(int(value), 30))
    return ResolverConfig(tuple(servers or [("127.0.0.1", 53)]), float(options["timeout"]), options["attempts"])
