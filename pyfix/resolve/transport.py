"""transport_maps: the table that overrides transport and nexthop for an address or domain.

Law: an empty transport keeps the transport; a transport without nexthop sets the nexthop back to
the recipient's domain; ":" alone changes nothing; "*" comes last of all.

Source: transport(5).
"""

from typing import Any

from pyfix.maps import MapList
from pyfix.resolve import find

ADDRESS_UNDELIVERABLE = "Address is undeliverable"


class TransportMap:
    """transport_maps of one configuration."""

    def __init__(self, config: Any, style: find.Style, name: str = "transport_maps") -> None:
        self.tables = MapList(config[name], config, name)
        self.style = style
        parents = "transport_maps" in config.words("parent_domain_matches_subdomains")
        self.forms = find.FULL | find.NOEXT | find.DOMAIN | (find.PARENTS if parents else find.DOT_PARENTS)

    async def lookup(self, address: bytes, transport: str, nexthop: str) -> tuple[str, str]:
        """(transport, nexthop) for an internal address that has a domain. Raises TableError."""
        value, _ = await find.lookup(self.tables, find.keys(address, self.style, False, self.forms))
        if value is None:
            tables = self.tables
            value = tables.get(b"*") if tables.local else await tables.lookup(b"*")
        if value is None:
            return transport, nexthop
        domain = address.rpartition(b"@")[2].decode("utf-8", "surrogateescape")
        return override(value.decode("utf-8", "surrogateescape"), domain, transport, nexthop)


def override(value: str, domain: str, transport: str, nexthop: str) -> tuple[str, str]:
    """What entry `value` ("transport:nexthop", either part empty) makes of what the address class gave."""
    new_transport, _, new_nexthop = value.partition(":")
    if not new_transport:
        return transport, new_nexthop or nexthop
    if new_nexthop:
        return new_transport, new_nexthop
    return new_transport, ADDRESS_UNDELIVERABLE if new_transport in ("error", "retry") else domain
