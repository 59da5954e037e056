"""Lists of networks and host names: mynetworks and its kin (namadr_list(3)); the matching is `pyfix.maps.match_list`.

An IPv4 address that came in IPv6's clothes (::ffff:1.2.3.4) is the IPv4 address.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from pyfix.maps.match_list import MatchList


class Networks(MatchList):
    """`Networks(config, "mynetworks")`, or any text in the place of the parameter's."""

    def __init__(self, config: Any, name: str, text: str | None = None) -> None:
        parent = name in config.words("parent_domain_matches_subdomains")
        super().__init__(config[name] if text is None else text, config, name, addresses=True, parent=parent)

    def match(self, host: bytes = b"", address: bytes = b"") -> bool:
        """Is the client with this name and address in the list? Raises TableError."""
        if b":" in address and b"." in address:
            address = str(plain_address(address)).encode()
        return super().match(host, address)


def plain_address(text: bytes) -> IPv4Address | IPv6Address | None:
    """An address as a value; IPv4 in IPv6's clothes becomes IPv4. None for what is no address."""
    try:
        address = ip_address(text.decode("ascii", "replace"))
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
