"""Address mappings of a message on its way in: canonical, masquerade, virtual alias, bcc.

Law: the order is rewriting, then sender_ or recipient_canonical, canonical, masquerading, and for
recipients virtual aliases; the same recipient (with the same DSN wishes and original) goes to the
queue once. A mapping that can't be made now refuses the message with 451. Where nothing is configured,
`idle` says so and nothing is paid.

Source: cleanup(8); ADDRESS_REWRITING_README; postconf(5) canonical_classes, masquerade_classes,
always_bcc, sender_bcc_maps, recipient_bcc_maps, duplicate_filter_limit, enable_original_recipient.
"""

from typing import Any

from pyfix._core.address import unquote
from pyfix._core.quote import quote
from pyfix._core.rewrite import masquerade
from pyfix.errors import TableError
from pyfix.model import NOTIFY_NEVER, NOTIFY_SUCCESS, Recipient
from pyfix.resolve.addressmap import WRITE, AddressMap, MappingTrouble
from pyfix.resolve.headers import RECIPIENT_FIELDS, SENDER_FIELDS, rewrite_value
from pyfix.resolve.matchlist import MatchList
from pyfix.resolve.resolver import Resolver


class Mapper:
    """The mappings of one configuration. `idle`: no table, masquerading or bcc applies to an envelope."""

    def __init__(self, config: Any, resolver: Resolver) -> None:
        self._config, self._resolver = config, resolver
        propagate = set(config.words("propagate_unmatched_extensions"))
        canonical = "canonical" in propagate

        def stage(name: str, classes: str) -> tuple[AddressMap, set[str]]:
            return AddressMap(config, resolver, name, canonical), set(config.words(classes))

        self._sender = stage("sender_canonical_maps", "sender_canonical_classes")
        self._recipient = stage("recipient_canonical_maps", "recipient_canonical_classes")
        self._canonical = stage("canonical_maps", "canonical_classes")
        self._virtual = AddressMap(config, resolver, "virtual_alias_maps", "virtual" in propagate)
        self._masquerade = tuple(d.lower().encode() for d in config.words("masquerade_domains"))
        self._masquerade_classes = set(config.words("masquerade_classes"))
        self._exceptions = MatchList(config, "masquerade_exceptions")
        self._sender_bcc = AddressMap(config, resolver, "sender_bcc_maps", False)
        self._recipient_bcc = AddressMap(config, resolver, "recipient_bcc_maps", False)
        self._always_bcc = config["always_bcc"].encode()
        self._limit = config.header_address_token_limit
        self.idle = not (self._sender[0] or self._recipient[0] or self._canonical[0] or self._virtual
                         or self._masquerade or self._sender_bcc or self._recipient_bcc or self._always_bcc)
        # may a header address that needs no completion still change?
        self.maps_headers = bool(self._sender[0] or self._recipient[0] or self._canonical[0] or self._masquerade)

    async def _canonicalize(self, address: bytes, own: tuple[AddressMap, set[str]], kind: str) -> bytes:
        for table, classes in (own, self._canonical):
            if table and kind in classes and address:
                address = await table.one(address)
        if self._masquerade and kind in self._masquerade_classes and not await self._excepted(address):
            address = masquerade(address, self._masquerade)
        return address

    async def _excepted(self, address: bytes) -> bool:
        if not self._exceptions:
            return False
        try:
            return await self._exceptions.lookup(address.rpartition(b"@")[0])
        except TableError as error:
            raise MappingTrouble(WRITE, f"masquerade_exceptions lookup problem: {error}") from error

    async def envelope_sender(self, address: bytes, mapping: bool = True) -> bytes:
        """The sender as it is queued. `mapping` is false with receive_override_options no_address_mappings."""
        if not address:
            return address
        address = self._resolver.local.rewrite(address)
        if address.lower() == b"mailer-daemon@" + self._resolver.domains.myorigin:
            return b""
        return await self._canonicalize(address, self._sender, "envelope_sender") if mapping else address

    async def recipients(self, given: list[Recipient], sender: bytes = b"", mapping: bool = True,
                         expanded: list[Recipient] | None = None, bcc: list[bytes] = []) -> list[Recipient]:
        """What is queued for these recipients: mapped, expanded, with bcc, without repetitions. Raises MappingTrouble.

        The sender's bcc comes first, always_bcc last, as in Postfix; behind it the `bcc` of access tables and checks.

        `sender`: what envelope_sender() gave. A recipient whose address changes keeps what it was in `original`.
        `expanded` gets the recipients that asked for NOTIFY=SUCCESS and became others: they are due an "expanded" report.
        """
        out = _Collected(self._config.duplicate_filter_limit, self._config.enable_original_recipient,
                         [] if expanded is None else expanded)
        if mapping and sender and self._sender_bcc:
            await self._put_bcc(out, await self._bcc(self._sender_bcc, sender))
        for one in given:
            address = await self.recipient_form(one.address, mapping)
            await self._put(out, one, address, mapping)
            if mapping and self._recipient_bcc:
                await self._put_bcc(out, await self._bcc(self._recipient_bcc, address))
        if mapping:
            await self._put_bcc(out, self._always_bcc)
        for text in bcc:
            await self._put_bcc(out, text, mapping)
        return out.recipients

    async def recipient_form(self, address: bytes, mapping: bool) -> bytes:
        """A recipient completed and, if `mapping`, made canonical; not yet expanded. Raises MappingTrouble."""
        address = self._resolver.local.rewrite(address or self._config["empty_address_recipient"].encode())
        return await self._canonicalize(address, self._recipient, "envelope_recipient") if mapping else address

    async def _put(self, out: "_Collected", one: Recipient, address: bytes, mapping: bool) -> None:
        original = one.original or one.address
        if not mapping or not self._virtual:
            out.add(address, original, one.orcpt, one.notify)
            return
        found = await self._virtual.many(address)
        notify = one.notify
        if notify & NOTIFY_SUCCESS and found != [address]:
            out.expanded.append(Recipient(address, original, one.orcpt, notify))
            notify = notify & ~NOTIFY_SUCCESS or NOTIFY_NEVER
        for new in found:
            out.add(new, original, one.orcpt, notify)

    async def _bcc(self, table: AddressMap, address: bytes) -> bytes:
        try:
            value, _ = await table.value(address)
        except TableError as error:
            raise MappingTrouble(WRITE, f"{table.name} map lookup problem: {error}") from error
        return value or b""

    def redirected(self, last: Recipient, text: bytes) -> Recipient:
        """Who gets the message in the place of all its recipients (access(5) REDIRECT); `text` is taken as internal form."""
        return Recipient(self._resolver.local.rewrite(text), last.original or last.address, last.orcpt, last.notify)

    async def _put_bcc(self, out: "_Collected", text: bytes, mapping: bool = True) -> None:
        """`text`: one address as it is written, taken as internal form, or nothing. As in Postfix it is no list."""
        if text:
            given = Recipient(self._resolver.local.rewrite(text), notify=NOTIFY_NEVER)
            await self._put(out, given, await self.recipient_form(given.address, mapping), mapping)

    async def header(self, name: bytes, value: bytes, local: bool = True, mapping: bool = True) -> bytes | None:
        """The new value of a header field, folded; None where it keeps its bytes. Raises MappingTrouble.

        `local`: the client is in local_header_rewrite_clients. From any other, headers are rewritten
        only where remote_header_rewrite_domain is set.
        """
        lower = name.lower()
        kind = "header_sender" if lower in SENDER_FIELDS else "header_recipient" if lower in RECIPIENT_FIELDS else ""
        rules = self._resolver.local if local else self._resolver.remote
        if not kind or not (local or rules.origin):
            return None
        own = self._sender if kind == "header_sender" else self._recipient

        async def change(text: bytes) -> bytes:
            text = rules.rewrite_external(text)
            if not (mapping and self.maps_headers):
                return text
            address = unquote(text)
            found = await self._canonicalize(address, own, kind) if address else address
            return text if found == address else quote(found)

        return await rewrite_value(name, value, change, self._limit)


class _Collected:
    """Recipients in order, each only once (been_here(3)); `limit` 0: any number is remembered."""

    def __init__(self, limit: int, keep_original: bool, expanded: list[Recipient]) -> None:
        self.recipients: list[Recipient] = []
        self.expanded = expanded
        self._seen: set[tuple[bytes, int, bytes, bytes]] = set()
        self._limit, self._keep = limit, keep_original

    def add(self, address: bytes, original: bytes, orcpt: bytes, notify: int) -> None:
        key = (orcpt, notify, original.lower() if self._keep else b"", address.lower())
        if key in self._seen:
            return
        if not self._limit or len(self._seen) < self._limit:
            self._seen.add(key)
        self.recipients.append(Recipient(address, b"" if original == address else original, orcpt, notify))
