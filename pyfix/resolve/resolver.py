"""From an address to (transport, nexthop, recipient): what trivial-rewrite(8) does, as a library.

Law: the local domain is stripped again and again, so that no form of routing hides a remote
address behind a local one; what is left decides the class. Nexthop, strongest first:
transport_maps, transport:nexthop of main.cf, sender-dependent relayhost, relayhost, the domain.
Nothing waits where all tables are local, and results are kept until a table or the configuration changes.

Source: trivial-rewrite(8), ADDRESS_CLASS_README, transport(5), relocated(5); postconf(5)
resolve_dequoted_address, resolve_null_domain, resolve_numeric_domain, relayhost.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from pyfix._core.address import quote
from pyfix._core.quote import is_simple
from pyfix._core.rewrite import AddressTree, RewriteRules
from pyfix._core.tok822 import OP_QSTRING, scan
from pyfix.errors import TableError
from pyfix.maps import MapList, report
from pyfix.resolve import find, names
from pyfix.resolve.cache import Cache
from pyfix.resolve.domains import ALIAS, DEFAULT, ERROR, FAIL, LOCAL, RELAY, ROUTED, VIRTUAL, Domains
from pyfix.resolve.transport import TransportMap

CACHE_LIMIT = 10_000
DISCARDED = "undeliverable postmaster notification discarded"     # mail for our double_bounce_sender goes nowhere
AT, DOT, BANG, PERCENT = 64, 46, 33, 37


class Resolution(NamedTuple):
    """Where an address goes.

    transport, nexthop   "" where flags hold ERROR (unless only the user part is bad) or FAIL
    recipient            internal form, user@domain
    flags                ROUTED ERROR FAIL, and one class: LOCAL ALIAS VIRTUAL RELAY DEFAULT (pyfix.resolve.domains)
    """

    transport: str
    nexthop: str
    recipient: bytes
    flags: int


class Resolver(Cache):
    """The rewriting and resolving of one configuration.

    local, remote   RewriteRules: for addresses of local clients, and for headers of remote ones
    domains         the class lists
    style           how address extensions are split
    `prefix` "address_verify_" chooses the parameters that probes use.
    """

    def __init__(self, config: Any, warn: Callable[[str], None] = report.warning, prefix: str = "") -> None:
        self.config, self._warn = config, warn
        self.domains = Domains(config, warn)
        self.style = find.Style(config["recipient_delimiter"].encode(), config.owner_request_special,
                                config["double_bounce_sender"].lower().encode())
        self.local, self.remote = rewrite_rules(config)
        self._myhostname = config["myhostname"].encode()
        self._null_user = config["empty_address_recipient"].encode()
        self._texts = {name: config[prefix + name] for name in (
            "local_transport", "virtual_transport", "relay_transport", "default_transport", "relayhost")}
        self._transports = TransportMap(config, self.style, prefix + "transport_maps")
        self._relocated = MapList(config["relocated_maps"], config, "relocated_maps")
        self._relayhosts = _sender_maps(config, prefix + "sender_dependent_relayhost_maps")
        self._default_transports = _sender_maps(config, prefix + "sender_dependent_default_transport_maps")
        self._by_sender = bool(self._relayhosts or self._default_transports)
        self._set_up_cache()

    def _set_up_cache(self) -> None:
        maps = [m for m in (self._transports.tables, self._relocated, self._relayhosts,
                            self._default_transports) if m]
        tables = [t for entry in self.domains.lists for t in entry.tables]
        self._watched = [*maps, *tables]
        self._cacheable = all(t.cacheable for t in self._watched)
        self._by_domain = self._cacheable and self.domains.local and not (
            self._by_sender or self._transports.tables or self._relocated)

    kind = Resolution

    def default_route(self, domain: bytes) -> tuple[str, str] | None:
        """(transport, nexthop) of a domain of class default that is no address; None where resolve() must be asked."""
        name = domain.decode("ascii")
        if names.valid_hostaddr(name) or not valid_domain(name):
            return None
        try:
            if any(entry.match(domain) for entry in self.domains.lists if entry):
                return None
        except TableError:
            return None
        return split_destination(self._texts["default_transport"], self._texts["relayhost"] or name)

    async def resolve(self, address: bytes, sender: bytes = b"") -> Resolution:
        """Where `address` (internal form) goes. A table that fails gives the flag FAIL and a warning."""
        known = self.cached(address, sender)
        if known is not None:
            return known
        try:
            result = await self._resolve(address, sender)
        except TableError as error:
            self._warn(f"{error}")
            return Resolution("", "", address, FAIL)
        if self._cacheable:
            if len(self._cache) >= CACHE_LIMIT:
                self._cache.clear()
            self._cache[(address, sender) if self._by_sender else address] = result
        return result

    async def _resolve(self, address: bytes, sender: bytes) -> Resolution:
        recipient, local = await self._strip(address)
        user, _, domain = recipient.rpartition(b"@")
        name = domain.decode("utf-8", "surrogateescape")
        if self.config.resolve_numeric_domain and names.valid_hostaddr(name):
            name = f"[IPv6:{name}]" if ":" in name else f"[{name}]"
            domain = name.encode()
            recipient, local = user + b"@" + domain, await self.domains.is_local(domain)
        if not valid_domain(name):
            return Resolution("", "", recipient, ERROR | DEFAULT)
        flags = ROUTED if any(c in user for c in b"@!%") else 0
        if recipient.startswith(b"-") and not self.config.allow_min_user:
            flags |= ERROR
        transport, nexthop, kind = await self._by_class(name, domain, local, sender)
        if self._transports.tables and kind != ALIAS:
            transport, nexthop = await self._transports.lookup(recipient, transport, nexthop)
        if self._relocated:
            transport, nexthop = await self._moved(recipient, domain, transport, nexthop)
        if kind == LOCAL and user.lower() == self.style.double_bounce:
            transport, nexthop = "discard", DISCARDED
        return Resolution(transport, nexthop, recipient, flags | kind)

    async def _strip(self, address: bytes) -> tuple[bytes, bool]:
        """(recipient as user@domain, is it local?) after all local domains are stripped."""
        if is_simple(address):
            at = address.rindex(b"@")
            user, domain = address[:at], address[at + 1:]
            if domain.endswith(b".") and not domain.endswith(b"..") and domain != b".":
                domain = domain[:-1]
            if not await self.domains.is_local(domain):
                return user + b"@" + domain, False
            if not any(c in user for c in b"!%"):
                return user + b"@" + domain, True
        return await self._strip_odd(address)

    async def _strip_odd(self, address: bytes) -> tuple[bytes, bool]:
        tree, saved = AddressTree.of_external(quote(address)), None
        for _ in range(len(address) + 100):
            tail = [token[0] for token in tree.tokens[-2:]]
            if tail[-1:] == [DOT] and tree.rfind(AT) >= 0 and tail[0] not in (DOT, AT):
                tree.tokens = tree.tokens[:-1]
            if tree.tokens and tree.tokens[-1][0] == AT and self.config.resolve_null_domain:
                tree.tokens = tree.tokens[:-1]
            at = tree.rfind(AT)
            if at >= 0:
                if at + 1 < len(tree.tokens) and not await self.domains.is_local(tree.internal(at + 1)):
                    return tree.internal(), False
                tree.tokens, saved = tree.tokens[:at], tree.tokens[at:]
            if not tree.tokens or not self._open_up(tree):
                break
        else:
            self._warn(f"resolve_addr: <{address!r}>: giving up after {len(address) + 100} iterations")
        if not tree.tokens or tree.tokens == [(OP_QSTRING, b"")]:
            tree.tokens = scan(self._null_user)
        tree.tokens = tree.tokens + (saved or scan(b"@" + self._myhostname))
        return tree.internal(), True

    def _open_up(self, tree: AddressTree) -> bool:
        """Takes routing out of a user part: user%domain, site!user, and the same inside quotes."""
        marks = [AT] + [PERCENT] * self.local.allow_percent_hack + [BANG] * self.local.swap_bangpath
        if any(tree.rfind(mark) >= 0 for mark in marks):
            self.local.rewrite_tree(tree)
            return True
        if not self.config.resolve_dequoted_address or len(tree.tokens) != 1 or tree.tokens[0][0] != OP_QSTRING:
            return False
        text = tree.tokens[0][1]
        for mark in marks:
            at = text.rfind(bytes((mark,)))
            if at >= 0:
                if mark != BANG:
                    text = quote(text[:at] + b"@" + text[at + 1:])
                opened = AddressTree.of_external(text)
                tree.tokens, tree.glued = opened.tokens, False
                self.local.rewrite_tree(tree)
                return True
        return False

    async def _by_class(self, name: str, domain: bytes, local: bool, sender: bytes) -> tuple[str, str, int]:
        if local:
            await self.domains.tell_local(domain)
            return *split_destination(self._texts["local_transport"], name), LOCAL
        kind = await self.domains.classify(domain)
        if kind == ALIAS:
            table = " in virtual alias table" if self.config.show_user_unknown_table_name else ""
            return "error", f"5.1.1 User unknown{table}", ALIAS
        if kind == VIRTUAL:
            return *split_destination(self._texts["virtual_transport"], name), VIRTUAL
        transport = self._texts["relay_transport"] if kind == RELAY else await self._sent_by(
            sender, self._default_transports, "empty_address_default_transport_maps_lookup_key",
            self._texts["default_transport"])
        nexthop = await self._sent_by(sender, self._relayhosts, "empty_address_relayhost_maps_lookup_key",
                                      self._texts["relayhost"])
        return *split_destination(transport, nexthop or name), kind

    async def _sent_by(self, sender: bytes, tables: MapList, null_key: str, otherwise: str) -> str:
        """What a sender-dependent table says; `otherwise` for DUNNO, nothing or not found."""
        if not tables:
            return otherwise
        key = sender or self.config[null_key].encode()
        local = await self.domains.has_bare_users(key.rpartition(b"@")[2])
        value, _ = await find.lookup(tables, find.keys(key, self.style, local))
        if value == b"":
            self._warn(f"{tables.name}: ignoring null lookup result for {key.decode('utf-8', 'replace')}")
        if not value or value.upper() == b"DUNNO":
            return otherwise
        return value.decode("utf-8", "surrogateescape")

    async def _moved(self, recipient: bytes, domain: bytes, transport: str, nexthop: str) -> tuple[str, str]:
        local = await self.domains.has_bare_users(domain)
        value, _ = await find.lookup(self._relocated, find.keys(recipient, self.style, local))
        if value is None:
            return transport, nexthop
        prefix = "5.1.6 User has moved to " if self.config.relocated_prefix_enable else ""
        return "error", prefix + value.decode("utf-8", "surrogateescape")


def _sender_maps(config: Any, name: str) -> MapList:
    return MapList(config[name], config, name)


def rewrite_rules(config: Any) -> tuple[RewriteRules, RewriteRules]:
    """(local, remote) rewriting contexts; the remote one does nothing where remote_header_rewrite_domain is empty."""
    flags = (config.swap_bangpath, config.allow_percent_hack, config.append_at_myorigin, config.append_dot_mydomain)
    remote = config["remote_header_rewrite_domain"].encode()
    return (RewriteRules(config["myorigin"].encode(), config["mydomain"].encode(), *flags),
            RewriteRules(remote, remote, *flags))


def valid_domain(name: str) -> bool:
    """Is it a host name or a domain literal, before any look-up? UTF-8 names are judged in their ASCII form."""
    if name.startswith("["):
        return names.literal_address(name) is not None
    if not name.isascii():
        from pyfix.config.idna import domain_to_ascii

        name = domain_to_ascii(name, lambda why: None) or ""
    return names.valid_hostname(name)


def split_destination(transport: str, nexthop: str) -> tuple[str, str]:
    """(transport, nexthop) where main.cf may say "transport:nexthop"."""
    name, _, given = transport.partition(":")
    return name, given or nexthop
