"""smtp_generic_maps: local addresses made fit for the outside, when a message leaves.

Law: envelope and header addresses of outgoing mail, one-to-one, applied once; a result without domain gets
`@$myorigin`; header fields are touched only where an address changes.

Source: generic(5); postconf(5) smtp_generic_maps, propagate_unmatched_extensions.
"""

from typing import Any

from pyfix._core.address import unquote
from pyfix._core.quote import quote
from pyfix.resolve.addressmap import AddressMap
from pyfix.resolve.headers import SENDER_FIELDS, RECIPIENT_FIELDS, rewrite_value
from pyfix.resolve.resolver import Resolver


class Generic:
    """The generic mapping of one client service; false where it has no table. `program`: "smtp" or "lmtp"."""

    def __init__(self, config: Any, resolver: Resolver, program: str = "smtp") -> None:
        propagate = "generic" in config.words("propagate_unmatched_extensions")
        self._map = AddressMap(config, resolver, f"{program}_generic_maps", propagate)
        self._limit = config.header_address_token_limit

    def __bool__(self) -> bool:
        return bool(self._map)

    async def address(self, address: bytes) -> bytes:
        """The outside form of an internal envelope address. Raises MappingTrouble."""
        found = await self._map.step(address) if address else None
        return found[0] if found else address

    async def header(self, name: bytes, value: bytes) -> bytes | None:
        """The new value of a header field with addresses in it, folded; None where nothing changes."""
        if name.lower() not in SENDER_FIELDS | RECIPIENT_FIELDS:
            return None
        return await rewrite_value(name, value, self._outside, self._limit)

    async def _outside(self, text: bytes) -> bytes:
        address = unquote(text)
        found = await self.address(address)
        return text if found == address else quote(found)
