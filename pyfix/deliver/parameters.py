"""The smtp_* or lmtp_* parameters in the shape the agent uses them. Law: postconf(5).

One snapshot per configuration; a reload makes a new one, and sessions that are open keep theirs.
"""

import socket
from collections.abc import Callable
from typing import Any

from pyfix._core import client
from pyfix._core.request import Settings
from pyfix.deliver.session import Plan
from pyfix.errors import ConfigError, TableError
from pyfix.maps.maplist import MapList

STAGE_TIMEOUTS = {
    "connect": "connect_timeout", "greeting": "helo_timeout", "ehlo": "helo_timeout", "helo": "helo_timeout",
    "lhlo": "lhlo_timeout", "rset": "rset_timeout", "xforward": "xforward_timeout", "mail": "mail_timeout",
    "rcpt": "rcpt_timeout", "data": "data_init_timeout", "content": "data_xfer_timeout", "dot": "data_done_timeout",
    "quit": "quit_timeout", "idle": "helo_timeout", "closed": "quit_timeout",
}
KEYWORD_SPELLINGS = {name.decode().lower(): bits for name, bits in client.KEYWORDS.items()}


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
        self.fallback = [] if self.lmtp else config["smtp_fallback_relay"].replace(",", " ").split()
        self.address_limit, self.session_limit = self.value("mx_address_limit"), self.value("mx_session_limit")
        self.bind = {socket.AF_INET: self.value("bind_address"), socket.AF_INET6: self.value("bind_address6"),
                     socket.AF_UNIX: ""}
        self.downgrade = not config.disable_mime_output_conversion
        self.status_filter = self.local_tables("delivery_status_filter")
        self.read_cache()
        self.read_hosts()
        self.plan = Plan(self.settings(), self.timeouts(), log, self.value("line_length_limit"),
                         config.delay_logging_resolution_limit)

    def value(self, suffix: str) -> Any:
        """A parameter of this program's family."""
        return getattr(self.config, f"{self.program}_{suffix}")

    def local_tables(self, suffix: str) -> MapList | None:
        """The tables of a filter, which must answer without waiting; None where it is not set. Raises ConfigError."""
        name = f"{self.program}_{suffix}"
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
        self.defer_no_mx_address = self.value("defer_if_no_mx_address_found")
        self.ignore_mx_error = self.config.ignore_mx_lookup_error
        self.dns_support = self.value("dns_support_level") not in ("disabled",) and not self.config.disable_dns_lookups
        self.send_xforward = self.value("send_xforward_command")
        self.pix = self.config[f"{self.program}_pix_workarounds"].replace(",", " ").split()
        self.pix_threshold = self.value("pix_workaround_threshold_time")
        self.pix_delay = self.value("pix_workaround_delay_time")

    def settings(self) -> Settings:
        """What the client core has to know."""
        helo = self.config["lmtp_lhlo_name" if self.lmtp else "smtp_helo_name"]
        discard = 0
        for word in self.config[f"{self.program}_discard_{'lhlo' if self.lmtp else 'ehlo'}_keywords"].lower().replace(",", " ").split():
            discard |= KEYWORD_SPELLINGS.get(word, 0)
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
