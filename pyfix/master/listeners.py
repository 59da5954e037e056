"""Listening sockets: who binds them, and that they survive a reload.

Law: master(5) on service names, `inet_interfaces` and `inet_protocols` of postconf(5), sd_listen_fds(3).
An inet service is "port" or "host:port"; without a host it is inet_interfaces' addresses. Sockets
that systemd hands over (LISTEN_FDS) are used where their address is one that is asked for.
"""

import errno
import ipaddress
import os
import socket
import time
from typing import Any, NamedTuple

from pyfix.errors import ConfigError, SystemTrouble
from pyfix.master.spool import Owners

BACKLOG = 4096
PATIENCE = 3.0              # seconds that a predecessor's processes get to let go of a port
FIRST_INHERITED = 3
SOCKET_PATH_LIMIT = 107     # unix(7): sun_path, less the NUL


class Wanted(NamedTuple):
    """A socket that a service listens on.

    name    "inet:127.0.0.1:25", "inet:[::1]:25" or a path below queue_directory ("public/submit")
    family  socket.AF_INET, AF_INET6 or AF_UNIX
    address what bind() takes
    mode    of a UNIX socket
    """

    name: str
    family: int
    address: Any
    mode: int = 0o666


def split_service(text: str) -> tuple[str, str]:
    """(host, port) of an inet service name; host "" if none is given. Raises ConfigError."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if not port or (colon and not host):
        raise ConfigError(f"bad inet service name: {text}", remedy="write port, host:port or [address]:port")
    return host, port


def port_number(text: str) -> int:
    """A port from digits or from services(5). Raises ConfigError."""
    if text.isascii() and text.isdigit() and 0 < int(text) < 65536:
        return int(text)
    names = {"smtp": 25, "submission": 587, "smtps": 465, "submissions": 465, "lmtp": 24}
    try:
        return socket.getservbyname(text, "tcp")
    except OSError:
        if text in names:
            return names[text]
        raise ConfigError(f"unknown service: {text}/tcp", remedy="use a port number") from None


def families(protocols: str) -> list[int]:
    """Address families of an inet_protocols value; IPv6 only where the machine has it. Raises ConfigError."""
    found = []
    for word in protocols.replace(",", " ").split():
        if word not in ("all", "ipv4", "ipv6"):
            raise ConfigError(f"inet_protocols: bad protocol name: {word}", remedy="use all, ipv4 or ipv6")
        found += [socket.AF_INET] * (word != "ipv6") + [socket.AF_INET6] * (word != "ipv4")
    return [family for family in dict.fromkeys(found) if family == socket.AF_INET or have_ipv6()]


def have_ipv6() -> bool:
    """True where an IPv6 socket can be bound."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def interface_hosts(interfaces: str, kinds: list[int]) -> list[str]:
    """The addresses to listen on for an inet_interfaces value. Raises ConfigError."""
    wild, loop = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}, {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
    found = []
    for word in interfaces.replace(",", " ").split():
        if word == "all":
            found += [wild[kind] for kind in kinds]
        elif word == "loopback-only":
            found += [loop[kind] for kind in kinds]
        else:
            found += addresses(word.strip("[]"), kinds)
    return list(dict.fromkeys(found))


def addresses(host: str, kinds: list[int]) -> list[str]:
    """Numeric addresses of a host. Raises ConfigError for a name that is not known."""
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        pass
    try:
        rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        raise ConfigError(f"host not found: {host}", remedy="use an address, or a name that /etc/hosts knows") from None
    return list(dict.fromkeys(row[4][0] for row in rows if row[0] in kinds))


def inet_sockets(name: str, config: Any) -> list[Wanted]:
    """The sockets of an inet service. Raises ConfigError."""
    host, port_text = split_service(name)
    port, kinds = port_number(port_text), families(config["inet_protocols"])
    hosts = addresses(host, kinds) if host else interface_hosts(config["inet_interfaces"], kinds)
    return [Wanted(f"inet:[{h}]:{port}" if ":" in h else f"inet:{h}:{port}",
                   socket.AF_INET6 if ":" in h else socket.AF_INET, (h, port)) for h in hosts]


def unix_socket(path: str, mode: int) -> Wanted:
    """A UNIX socket at a path below queue_directory."""
    return Wanted(path, socket.AF_UNIX, path, mode)


def unix_path(kind: str, name: str, place: str, queue_directory: str) -> str:
    """Where the socket of a service of type `kind` is, from queue_directory on. Raises ConfigError where none can be bound.

    `place` is private or public. A name with a slash works where somebody has made the directory, as with Postfix.
    """
    path = f"{place}/{name}"
    folder, last = os.path.split(path)
    bad = f"bad {kind} service name: {name}"
    if ".." in name.split("/") or last in ("", "."):
        raise ConfigError(bad, remedy="a name is that of a socket below private or public")
    if folder != place and not os.path.isdir(os.path.join(queue_directory, folder)):
        raise ConfigError(bad, remedy=f"write a name without a slash, or make the directory {queue_directory}/{folder}")
    if len(os.fsencode(path)) > SOCKET_PATH_LIMIT:
        raise ConfigError(bad, remedy=f"the path of a socket has at most {SOCKET_PATH_LIMIT} bytes, {place}/ included")
    return path


class Listeners:
    """All sockets that master holds, by name. The working directory is queue_directory."""

    def __init__(self, ids: Owners) -> None:
        self.ids = ids
        self.open: dict[str, socket.socket] = {}
        self.inherited = inherited_sockets()

    def make(self, wanted: list[Wanted]) -> dict[str, socket.socket]:
        """Open those of `wanted` that are not open yet; the new ones. On failure none is left open.

        Raises SystemTrouble, which names the socket and what stands in the way.
        """
        fresh: dict[str, socket.socket] = {}
        try:
            for one in wanted:
                if one.name not in self.open and one.name not in fresh:
                    fresh[one.name] = self._one(one)
        except OSError as error:
            for sock in fresh.values():
                sock.close()
            remedy = " (another program has this port: stop it, or change master.cf)" if error.errno == errno.EADDRINUSE else ""
            raise SystemTrouble(f"bind {one.name.removeprefix('inet:')}: {error.strerror}{remedy}") from None
        self.open |= fresh
        return fresh

    def _one(self, one: Wanted) -> socket.socket:
        key = (one.family, one.address)
        if key in self.inherited:
            return self.inherited.pop(key)
        sock = bind_unix(one, self.ids) if one.family == socket.AF_UNIX else bind_inet(one)
        sock.setblocking(False)
        return sock

    def drop(self, names: set[str]) -> None:
        """Close sockets that nobody wants any more."""
        for name in names & self.open.keys():
            self.open.pop(name).close()
            if not name.startswith("inet:") and os.path.exists(name):
                os.unlink(name)


def bind_inet(one: Wanted) -> socket.socket:
    """A listening TCP socket; waits a little for a port that a dying process still has. Raises OSError."""
    deadline = time.monotonic() + PATIENCE
    while True:
        sock = socket.socket(one.family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if one.family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind(one.address)
            sock.listen(BACKLOG)
            return sock
        except OSError as error:
            sock.close()
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def bind_unix(one: Wanted, ids: Owners) -> socket.socket:
    """A listening UNIX socket in the place of whatever a dead process left there. Raises OSError."""
    if os.path.lexists(one.address):
        os.unlink(one.address)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old = os.umask(0o777 & ~one.mode)
    try:
        sock.bind(one.address)
    except OSError:
        sock.close()
        raise
    finally:
        os.umask(old)
    if ids.uid >= 0:
        os.chown(one.address, ids.uid, ids.gid, follow_symlinks=False)
    sock.listen(BACKLOG)
    return sock


def inherited_sockets() -> dict[tuple[int, Any], socket.socket]:
    """What the service manager passed on (LISTEN_FDS), by (family, address); that of a UNIX socket from queue_directory on."""
    count = os.environ.get("LISTEN_FDS", "")
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or not (count.isascii() and count.isdigit()):
        return {}
    found = {}
    for fd in range(FIRST_INHERITED, FIRST_INHERITED + int(count)):
        os.set_inheritable(fd, False)
        sock = socket.socket(fileno=fd)
        sock.setblocking(False)
        address = sock.getsockname()
        found[sock.family, os.path.relpath(address) if sock.family == socket.AF_UNIX else address[:2]] = sock
    return found
