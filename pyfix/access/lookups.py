"""What access control asks the DNS, and what smtpd_dns_reply_filter makes of the answers.

The law: one resolver a process, so that a reload keeps its cache; nothing here blocks. A record that the filter drops was
never there, but a name that has lost all its records that way is neither "not found" nor "try again": it is POLICY, for
which nobody is refused. A filter that fails, or says what no filter can say, is "try again".

Source: postconf(5) smtpd_dns_reply_filter; the record's form is "name ttl class type preference value".
"""

from collections.abc import Callable
from typing import Any

from pyfix.dns import resolver as dns
from pyfix.dns.peername import HostsFile, canonical
from pyfix.dns.resolver import NOT_FOUND, NULL_MX, OK, RETRY, Answer, Resolver
from pyfix.errors import TableError
from pyfix.maps import MapList

POLICY = "policy"
DROPPED, BAD_FILTER = "DNS reply filter drops all results", "Invalid DNS reply filter syntax"
# which of several answers about one name counts
BEST = (OK, POLICY, RETRY, NULL_MX, NOT_FOUND)
_shared: list[Resolver] = []


def shared() -> Resolver:
    """The resolver of this process."""
    if not _shared:
        _shared.append(Resolver())
    return _shared[0]


class Lookups:
    """The DNS as one configuration sees it. `info` gets the lines about records that were dropped."""

    def __init__(self, config: Any, warning: Callable[[bytes], Any], resolver: Any = None) -> None:
        self.resolver = resolver or shared()
        self.warning = warning
        self.filter = MapList(config["smtpd_dns_reply_filter"], config, "smtpd_dns_reply_filter")
        protocols = config.words("inet_protocols")
        both = "all" in protocols
        self.families = tuple(kind for kind, word in (("A", "ipv4"), ("AAAA", "ipv6")) if both or word in protocols)
        self.hosts = HostsFile()

    async def ask(self, name: bytes, kind: str, info: Callable[[bytes], Any]) -> Answer:
        """The filtered answer about `name`. Raises nothing."""
        answer = await self.resolver.lookup(name.decode("ascii", "replace").rstrip("."), kind)
        if answer.status != OK or not self.filter:
            return answer
        try:
            kept = [record for record in answer.records if not await self.drops(answer, kind, record, info)]
        except (TableError, ValueError):
            return failed(answer, name, kind, RETRY, BAD_FILTER)
        if not kept:
            return failed(answer, name, kind, POLICY, DROPPED)
        return answer._replace(records=kept)

    async def drops(self, answer: Answer, kind: str, record: Any, info: Callable[[bytes], Any]) -> bool:
        """Does the filter drop this record? Raises TableError, and ValueError for an unknown action."""
        text = shown(answer, kind, record)
        action = await self.filter.lookup(text)
        if action is None:
            return False
        if action.strip().upper() != b"IGNORE":
            self.warning(b'smtpd_dns_reply_filter: unknown DNS filter action: "%b"' % action)
            raise ValueError(action)
        info(b"ignoring DNS RR: " + text)
        return True

    async def first(self, name: bytes, kinds: tuple[str, ...], info: Callable[[bytes], Any], ends: tuple[str, ...] = ()) -> str:
        """The status of the first type with records, else the best of all; a status in `ends` for MX ends the search."""
        statuses = []
        for kind in kinds:
            status = (await self.ask(name, kind, info)).status
            if status == OK or (kind == "MX" and status in ends) or status == dns.INVALID:
                return status
            statuses.append(status)
        return next((status for status in BEST if status in statuses), NOT_FOUND)

    async def addresses(self, host: bytes, info: Callable[[bytes], Any]) -> tuple[list[bytes], str]:
        """(addresses of a host as the system would find them, why there are none)."""
        self.hosts.refresh()
        local = self.hosts.addresses.get(host.decode("ascii", "replace").lower().rstrip("."))
        if local:
            return sorted(a.encode() for a in local if ("AAAA" if ":" in a else "A") in self.families), ""
        found, troubled = [], False
        for kind in self.families:
            answer = await self.resolver.lookup(host.decode("ascii", "replace").rstrip("."), kind)
            found += [canonical(address).encode() for address in answer.records if answer.status == OK]
            troubled = troubled or answer.status == RETRY
        why = "" if found else "Temporary failure in name resolution" if troubled else "Name or service not known"
        return found, why


def failed(answer: Answer, name: bytes, kind: str, status: str, why: str) -> Answer:
    """The answer that a filter leaves."""
    shown_name = name.decode("ascii", "replace")
    return answer._replace(status=status, records=[], text=f"Error looking up name={shown_name} type={kind}: {why}")


def shown(answer: Answer, kind: str, record: Any) -> bytes:
    """A record as the filter sees it."""
    value = f"{record[0]} {record[1]}." if kind == "MX" else f"{record}." if kind in ("NS", "PTR") else record
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    return f"{answer.name}. {int(answer.ttl)} IN {kind} {value}".encode()


def reason(answer: Answer) -> str:
    """The last words of an answer's text: "Host not found" and the like."""
    return answer.text.rpartition(": ")[2]
