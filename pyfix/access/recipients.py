"""Whose mail may come in, and for whom: authorised destinations and unknown users.

The law: a destination is authorised when it is local, virtual or in relay_domains, and no routing hides in
its local part; everything else is relaying. A user that no table of its address class knows is refused
before the message is taken, so that no bounce goes to a forged sender.

Source: postconf(5) reject_unauth_destination, smtpd_reject_unlisted_recipient; ADDRESS_CLASS_README.
"""

from typing import TYPE_CHECKING, Any

from pyfix.access.subject import Subject
from pyfix.access.verdict import DUNNO, OK, RECIPIENT, SENDER, fix_dsn, lookup_error, reject, split_dsn
from pyfix.errors import TableError
from pyfix.maps import MapList
from pyfix.resolve import ALIAS, DEFAULT, FAIL, LOCAL, RELAY, ROUTED, VIRTUAL, Resolution, find

if TYPE_CHECKING:
    from pyfix.access.engine import Engine

# class -> (parameter with the known users, its reply code, table for the text)
CLASSES = {LOCAL: ("local_recipient_maps", "unknown_local_recipient_reject_code", b" in local recipient table"),
           VIRTUAL: ("virtual_mailbox_maps", "unknown_virtual_mailbox_reject_code", b" in virtual mailbox table"),
           RELAY: ("relay_recipient_maps", "unknown_relay_recipient_reject_code", b" in relay recipient table")}


class Recipients:
    """The decisions about one address, for one configuration."""

    def __init__(self, engine: "Engine", config: Any) -> None:
        self.engine = engine
        self.known = {kind: MapList(config[row[0]], config, row[0]) for kind, row in CLASSES.items()}
        self.codes = {kind: getattr(config, row[1]) for kind, row in CLASSES.items()}
        self.alias_code = config.unknown_virtual_alias_reject_code
        self.rewrites = [MapList(config[name], config, name)
                         for name in ("recipient_canonical_maps", "canonical_maps", "virtual_alias_maps")]
        self.sender_rewrites = MapList(config["sender_canonical_maps"], config, "sender_canonical_maps")
        self.show_table = config.show_user_unknown_table_name
        self.always = tuple(x.lower() + b"@" for x in (config["double_bounce_sender"].encode(), b"postmaster",
                                                       b"mailer-daemon"))
        self.relay_code = config.relay_domains_reject_code
        self.plain = not any(self.rewrites)

    # -- relaying

    def authorized(self, resolution: Resolution) -> bool:
        """May anyone send to this destination?"""
        if b"@" not in resolution.recipient:
            return True
        if resolution.flags & ROUTED and not self.engine.allow_untrusted_routing:
            return False
        return bool(resolution.flags & (LOCAL | ALIAS | VIRTUAL | RELAY))

    async def permit_auth_destination(self, subject: Subject, recipient: bytes) -> int:
        """OK for an authorised destination."""
        resolution = await self.engine.resolve(recipient, subject.sender or b"")
        if resolution.flags & FAIL:
            raise lookup_error(subject, recipient)
        return OK if self.authorized(resolution) else DUNNO

    async def reject_unauth_destination(self, subject: Subject, recipient: bytes, code: int, dsn: bytes) -> int:
        """Refuses to relay to any other."""
        if await self.permit_auth_destination(subject, recipient) == OK:
            return DUNNO
        return reject(subject, code, dsn, b"<%b>: Relay access denied" % recipient)

    # -- unknown users

    async def reject_unlisted(self, subject: Subject, address: bytes, kind: bytes) -> int:
        """Refuses a user that its address class does not know."""
        resolution = await self.engine.resolve(address, subject.sender or b"")
        if resolution.flags & FAIL:
            raise lookup_error(subject, address)
        if await self.rewritten(subject, resolution, kind, address):
            return DUNNO
        if resolution.transport in ("error", "retry"):
            return self.undeliverable(subject, resolution, address, kind)
        users = resolution.flags & (LOCAL | VIRTUAL | RELAY)
        if not users or not self.known[users] or (users == LOCAL and resolution.recipient.lower().startswith(self.always)):
            return DUNNO
        if await self.matches(subject, self.known[users], resolution, address):
            return DUNNO
        text = b"<%b>: %b rejected: User unknown%b" % (address, kind, CLASSES[users][2] if self.show_table else b"")
        return reject(subject, self.codes[users], b"5.1.0" if kind == SENDER else b"5.1.1", text)

    async def rewritten(self, subject: Subject, resolution: Resolution, kind: bytes, address: bytes) -> bool:
        """Does some table map it to another? Then it is known, whatever comes of that."""
        for table in self.rewrites if kind == RECIPIENT else [*self.rewrites, self.sender_rewrites]:
            if table and await self.matches(subject, table, resolution, address):
                return True
        return False

    async def matches(self, subject: Subject, table: MapList, resolution: Resolution, address: bytes) -> bool:
        """Is the address in `table`, in any of its forms? Raises Stop where the table fails."""
        recipient = resolution.recipient
        domains = self.engine.resolver.domains
        try:
            local = bool(resolution.flags & LOCAL) or await domains.has_bare_users(recipient.rpartition(b"@")[2])
            keys = find.keys(recipient, find.Style(*self.engine.style), local)
            return (await find.lookup(table, keys))[0] is not None
        except TableError:
            raise lookup_error(subject, address) from None

    def undeliverable(self, subject: Subject, resolution: Resolution, address: bytes, kind: bytes) -> int:
        """What resolves to the error or retry transport can be refused at once."""
        if resolution.transport == "error":
            code = self.alias_code if resolution.flags & ALIAS else 550
            default = b"5.1.0" if kind == SENDER else b"5.1.1"
        else:
            code, default = 450, b"4.1.0" if kind == SENDER else b"4.1.1"
        dsn, text = split_dsn(default, resolution.nexthop.encode("utf-8", "surrogateescape"))
        dsn = fix_dsn(dsn, kind, subject.info)
        return reject(subject, code, dsn, b"<%b>: %b rejected: %b" % (address, kind, text))
