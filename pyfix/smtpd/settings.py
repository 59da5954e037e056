"""What sessions need of one configuration, worked out once: limits, replies, EHLO lines, policy.

The law: a session keeps the Settings it began with; a reload makes new ones for new sessions.
Source: postconf(5), smtpd_*; EHLO keywords in Postfix's order.
"""

import copy
import re
from collections.abc import Callable
from typing import Any

from pyfix._core.address import parse_path
from pyfix._core.limits import Limits
from pyfix.access.debugpeers import DebugPeers
from pyfix.access.networks import Networks
from pyfix.access.policy import Policy
from pyfix.errors import ConfigError, TableError
from pyfix.ipc.eager import at_once
from pyfix.maps import MapList
from pyfix.maps.braces import tokens
from pyfix.resolve import ERROR, Resolver
from pyfix.resolve.matchlist import MatchList
from pyfix.resolve.resolver import valid_domain
from pyfix.smtpd import xclient, xforward
from pyfix.smtpd.client import Clients
from pyfix.smtpd.etrn import Etrn
from pyfix.smtpd.hot import SettingsHot
from pyfix.smtpd.tap import Taps

NEWLINES = {"no": 0, "normalize": 1, "yes": 1, "note": 2, "reject": 3}
# ServerCore.masked: what is not offered is refused
MASKS = {"dsn": 1, "chunking": 2, "smtputf8": 4}
KEYWORDS = ("pipelining", "size", "vrfy", "etrn", "verp", "xclient", "xforward", "enhancedstatuscodes", "8bitmime", "dsn", "smtputf8",
            "chunking")
# in the order in which the log names what is left out (ehlo_mask(3))
LOGGED = ("8bitmime", "auth", "etrn", "pipelining", "size", "verp", "vrfy", "xclient", "xforward", "starttls",
          "enhancedstatuscodes", "dsn", "smtputf8", "chunking", "requiretls")
ALL_KEYWORDS = frozenset((*LOGGED, "silent-discard"))
ARGUMENTS = {"verp": b"XVERP", "xclient": xclient.EHLO, "xforward": xforward.EHLO}
AUTHORIZED = frozenset(ARGUMENTS)       # offered to the clients in smtpd_authorized_*
F_XCLIENT, F_XFORWARD = 4, 8            # Limits.features


LOCAL_CLIENTS = frozenset(("permit_inet_interfaces", "permit_mynetworks", "permit_sasl_authenticated",
                           "permit_tls_clientcerts", "permit"))
ASKS_STRESS = re.compile(r"\$[({]?stress\b|check_policy_service").search
CONTROL = re.compile(rb"[\x00-\x1f\x7f]").search


class CommandList:
    """smtpd_forbidden_commands and smtpd_noop_commands: `b"GET" in list`, for words and tables."""

    def __init__(self, config: Any, name: str, warning: Callable[[bytes], None]) -> None:
        self.name, self.warning = name, warning
        self.list = MatchList(config, name)
        self.plain = self.list.plain is not None
        self.words = frozenset(word.upper() for word in self.list.plain or ())

    def __bool__(self) -> bool:
        return bool(self.list)

    def __contains__(self, word: bytes) -> bool:
        if self.plain or word in self.words:
            return word in self.words
        try:
            return self.list.match(word)
        except TableError as error:
            self.warning(f"{self.name}: {error}".encode())
            return False


class Settings(SettingsHot):
    """One configuration for smtpd. `log`: Maillog."""

    standalone = False          # sendmail -bs

    def __init__(self, config: Any, resolver: Resolver, log: Any) -> None:
        self.config, self.generation, self.log = config, config.generation, log
        self.hostname, self.mail_name = config["myhostname"].encode(), config["mail_name"].encode()
        self.policy = Policy(config, resolver, log.warning)
        self.resolver, self.canonical = resolver, self.policy.engine.canonical
        self.short_way, self.asks_unlisted = self.policy.short_way, self.policy.unlisted_recipient
        self.asks_no_table = self.policy.engine.recipients.plain
        self.error_sleep = config.smtpd_error_sleep_time
        self.message_size, self.strict_utf8 = config.message_size_limit, config.strict_smtputf8
        self.hide_client = config.smtpd_hide_client_session
        self.forbids_early = config.smtpd_forbid_unauth_pipelining
        self.greeting = b"220 " + config["smtpd_banner"].encode()
        self.helo_reply = b"250 %b\r\n" % self.hostname
        self.forbidden = CommandList(config, "smtpd_forbidden_commands", log.warning)
        self.ignored = CommandList(config, "smtpd_noop_commands", log.warning)
        self.etrn = Etrn(config, log.warning)
        self.read_authorized(config)
        self.watched = DebugPeers(config, log)
        self.taps = Taps(config, self.log, self.policy.engine.censor, self.watched)
        self.limits = self.make_limits(config)
        self.read_time_limits(config)
        self.read_stages(config)
        self.read_client_limits(config)
        self.read_ehlo(config)
        self.clients = Clients(self)

    def read_stages(self, config: Any) -> None:
        """Which stages have something to ask."""
        has, late = self.policy.has, self.policy.delay_reject
        self.checks_at_connect = has["client"] and not late
        self.asks_helo = has["helo"] and not late
        self.asks_mail = has["sender"] and not late
        self.asks_data, self.asks_end = has["data"], has["end_of_data"]

    def read_client_limits(self, config: Any) -> None:
        """smtpd_client_*_limit and their exceptions."""
        self.connection_count = config.smtpd_client_connection_count_limit
        self.connection_rate = config.smtpd_client_connection_rate_limit
        self.message_rate = config.smtpd_client_message_rate_limit
        self.recipient_rate = config.smtpd_client_recipient_rate_limit
        self.rate_unit = config.anvil_rate_time_unit
        self.counts_rates = bool(self.connection_rate or self.message_rate or self.recipient_rate)
        self.prefixes = config.smtpd_client_ipv4_prefix_length, config.smtpd_client_ipv6_prefix_length
        self.exempt = Networks(config, "smtpd_client_event_limit_exceptions")
        self.newline_exempt = Networks(config, "smtpd_forbid_bare_newline_exclusions")
        self.local_clients, self.local_tables = local_rewriting(config, self.log.warning)

    def make_limits(self, config: Any) -> Limits:
        """What the core has to know."""
        return Limits(
            hostname=self.hostname, line_length=config.line_length_limit, message_size=config.message_size_limit,
            recipients=config.smtpd_recipient_limit, overshoot=config.smtpd_recipient_overshoot_limit,
            soft_errors=config.smtpd_soft_error_limit, hard_errors=config.smtpd_hard_error_limit,
            junk=config.smtpd_junk_command_limit, newlines=newlines(config),
            bare_code=config.smtpd_forbid_bare_newline_reject_code, helo_required=config.smtpd_helo_required,
            forbid_pipelining=config.smtpd_forbid_unauth_pipelining, no_vrfy=config.disable_vrfy_command,
            features=self.features, smtputf8=config.smtputf8_enable, strict_paths=config.strict_rfc821_envelopes, standalone=self.standalone,
            forbidden=self.forbidden, ignored=self.ignored, path=self.parse)

    def read_time_limits(self, config: Any) -> None:
        """How long a client may take; `careful`: its sessions need more than the plain Session."""
        self.timeout = config.smtpd_timeout
        self.request_deadline, self.min_data_rate = config.smtpd_per_request_deadline, config.smtpd_min_data_rate
        self.port_logging, self.opens_early = config.smtpd_client_port_logging, not config.smtpd_delay_open_until_valid_rcpt
        self.proxied, self.proxy_timeout = upstream(config), config.smtpd_upstream_proxy_timeout
        self.careful = (self.proxied or self.port_logging or self.request_deadline or bool(self.features) or self.taps.wanted
                        or bool(self.verp_hosts) or self.opens_early)

    def read_authorized(self, config: Any) -> None:
        """Who may say XCLIENT, XFORWARD and XVERP."""
        self.xclient_hosts = Networks(config, "smtpd_authorized_xclient_hosts")
        self.xforward_hosts = Networks(config, "smtpd_authorized_xforward_hosts")
        self.features = (F_XCLIENT if self.xclient_hosts else 0) | (F_XFORWARD if self.xforward_hosts else 0)
        self.verp_hosts = Networks(config, "smtpd_authorized_verp_clients")
        self.verp_allowed, self.verp_default = config["verp_delimiter_filter"].encode(), config["default_verp_delimiters"].encode()
        self.protocols = frozenset(config.words("inet_protocols"))

    def has_protocol(self, six: bool) -> bool:
        """Does inet_protocols have this kind of address?"""
        return not self.protocols.isdisjoint(("all", "ipv6" if six else "ipv4"))

    def under_stress(self) -> "Settings":
        """The same with stress=yes. What Postfix's defaults make depend on it are time limits and error limits; a
        main.cf that names $stress, and a policy service, which is told of it, need all of it made again."""
        config = self.config.override([("stress", "yes")])
        if any(ASKS_STRESS(text) for text in self.config.raw.values()):
            return Settings(config, self.policy.engine.resolver, self.log)
        twin = copy.copy(self)
        twin.config, twin.limits = config, self.make_limits(config)
        twin.read_time_limits(config)
        return twin

    def parse(self, raw: bytes, sender: bool | None, utf8: bool) -> bytes | None:
        """The address in a path that is not plain; None where it is none, or holds control bytes. `sender` None: that of VRFY, never strict."""
        if CONTROL(raw):
            return None
        address, error = parse_path(raw, self.limits.strict_paths and sender is not None, bool(sender))
        if error or address is None or (address.startswith(b"-") and not self.config.allow_min_user):
            return None
        return address if self.possible(address, utf8) else None

    def possible(self, address: bytes, utf8: bool) -> bool:
        """Can mail go there? Where the resolver finds an error it is bad syntax, and so is a domain in UTF-8 where nobody asked for SMTPUTF8."""
        if not address:
            return True
        found = at_once(self.resolver.resolve(address)) if self.resolver is not None else None      # sendmail -bs has none
        if found is not None and found.flags & ERROR:
            return False
        _, at, domain = (found.recipient if found is not None else address).rpartition(b"@")
        name = domain.removesuffix(b".").decode("utf-8", "surrogateescape")
        return not at or (utf8 or name.casefold().isascii()) and (found is not None or valid_domain(name))

    # -- EHLO

    def read_ehlo(self, config: Any) -> None:
        """smtpd_discard_ehlo_keywords and its table."""
        self.discarded = keyword_set(config["smtpd_discard_ehlo_keywords"], self.log.warning)
        self.discard_maps = MapList(config["smtpd_discard_ehlo_keyword_address_maps"], config,
                                    "smtpd_discard_ehlo_keyword_address_maps")
        self._replies: dict[tuple[frozenset[str], frozenset[str]], tuple[int, bytes, str]] = {}

    def ehlo(self, address: bytes, may: frozenset[str] = frozenset()) -> tuple[int, bytes, str]:
        """(mask for the core, reply lines, what to log) for a client at `address`; `may`: what of AUTHORIZED it may say."""
        discarded = self.discarded
        if self.discard_maps:
            found = self.discard_maps.get(address) if self.discard_maps.local else None
            if found is not None:
                discarded = keyword_set(found.decode("ascii", "replace"), self.log.warning)
        key = discarded, may
        reply = self._replies.get(key)
        if reply is None:
            reply = self._replies[key] = self.make_ehlo(*key)
        return reply

    def make_ehlo(self, discarded: frozenset[str], may: frozenset[str]) -> tuple[int, bytes, str]:
        """The reply to EHLO without some keywords."""
        absent = discarded | (AUTHORIZED - may)
        shown = [k for k in KEYWORDS if k not in absent]
        if self.config.disable_vrfy_command and "vrfy" in shown:
            shown.remove("vrfy")
        if not self.config.smtputf8_enable and "smtputf8" in shown:
            shown.remove("smtputf8")
        lines = [self.hostname, *(ARGUMENTS.get(k) or k.upper().encode() for k in shown)]
        if "size" in shown and self.message_size:
            lines[lines.index(b"SIZE")] = b"SIZE %d" % self.message_size
        masked = sum(MASKS[k] for k in MASKS if k not in shown)
        hidden = "" if "silent-discard" in discarded else " ".join(k.upper() for k in LOGGED if k in discarded)
        return (masked, b"".join(b"250-%b\r\n" % line for line in lines[:-1]) + b"250 %b\r\n" % lines[-1],
                hidden and "discarding EHLO keywords: " + hidden)


def keyword_set(text: str, warning: Callable[[str], None]) -> frozenset[str]:
    """The keywords in a list; what is none is said and left out."""
    words = {word.lower() for word in text.replace(",", " ").split()}
    for word in sorted(words - ALL_KEYWORDS):
        warning(f"unknown EHLO keyword in list: {word}")
    return frozenset(words & ALL_KEYWORDS)


def local_rewriting(config: Any, warning: Callable[[str], None]) -> tuple[frozenset[str], list[Networks]]:
    """(words, address tables) of local_header_rewrite_clients; what is neither is said and left out."""
    name, words, tables = "local_header_rewrite_clients", set[str](), list[Networks]()
    given = iter(tokens(config[name]))
    for word in given:
        if word.lower() == "check_address_map":
            word = next(given, "")
        if ":" in word:
            tables.append(Networks(config, name, word))
        elif word.lower() in LOCAL_CLIENTS:
            words.add(word.lower())
        else:
            warning(f"parameter {name}: invalid request: {word}")
    return frozenset(words), tables


def newlines(config: Any) -> int:
    """smtpd_forbid_bare_newline as the core counts. Raises ConfigError."""
    value = config["smtpd_forbid_bare_newline"].lower()
    if value not in NEWLINES:
        raise ConfigError(f"smtpd_forbid_bare_newline: unknown value {value}",
                          remedy="use normalize, yes, note, reject or no")
    return NEWLINES[value]


def upstream(config: Any) -> bool:
    """Does a proxy speak first? Raises ConfigError."""
    name = config["smtpd_upstream_proxy_protocol"]
    if name and name != "haproxy":
        raise ConfigError(f"smtpd_upstream_proxy_protocol: unsupported protocol {name}", remedy="use haproxy, or nothing")
    return bool(name)
