"""From a destination to the addresses to try, in order: MX, A and AAAA, our own loops cut off.

Law: RFC 5321 5.1, RFC 7505 (null MX), smtp(8). A lookup that fails for now is temporary (4.x.x),
whatever the server says; only "there is no such name" and a null MX are final.
"""

import asyncio
import random
import socket
import time
from typing import Any

from pyfix.deliver.parameters import Parameters
from pyfix.deliver.target import Address, Destination, numeric
from pyfix.dns import resolver as dns
from pyfix.errors import TableError

FAMILIES = {"ipv4": ("A",), "ipv6": ("AAAA",), "all": ("A", "AAAA")}
SILENT_FOR = 60         # seconds for which an address that did not answer is asked after the others
SILENT_KEPT = 10_000
KERNEL_TIMEOUT = 130    # seconds that connect() may take where nothing limits it
POLICY = "policy"       # an answer of which smtp_dns_reply_filter left nothing
DSN = {POLICY: "4.7.0", dns.NOT_FOUND: "5.4.4", dns.RETRY: "4.4.3", dns.FAIL: "5.4.3", dns.INVALID: "5.4.4", dns.NULL_MX: "5.1.0"}


class Unreachable(Exception):
    """No address to try: `dsn`, `reason`; `loop`: because the mail would come back to us."""

    def __init__(self, dsn: str, reason: str, loop: bool = False) -> None:
        super().__init__(reason)
        self.dsn, self.reason, self.loop = dsn, reason, loop


class Hosts:
    """Looks up destinations. `own` and `proxies` are the addresses that mean ourselves."""

    def __init__(self, resolver: dns.Resolver, parameters: Parameters, own: set[str], proxies: set[str], log: Any) -> None:
        self.resolver, self.parameters, self.own, self.proxies, self.log = resolver, parameters, own, proxies, log
        protocols = parameters.protocols
        both = "all" in protocols or "ipv4" in protocols and "ipv6" in protocols
        self.types = FAMILIES["all" if both else "ipv6" if protocols == ["ipv6"] else "ipv4"]
        self.silent: dict[tuple[str, int], tuple[float, bool]] = {}     # address -> until when it comes last, is it being tried

    async def lookup(self, destination: Destination) -> tuple[list[Address], float]:
        """(addresses by preference, seconds for which they hold). Raises Unreachable."""
        if destination.path:
            return [Address(self.parameters.hostname, destination.path, 0, 0, socket.AF_UNIX)], 1e9
        ip = numeric(destination.host)
        if ip:
            return [Address(ip, ip, destination.port)], 1e9
        use_mx = destination.use_mx and self.parameters.dns_support
        found = await (self.by_mx(destination) if use_mx else self.by_host(destination))
        return found

    async def records(self, name: str, kind: str) -> dns.Answer:
        """A lookup as smtp_dns_reply_filter lets it through."""
        answer = await self.resolver.lookup(name, kind)
        return answer if self.parameters.reply_tables is None else filtered(answer, name, kind, self.parameters.reply_tables, self.log)

    async def by_mx(self, destination: Destination) -> tuple[list[Address], float]:
        """The mail exchangers of a domain; a domain without MX is its own."""
        name = destination.host
        answer = await self.records(name, "MX")
        if answer.status == dns.NOT_FOUND or answer.status in (dns.FAIL, dns.RETRY) and self.parameters.ignore_mx_error:
            return await self.by_host(destination)
        if answer.status != dns.OK:
            raise Unreachable(DSN[answer.status], answer.text)
        exchangers = sorted(answer.records)
        found, ttl, why = await self.addresses_of(exchangers, destination.port)
        ttl = min(ttl, answer.ttl)
        if not found:
            self.log.warning(f"no MX host for {name} has a valid address record")
            raise Unreachable("4" + why.dsn[1:] if self.parameters.defer_no_mx_address else why.dsn, why.reason)
        return self.without_loop(name, found, exchangers[0][0], destination), ttl

    async def addresses_of(self, exchangers: list[tuple[int, str]], port: int) -> tuple[list[Address], float, Unreachable]:
        """Addresses of all exchangers at once; a temporary failure among them outweighs final ones."""
        answers = await asyncio.gather(*[self.host(name, port, preference) for preference, name in exchangers])
        found = [address for addresses, _, _ in answers for address in addresses]
        failures = [failure for _, _, failure in answers if failure is not None]
        why = next((failure for failure in failures if failure.dsn.startswith("4")),
                   failures[-1] if failures else Unreachable("4.4.3", "no address"))
        return found, min([ttl for _, ttl, _ in answers], default=60.0), why

    async def by_host(self, destination: Destination) -> tuple[list[Address], float]:
        """The addresses of a host."""
        found, ttl, why = await self.host(destination.host, destination.port, 0)
        if not found:
            raise why or Unreachable("4.4.3", f"unable to look up host {destination.host}")
        if destination.use_mx or destination.port == 25:
            found = self.without_loop(destination.host, found, 0, destination)
        return found, ttl

    async def host(self, name: str, port: int, preference: int) -> tuple[list[Address], float, Unreachable | None]:
        """The addresses of one name, by the methods of smtp_host_lookup in turn."""
        ip = numeric(name)
        if ip:
            return [Address(ip, ip, port, preference)], 1e9, None
        why: Unreachable | None = None
        for method in self.parameters.host_lookup:
            found, ttl, why = await (self.by_dns if method == "dns" else self.by_system)(name, port, preference)
            if found or why is not None and why.dsn.startswith("4"):
                return found, ttl, why
        return [], 60.0, why

    async def by_dns(self, name: str, port: int, preference: int) -> tuple[list[Address], float, Unreachable | None]:
        """A and AAAA records. An answer of either type will do; if there is none, the worst trouble counts."""
        answers = await asyncio.gather(*[self.records(name, kind) for kind in self.types])
        found = [Address(answer.name if self.parameters.alias_names else name, ip, port, preference)
                 for answer in answers for ip in answer.records]
        if found:
            return found, min(answer.ttl for answer in answers if answer.records), None
        worst = next((answer for answer in answers if answer.status in (dns.RETRY, POLICY)), answers[-1])
        return [], worst.ttl, Unreachable(DSN[worst.status], worst.text)

    async def by_system(self, name: str, port: int, preference: int) -> tuple[list[Address], float, Unreachable | None]:
        """The system's own host lookup (/etc/hosts and what nsswitch.conf names)."""
        try:
            rows = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            final = error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
            return [], 10.0, Unreachable("5.4.4" if final else "4.4.3", f"unable to look up host {name}: {error.strerror}")
        wanted = {socket.AF_INET: "A", socket.AF_INET6: "AAAA"}
        ips = list(dict.fromkeys(row[4][0] for row in rows if wanted.get(row[0]) in self.types))
        if not ips:
            return [], 10.0, Unreachable("5.4.4", f"{name}: host not found")
        return [Address(name, ip, port, preference) for ip in ips], 60.0, None

    def without_loop(self, name: str, found: list[Address], best: int, destination: Destination) -> list[Address]:
        """Drop our own address and all that are no better, as RFC 5321 5.1 asks. Raises Unreachable."""
        if destination.port != 25:
            return found
        mine = [address.preference for address in found if address.ip in self.own or address.ip in self.proxies]
        if not mine:
            return found
        kept = [address for address in found if address.preference < min(mine)]
        if kept:
            return kept
        if min(address.preference for address in found) != best:
            raise Unreachable("4.4.4", f"unable to find primary relay for {name}")
        raise Unreachable("5.4.6", f"mail for {name} loops back to myself", loop=True)

    def order(self, found: list[Address]) -> list[Address]:
        """One delivery's order: by preference, equals shuffled, families balanced, cut to the address limit."""
        if len(found) == 1:
            return found
        chosen = list(found)
        if self.parameters.randomize:
            random.shuffle(chosen)
        first = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}.get(self.parameters.preference, 0)
        chosen.sort(key=lambda address: (address.preference, first != 0 and address.family != first))
        limit = self.parameters.address_limit
        if limit and self.parameters.balance and len(chosen) > limit:
            chosen = balanced(chosen, limit)
        chosen = chosen[:limit] if limit else chosen
        return self.silent_last(chosen) if self.silent else chosen

    def fell_silent(self, address: Address) -> None:
        """A connection timed out: for a while the other addresses of a destination are tried before this one, so that not
        each delivery waits in vain for the same dead server. Nothing is left out."""
        if len(self.silent) >= SILENT_KEPT:
            self.silent.clear()
        self.silent[address.key] = (time.monotonic() + SILENT_FOR, False)

    def silent_last(self, chosen: list[Address]) -> list[Address]:
        """The addresses that are not known to be silent before the others."""
        now = time.monotonic()
        return sorted(chosen, key=lambda address: self.is_silent(address, now))

    def is_silent(self, address: Address, now: float) -> bool:
        """Whether to pass an address by. When its time is over one delivery tries it, the rest only if that found it alive."""
        until, tried = self.silent.get(address.key, (0.0, True))
        if until > now:
            return True
        if tried:
            self.silent.pop(address.key, None)
        else:
            self.silent[address.key] = (now + (self.parameters.plan.connect_timeout or KERNEL_TIMEOUT) + 2, True)
        return False


def balanced(addresses: list[Address], limit: int) -> list[Address]:
    """The first `limit` addresses so that neither family crowds out the other; their order stays."""
    four = [address for address in addresses if address.family == socket.AF_INET]
    six = [address for address in addresses if address.family == socket.AF_INET6]
    share4 = min(len(four), max(limit // 2, limit - len(six)))
    share6 = min(len(six), limit - share4)
    kept = set(map(id, four[:share4] + six[:share6]))
    return [address for address in addresses if id(address) in kept]


def filtered(answer: dns.Answer, name: str, kind: str, tables: Any, log: Any) -> dns.Answer:
    """An answer without the records that a table says to IGNORE; a table that fails, or says what it can't, means "try again"."""
    kept = []
    for record in answer.records:
        value = f"{record[0]} {record[1]}." if kind == "MX" else str(record)
        line = f"{answer.name or name}. {int(answer.ttl)} IN {kind} {value}"
        try:
            found = tables.get(line.encode())
        except TableError as error:
            log.warning(f"{error}")
            return failed(answer, f"Error looking up name={name} type={kind}: DNS reply filter lookup error")
        if found is None:
            kept.append(record)
        elif found.strip().upper() == b"IGNORE":
            log.info(f"ignoring DNS RR: {line}")
        else:
            log.warning(f"smtp_dns_reply_filter: unknown DNS filter action: \"{found.decode('utf-8', 'replace')}\"")
            return failed(answer, f"Error looking up name={name} type={kind}: Invalid DNS reply filter syntax")
    if answer.records and not kept:
        return failed(answer, f"Error looking up name={name} type={kind}: DNS reply filter drops all results", POLICY)
    return answer._replace(records=kept)


def failed(answer: dns.Answer, text: str, status: str = dns.RETRY) -> dns.Answer:
    """No answer, for this reason."""
    return answer._replace(status=status, records=[], text=text, ttl=dns.RETRY_TTL)
