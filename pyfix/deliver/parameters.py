"""The smtp_* or lmtp_* parameters in the shape the agent uses them. Law: postconf(5).

One snapshot per configuration; a reload makes a new one, and sessions that are open keep theirs.
"""

import socket
from collections.abc import Callable
from typing import Any

from pyfix._core.request import Settings
from pyfix.access.debugpeers import DebugPeers
from pyfix.deliver.byserver import ByServer, mask_of, words_of
from pyfix.deliver.session import Plan
from pyfix.errors import ConfigError, TableError
from pyfix.maps.maplist import MapList

STAGE_TIMEOUTS = {
    "connect": "connect_timeout", "greeting": "helo_timeout", "ehlo": "helo_timeout", "helo": "helo_timeout",
    "lhlo": "lhlo_timeout", "rset": "rset_timeout", "xforward": "xforward_timeout", "mail": "mail_timeout",
    "rcpt": "rcpt_timeout", "data": "data_init_timeout", "content": "data_xfer_timeout", "dot": "data_done_timeout",
    "quit": "quit_timeout", "idle": "helo_timeout", "closed": "quit_timeout",
}


class Parameters:
    """The parameters of one delivery program ("smtp" or "lmtp") under one configuration.

    `value(suffix)` is smtp_SUFFIX or lmtp_SUFFIX, typed.
    """

    def __init__(self, config: Any, log: Any, program: str = "smtp") -> None:
        self.config, self.program, self.lmtp = config, program, program == "lmtp"
        self.default_port = self.value("tcp_port")
        self.relayhost = config.relayhost
        self.best_mx_transport = config.best_mx_transport
        self.soft_bounce = config.soft_bounce
        self.hostname = config.myhostname
        self.fallback = config[f"{program}_fallback_relay"].replace(",", " ").split()
        self.address_limit, self.session_limit = self.value("mx_address_limit"), self.value("mx_session_limit")
        self.bind = {socket.AF_INET: self.value("bind_address") or self.only_address(4),
                     socket.AF_INET6: self.value("bind_address6") or self.only_address(6), socket.AF_UNIX: ""}
        self.bind_enforce = self.value("bind_address_enforce")
        self.without_dsn = "delivered" if self.lmtp and config.lmtp_assume_final else "relayed"
        self.downgrade = not config.disable_mime_output_conversion
        self.status_filter = self.local_tables("delivery_status_filter")
        self.read_cache()
        self.read_hosts()
        discard = words_of(config[f"{program}_discard_{'lhlo' if self.lmtp else 'ehlo'}_keywords"])
        self.plan = self.plan_for(log, mask_of(discard))
        maps = self.local_maps("lmtp_discard_lhlo_keyword_address_maps" if self.lmtp else "smtp_discard_ehlo_keyword_address_maps")
        found = ByServer(discard, maps, self.pix, self.local_tables("pix_workaround_maps"), lambda mask: self.plan_for(log, mask),
                         log.warning)
        recorded = "protocol" in config.words("notify_classes")
        self.watched = DebugPeers(config, log)
        self.by_server = found if found.any or recorded or self.watched else None

    def value(self, suffix: str) -> Any:
        """A parameter of this program's family."""
        return getattr(self.config, f"{self.program}_{suffix}")

    def only_address(self, version: int) -> str:
        """The one address of an IP version that inet_interfaces names: mail comes from there. "" where there are several, or a loopback."""
        own = [interface.address for interface in self.config.own_interfaces() if interface.address.version == version]
        return str(own[0]) if len(own) == 1 and not own[0].is_loopback else ""

    def local_tables(self, suffix: str) -> MapList | None:
        """The tables of a filter, which must answer without waiting; None where it is not set. Raises ConfigError."""
        return self.local_maps(f"{self.program}_{suffix}")

    def local_maps(self, name: str) -> MapList | None:
        """The same by the whole name of the parameter. Raises ConfigError."""
        tables = MapList(self.config[name], self.config, name) if self.config[name] else None
        if tables is not None and not tables.local:
            raise ConfigError(f"{name}: a table that asks another process can't be used here", remedy="use pcre, regexp, hash or another file")
        return tables

    def read_cache(self) -> None:
        """Connection reuse."""
        self.cache_on_demand = self.value("connection_cache_on_demand")
        self.cache_destinations = set(self.config[f"{self.program}_connection_cache_destinations"].lower()
                                      .replace(",", " ").split())
        self.cache_time = self.value("connection_cache_time_limit")
        self.reuse_time, self.reuse_count = self.value("connection_reuse_time_limit"), self.value("connection_reuse_count_limit")

    def read_hosts(self) -> None:
        """How names become addresses."""
        self.host_lookup = self.config[f"{self.program}_host_lookup"].replace(",", " ").split()
        self.protocols = self.config["inet_protocols"].replace(",", " ").split()
        self.preference, self.randomize = self.value("address_preference"), self.value("randomize_addresses")
        self.balance = self.value("balance_inet_protocols")
        self.alias_names = self.value("cname_overrides_servername")
        self.reply_tables = self.local_tables("dns_reply_filter")
        self.defer_no_mx_address = self.value("defer_if_no_mx_address_found")
        self.ignore_mx_error = self.config.ignore_mx_lookup_error
        self.dns_support = self.value("dns_support_level") not in ("disabled",) and not self.config.disable_dns_lookups
        self.send_xforward = self.value("send_xforward_command")
        self.pix = self.config[f"{self.program}_pix_workarounds"].replace(",", " ").split()
        self.pix_threshold = self.value("pix_workaround_threshold_time")
        self.pix_delay = self.value("pix_workaround_delay_time")

    def plan_for(self, log: Any, discard: int) -> Plan:
        """The plan of sessions that do not believe the features `discard`."""
        return Plan(self.settings(discard), self.timeouts(), log, self.value("line_length_limit"),
                    self.config.delay_logging_resolution_limit, self.value("min_data_rate") if self.value("per_request_deadline") else 0)

    def settings(self, discard: int) -> Settings:
        """What the client core has to know."""
        helo = self.config["lmtp_lhlo_name" if self.lmtp else "smtp_helo_name"]
        return Settings(
            helo.encode("ascii", "replace"), hostname=self.hostname.lower().encode("ascii", "replace"), lmtp=self.lmtp,
            always_ehlo=self.lmtp or self.config.smtp_always_send_ehlo,
            never_ehlo=not self.lmtp and self.config.smtp_never_send_ehlo,
            skip_5xx_greeting=self.lmtp or self.config.smtp_skip_5xx_greeting,
            skip_quit_response=self.value("skip_quit_response"), discard=discard, reply_filter=self.reply_filter())

    def reply_filter(self) -> Callable[[bytes], bytes] | None:
        """smtp_reply_filter: one lookup a reply line; a table that fails leaves the line as it is."""
        tables = self.local_tables("reply_filter")
        if tables is None:
            return None

        def apply(line: bytes) -> bytes:
            try:
                return tables.get(line) or line
            except TableError:
                return line
        return apply

    def timeouts(self) -> dict[str, int]:
        """Stage -> seconds; the handshake's parameter has another name for LMTP."""
        seconds = {}
        for stage, suffix in STAGE_TIMEOUTS.items():
            name = f"{self.program}_{suffix}"
            if suffix in ("helo_timeout", "lhlo_timeout"):
                name = "lmtp_lhlo_timeout" if self.lmtp else "smtp_helo_timeout"
            seconds[stage] = getattr(self.config, name)
        return seconds
