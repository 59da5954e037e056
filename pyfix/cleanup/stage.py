"""cleanup as a library: what is done to every message between its last byte and its commit.

Law: cleanup(8). One Cleanup for each accepting service process; it holds what messages share:
the queue's writer, the resolver, the address mappings and the words of the Received field.
"""

import time
from email.utils import formatdate

from pyfix.cleanup.actions import destination, expansions, filtered_origin, returned_origin, with_actions
from pyfix.cleanup.characters import checks_of
from pyfix.cleanup.fields import edited_header
from pyfix.cleanup.hot import Hot
from pyfix.cleanup.mapping import Mapper
from pyfix.cleanup.tracing import traced
from pyfix.errors import DiskFull, MessageTooLarge, QueueError, TableError
from pyfix.ipc.eager import run
from pyfix.model import TRACE_ONLY, Recipient, Reply
from pyfix.resolve import ERROR, FAIL
from pyfix.resolve.addressmap import MappingTrouble

DROP_BITS = {"bcc": 1, "content-length": 2, "resent-bcc": 4, "return-path": 8}

SENDERS_KEPT = 10_000
RETURNS = "returns"         # among an intake's actions: who handed it in is not there to hear a refusal
CONTENT_ERRORS = ("hops", "checks")

QUEUE_WRITE_ERROR = Reply(451, "4.3.0", "Error: queue file write error")
NO_SPACE = Reply(452, "4.3.1", "Insufficient system storage")
TOO_BIG = Reply(552, "5.3.4", "Error: message file too big")
TOO_MANY_HOPS = Reply(554, "5.4.0", "Error: too many hops")
NO_RECIPIENTS = Reply(554, "5.5.1", "Error: no valid recipients")


class Cleanup(Hot):
    """What one service process needs to take messages in.

    service   pyfix.service.Service (config, log, loop)
    writer    pyfix.queue Writer; its on_group must be `self.on_group`
    resolver  pyfix.resolve Resolver
    notify    called with a list of COMMITTED items once a group
    """

    def __init__(self, service, resolver, notify) -> None:
        self.service, self.resolver, self.notify = service, resolver, notify
        self.writer, self.queue_errors = None, (QueueError, OSError)
        self.log = service.maillog("cleanup")
        self.configure(service.config)
        self._second, self._date = -1, b""

    def configure(self, config) -> None:
        """Takes the parameters of a configuration."""
        self.config, self.generation = config, config.generation
        self.hopcount_limit = config.hopcount_limit
        self.header_limit = config.header_size_limit
        dropped = {name.lower() for name in config.words("message_drop_headers")}
        self.drop_mask = sum(DROP_BITS.get(name, 0) for name in dropped)
        self.drop_names, self.drops_others = frozenset(name.encode() for name in dropped), bool(dropped - set(DROP_BITS))
        self.host, self.mail_name = config.myhostname.encode(), config.mail_name.encode()
        self.adds_always = config.always_add_missing_headers
        self.undisclosed = bool(config.undisclosed_recipients_header)
        self.rewrites_remote = bool(config["remote_header_rewrite_domain"])
        self.mapper = Mapper(config, self.resolver)
        overrides = set(config.words("receive_override_options"))
        self.maps_addresses = "no_address_mappings" not in overrides
        self.checks = checks_of(config, self.log) if "no_header_body_checks" not in overrides else None
        self.content_filter = config["content_filter"].encode()
        self.plain = self.maps_addresses and not self.content_filter
        self.headers_mapped = self.mapper.maps_headers
        self.senders.clear()

    # -- the header ----------------------------------------------------------------------

    def date(self) -> bytes:
        """The time now as RFC 5322 writes it, e.g. b"Sun, 22 Nov 2026 13:16:00 +0000 (UTC)"."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            zone = time.strftime("%Z", time.localtime(second))
            self._date = f"{formatdate(second, localtime=True)} ({zone})".encode()
        return self._date

    def prepended(self, intake) -> bytes:
        """What access(5) PREPEND puts above the Received field."""
        return b"".join(text + b"\r\n" for text in intake.actions.get("prepend", ()))

    # -- ends ----------------------------------------------------------------------------

    def failed(self, trouble: Exception) -> str:
        """Logs why content can't be kept; returns what Intake.error shall be."""
        self.log.warning(f"queue write error: {trouble}")
        if isinstance(trouble, DiskFull):
            return "space"
        return "size" if isinstance(trouble, MessageTooLarge) else "write"

    def refuse(self, intake) -> None:
        """Answers a message that can't be taken (or is to be thrown away: DISCARD), and lets go of its content."""
        if intake.error == "discard":
            self.end(intake, Reply(250, "2.0.0", "Ok: queued as " + intake.queue_id.decode()))
            return
        replies = {"hops": TOO_MANY_HOPS, "checks": intake.reply, "space": NO_SPACE, "size": TOO_BIG}
        reply = replies.get(intake.error, QUEUE_WRITE_ERROR)
        if intake.error == "hops":
            self.log.warning(f"{intake.queue_id.decode()}: message rejected: hopcount exceeded")
        if reply.code >= 500 and intake.error in CONTENT_ERRORS and intake.actions is not None and RETURNS in intake.actions:
            return self.give_back(intake, reply)
        self.end(intake, reply)

    def give_back(self, intake, reply: Reply) -> None:
        """Nobody waits for this answer (maildrop): the message goes to the error transport, which returns it to its sender."""
        intake.error, intake.actions = "", None
        intake.origin = returned_origin(intake.origin, reply)
        for recipient in intake.recipients:
            recipient.transport, recipient.nexthop = "error", f"{reply.dsn} {reply.text}"
        self.commit(intake, intake.sender, intake.recipients)

    def end(self, intake, reply: Reply) -> None:
        """Lets go of a message's content and answers with a refusal."""
        done = intake.take_done()
        intake.abort()
        if done is not None:
            done(reply)

    def complete_slowly(self, intake) -> None:
        """Edits, maps, resolves and commits a message that can't go the plain way."""
        run(self.map_and_commit(intake), lambda _: None)

    async def sender(self, address: bytes) -> bytes:
        """The sender as it is queued; kept where no table is asked. Raises MappingTrouble."""
        sender = await self.mapper.envelope_sender(address, self.maps_addresses)
        if self.mapper.idle:
            if len(self.senders) >= SENDERS_KEPT:
                self.senders.clear()
            self.senders[address] = sender
        return sender

    async def route_all(self, intake, recipients: list[Recipient], sender: bytes) -> None:
        """Where each recipient goes: to the content filter, if there is one. Raises TableError."""
        filtered = b"" if intake.flags & TRACE_ONLY else (intake.actions or {}).get("filter", self.content_filter)
        if filtered:
            intake.origin = filtered_origin(intake.origin, filtered)
        for recipient in recipients:
            if filtered:
                recipient.transport, recipient.nexthop = destination(self.config, filtered, recipient.address)
                continue
            resolution = await self.resolver.resolve(recipient.address, sender)
            if resolution.flags & FAIL:
                raise TableError("resolve", f"{recipient.address.decode(errors='replace')} can't be resolved now")
            route(recipient, resolution)
            if intake.flags & TRACE_ONLY:
                traced(recipient)

    async def map_and_commit(self, intake) -> None:
        """The whole way: sender and recipients through the mappings, then resolved."""
        try:
            sender, recipients = await self.sender(intake.sender), intake.recipients
            if intake.header is not None:
                intake.put_header(await edited_header(self, intake, sender))
            expanded: list[Recipient] = []
            actions = intake.actions or {}
            recipients = await self.mapper.recipients(recipients, sender, self.maps_addresses, expanded, actions.get("bcc", ()))
            recipients = with_actions(self, intake, recipients)
            await self.route_all(intake, recipients, sender)
            recipients += expansions(expanded)
        except MappingTrouble as trouble:
            self.log.warning(f"{intake.queue_id.decode()}: {trouble}")
            self.end(intake, trouble.reply)
            return
        except TableError as trouble:
            self.log.warning(f"{intake.queue_id.decode()}: {trouble}")
            self.end(intake, QUEUE_WRITE_ERROR)
            return
        if recipients:
            self.commit(intake, sender, recipients)
        else:
            self.end(intake, NO_RECIPIENTS)


def route(recipient: Recipient, resolution) -> None:
    """Writes into a recipient where it goes. A bad address goes to the error transport, which returns it."""
    if resolution.flags & ERROR:
        recipient.transport, recipient.nexthop = "error", "5.1.3 bad address syntax"
        return
    recipient.transport, recipient.nexthop = resolution.transport, resolution.nexthop
    if resolution.recipient != recipient.address:
        recipient.original = recipient.original or recipient.address
        recipient.address = resolution.recipient
