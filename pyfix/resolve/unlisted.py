"""Is a recipient known? What smtpd_reject_unlisted_recipient and its relatives ask.

Law: an address that any canonical or virtual alias table knows is known; then the recipient table of
its class decides, if that class has one. A table that fails is TableError (4xx), never "unknown".

Source: LOCAL_RECIPIENT_README, ADDRESS_CLASS_README; postconf(5) local_recipient_maps, relay_recipient_maps,
virtual_mailbox_maps, unknown_local_recipient_reject_code, show_user_unknown_table_name.
"""

from typing import Any

from pyfix.errors import TableError
from pyfix.maps import MapList
from pyfix.model import Reply
from pyfix.resolve import find
from pyfix.resolve.domains import ALIAS, FAIL, LOCAL, RELAY, VIRTUAL
from pyfix.resolve.resolver import Resolution, Resolver

ALIASES = ("recipient_canonical_maps", "canonical_maps", "virtual_alias_maps")
CLASSES = {
    LOCAL: ("local_recipient_maps", "unknown_local_recipient_reject_code", " in local recipient table"),
    RELAY: ("relay_recipient_maps", "unknown_relay_recipient_reject_code", " in relay recipient table"),
    VIRTUAL: ("virtual_mailbox_maps", "unknown_virtual_mailbox_reject_code", " in virtual mailbox table"),
}


class Unlisted:
    """The recipient tables of one configuration."""

    def __init__(self, config: Any, resolver: Resolver) -> None:
        self._config, self._resolver = config, resolver
        self._aliases = [MapList(config[name], config, name) for name in ALIASES]
        self._tables = {kind: MapList(config[row[0]], config, row[0]) for kind, row in CLASSES.items()}

    async def check(self, address: bytes, sender: bytes = b"") -> Reply | None:
        """None where the recipient is known or may be, else the reply: code, "5.1.1" or "4.1.1", the reason.

        `address`: internal form. The reason is what stands behind "Recipient address rejected: ".
        Raises TableError.
        """
        result = self._resolver.cached(address, sender) or await self._resolver.resolve(address, sender)
        if result.flags & FAIL:
            raise TableError("", "address lookup failure")
        for tables in self._aliases:
            if tables and await self._known(tables, result.recipient):
                return None
        if result.transport in ("error", "retry"):
            return self._undeliverable(result)
        for kind, (_, code, where) in CLASSES.items():
            tables = self._tables[kind]
            if result.flags & kind and tables and not await self._known(tables, result.recipient):
                where = where if self._config.show_user_unknown_table_name else ""
                number = getattr(self._config, code)
                return Reply(number, f"{number // 100}.1.1", f"User unknown{where}")
        return None

    def _undeliverable(self, result: Resolution) -> Reply:
        """An error: or retry: destination: its nexthop is the reason, perhaps with a status in front."""
        status, blank, reason = result.nexthop.partition(" ")
        if not blank or not is_status(status):
            status, reason = ("5.1.1" if result.flags & ALIAS else "5.1.0"), result.nexthop
        code = self._config.unknown_virtual_alias_reject_code if result.flags & ALIAS else 550
        if result.transport == "retry" or status.startswith("4"):
            code = 450
        return Reply(code, f"{code // 100}{status[1:]}", reason)

    async def _known(self, tables: MapList, address: bytes) -> bool:
        local = await self._resolver.domains.has_bare_users(address.rpartition(b"@")[2])
        value, _ = await find.lookup(tables, find.keys(address, self._resolver.style, local))
        return value is not None


def is_status(text: str) -> bool:
    """Is it an enhanced status code such as 5.1.1?"""
    parts = text.split(".")
    return (len(parts) == 3 and parts[0] in ("2", "4", "5")
            and all(p.isascii() and p.isdigit() and len(p) <= 3 for p in parts[1:]))
