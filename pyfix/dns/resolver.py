"""DNS lookups that never block the loop: cached by TTL, one query for all who ask the same, bounded.

Law: RFC 1035, 2308 (negative caching), 7505 (null MX); resolv.conf(5). Decoding is dnspython's, which
refuses malformed packets; what follows a CNAME chain, sorts and bounds the answer is here. A
server that fails, is silent or talks nonsense is "try again", never "no such name".

Texts are those of Postfix, since they become the reason of a deferral or a bounce.
"""

import asyncio
import time
from collections import OrderedDict
from typing import Any, NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

from pyfix.dns.transport import Exchange, NoAnswer
from pyfix.dns.config import ResolverConfig

OK, NOT_FOUND, RETRY, FAIL, INVALID, NULL_MX = "ok", "not found", "retry", "fail", "invalid", "null mx"

CACHE_SIZE = 20_000         # answers kept
IN_FLIGHT = 1_000           # queries out at a time; the others wait their turn
RECORDS = 100               # records of one answer that are looked at
CHAIN = 10                  # CNAMEs in a row
LONGEST, SHORTEST = 86_400, 1
NEGATIVE_LONGEST, RETRY_TTL = 900, 5


class Answer(NamedTuple):
    """What came of a lookup.

    records  by type: MX [(preference, host)], A/AAAA [ip], PTR/NS [name], TXT [bytes], SRV
             [(priority, weight, port, host)], TLSA [(usage, selector, mtype, bytes)]
    ttl      seconds for which it holds; name: what the question was aliased to
    text     for status other than OK, the reason in words
    """

    status: str
    records: list[Any]
    ttl: float
    name: str = ""
    text: str = ""
    secure: bool = False


def valid_name(name: str) -> str:
    """Why `name` can't be looked up, "" if it can: RFC 1123 2.1, with "_" allowed as Postfix does."""
    if not name.isascii() or not name or len(name) > 253:
        return "malformed domain name"
    labels = name.split(".")
    if labels[-1] == "":
        labels.pop()
    for label in labels:
        bare = label.replace("-", "").replace("_", "")
        if not 1 <= len(label) <= 63 or label[0] == "-" or label[-1] == "-" or bare and not bare.isalnum():
            return "malformed domain name"
    return "numeric domain name" if all(label.isdigit() for label in labels) else ""


def not_found(name: str, kind: str, why: str) -> str:
    """Postfix's words for a name or record that can't be had."""
    return f"Host or domain name not found. Name service error for name={name} type={kind}: {why}"


class Resolver:
    """All lookups of a process. `config` says which servers to ask; see pyfix.dns.config."""

    def __init__(self, config: ResolverConfig | None = None, cache_size: int = CACHE_SIZE, in_flight: int = IN_FLIGHT) -> None:
        self.config = config or ResolverConfig.system()
        self.exchange = Exchange(self.config)
        self.cache: OrderedDict[tuple[str, str], tuple[float, Answer]] = OrderedDict()
        self.waiting: dict[tuple[str, str], asyncio.Future[Answer]] = {}
        self.cache_size = cache_size
        self.slots = asyncio.Semaphore(in_flight)
        self.queries = 0

    def cached(self, name: str, kind: str) -> Answer | None:
        """The answer in the cache, if it still holds."""
        entry = self.cache.get((name.lower(), kind))
        if entry is None or entry[0] < time.monotonic():
            return None
        return entry[1]

    async def lookup(self, name: str, kind: str) -> Answer:
        """Look up `name` for record type `kind` ("MX", "A", ...). Raises nothing: trouble is a status."""
        why = valid_name(name)
        if why:
            shown = "".join(c if c.isascii() and c.isprintable() else "?" for c in name[:200])
            return Answer(INVALID, [], LONGEST, name, f"Name service error for {shown}: invalid host or domain name")
        answer = self.cached(name, kind)
        if answer is not None:
            return answer
        key = (name.lower(), kind)
        future = self.waiting.get(key)
        if future is None:
            future = self.waiting[key] = asyncio.get_running_loop().create_task(self.fetch(name, kind))
            future.add_done_callback(lambda _: self.waiting.pop(key, None))
        return await asyncio.shield(future)

    async def fetch(self, name: str, kind: str) -> Answer:
        """Ask, and keep the answer."""
        async with self.slots:
            self.queries += 1
            try:
                message = await self.exchange.ask(name, kind)
                answer = read_answer(message, name, kind)
            except NoAnswer as trouble:
                answer = Answer(RETRY, [], RETRY_TTL, name, not_found(name, kind, str(trouble)))
        self.keep((name.lower(), kind), answer)
        return answer

    def keep(self, key: tuple[str, str], answer: Answer) -> None:
        """Put an answer into the cache, and the oldest out of it."""
        self.cache[key] = (time.monotonic() + answer.ttl, answer)
        self.cache.move_to_end(key)
        while len(self.cache) > self.cache_size:
            self.cache.popitem(last=False)

    def close(self) -> None:
        """Close the sockets."""
        self.exchange.close()


def read_answer(message: dns.message.Message, name: str, kind: str) -> Answer:
    """Make an Answer of a response."""
    rcode = message.rcode()
    if rcode == dns.rcode.NXDOMAIN:
        return Answer(NOT_FOUND, [], negative_ttl(message), name, not_found(name, kind, "Host not found"))
    if rcode == dns.rcode.SERVFAIL:
        return Answer(RETRY, [], RETRY_TTL, name, not_found(name, kind, "Host not found, try again"))
    if rcode != dns.rcode.NOERROR:
        return Answer(RETRY, [], RETRY_TTL, name, not_found(name, kind, "Host not found, try again"))
    try:
        owner, ttl = follow(message, dns.name.from_text(name))
    except NoAnswer as trouble:
        return Answer(RETRY, [], RETRY_TTL, name, str(trouble))
    rows = rows_of(message, owner, kind)
    secure = bool(message.flags & dns.flags.AD)
    if not rows:
        return Answer(NOT_FOUND, [], negative_ttl(message), name,
                      not_found(name, kind, "Host found but no data record of requested type"))
    ttl = max(SHORTEST, min([ttl, LONGEST] + [rdataset_ttl for _, rdataset_ttl in rows]))
    return convert(name, kind, owner.to_text(omit_final_dot=True), [rdata for rdata, _ in rows], float(ttl), secure)


def follow(message: dns.message.Message, owner: dns.name.Name) -> tuple[dns.name.Name, int]:
    """Follow the CNAMEs of the answer section from `owner`; (last name, smallest TTL). NoAnswer: a loop."""
    ttl, seen = LONGEST, {owner}
    aliases = {rrset.name: rrset for rrset in message.answer if rrset.rdtype == dns.rdatatype.CNAME}
    while owner in aliases:
        ttl = min(ttl, aliases[owner].ttl)
        owner = aliases[owner][0].target
        if owner in seen or len(seen) > CHAIN:
            raise NoAnswer(f"Name server loop for {next(iter(aliases)).to_text(omit_final_dot=True)}")
        seen.add(owner)
    return owner, ttl


def rows_of(message: dns.message.Message, owner: dns.name.Name, kind: str) -> list[tuple[Any, int]]:
    """[(rdata, ttl)] of the records of type `kind` that belong to `owner`, not more than RECORDS."""
    wanted = dns.rdatatype.from_text(kind)
    rows = [(rdata, rrset.ttl) for rrset in message.answer if rrset.rdtype == wanted and rrset.name == owner
            for rdata in rrset]
    return rows[:RECORDS]


def convert(name: str, kind: str, owner: str, rows: list[Any], ttl: float, secure: bool) -> Answer:
    """Records in plain Python terms. MX hosts that are no names are left out; a PTR is for the caller to check."""
    if kind == "MX":
        pairs = [(row.preference, row.exchange.to_text(omit_final_dot=True)) for row in rows]
        if len(pairs) == 1 and pairs[0][1] == ".":
            return Answer(NULL_MX, [], ttl, owner, f"Domain {name} does not accept mail (nullMX)")
        good = [pair for pair in pairs if not valid_name(pair[1]) or valid_name(pair[1]) == "numeric domain name"]
        return worked(name, kind, owner, good, ttl, secure)
    if kind in ("A", "AAAA"):
        return worked(name, kind, owner, [row.address for row in rows], ttl, secure)
    if kind in ("PTR", "NS"):
        return worked(name, kind, owner, [row.target.to_text(omit_final_dot=True) for row in rows], ttl, secure)
    if kind == "TXT":
        return worked(name, kind, owner, [b"".join(row.strings) for row in rows], ttl, secure)
    if kind == "SRV":
        return worked(name, kind, owner, [(row.priority, row.weight, row.port, row.target.to_text(omit_final_dot=True))
                                          for row in rows], ttl, secure)
    return worked(name, kind, owner, [(row.usage, row.selector, row.mtype, row.cert) for row in rows], ttl, secure)


def worked(name: str, kind: str, owner: str, records: list[Any], ttl: float, secure: bool) -> Answer:
    """OK with records, or the trouble that none of them made sense."""
    if not records:
        return Answer(RETRY, [], RETRY_TTL, owner,
                      f"Name service error for name={name} type={kind}: Malformed or unexpected name server reply")
    return Answer(OK, records, ttl, owner, "", secure)


def negative_ttl(message: dns.message.Message) -> float:
    """How long "there is none" holds: RFC 2308 5, within bounds."""
    for rrset in message.authority:
        if rrset.rdtype == dns.rdatatype.SOA:
            return float(max(SHORTEST, min(rrset.ttl, rrset[0].minimum, NEGATIVE_LONGEST)))
    return 60.0
