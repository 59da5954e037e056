"""The engine that runs restriction lists: one table of restrictions, one loop.

The law: the first restriction that says OK or REJECT ends its list; DUNNO goes on; a deferral in
both directions at once ends it too. A list is compiled once, from its text, and kept as
long as the configuration; a name that nobody knows answers 451, never "yes".

Source: postconf(5) smtpd_recipient_restrictions and its kin, SMTPD_ACCESS_README, RESTRICTION_CLASS_README.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, NamedTuple

from pyfix import maps
from pyfix._core.chars import plain_address
from pyfix.access import tables
from pyfix.access.expansion import unescape
from pyfix.access.lookups import Lookups
from pyfix.access.networks import Networks
from pyfix.access.permits import PermitLog
from pyfix.access.recipients import Recipients
from pyfix.access.subject import Subject
from pyfix.access.tables import Access
from pyfix.access.verdict import DUNNO, OK, server_error
from pyfix.config.lines import split_words
from pyfix.errors import TableError
from pyfix.maps.maplist import Unopened
from pyfix.resolve import Resolution, Resolver

MAX_DEPTH = 100
# user@host.domain with nothing in it that rewriting would touch
DEFAULT_SHORTHANDS = ("check_client_access", "check_helo_access", "check_sender_access", "check_recipient_access",
                      "check_etrn_access")


class Scope(NamedTuple):
    """What a list is about: the name and kind for replies, and what a bare "type:table" means in it."""

    name: bytes
    kind: bytes
    shorthand: str


Check = Callable[["Engine", Subject, Scope, Any], int | Awaitable[int]]


class Step(NamedTuple):
    """One compiled restriction: its check with its argument; `final` is the word that it makes useless, "" if none."""

    name: str
    check: Check
    argument: Any
    useless: str


class Engine:
    """The restriction lists of one configuration.

    networks   mynetworks       recipients   the address class decisions
    """

    def __init__(self, config: Any, resolver: Resolver, warning: Callable[[bytes], None],
                 dns: Any = None) -> None:
        from pyfix.access.restrictions import ROWS

        self.rows = ROWS
        self.config, self.resolver, self.warning = config, resolver, warning
        self.reject_code, self.defer_code = config.access_map_reject_code, config.access_map_defer_code
        self.allow_untrusted_routing = config.allow_untrusted_routing
        parents = config.words("parent_domain_matches_subdomains")
        self.dotted = "smtpd_access_maps" not in parents
        self.style = (config["recipient_delimiter"].encode(), config.owner_request_special,
                      config["double_bounce_sender"].lower().encode())
        self.null_key = config["smtpd_null_access_lookup_key"].encode()
        self.networks = Networks(config, "mynetworks")
        self.recipients = Recipients(self, config)
        self.classes = {name: config.get(name) or "" for name in config.words("smtpd_restriction_classes")}
        self.lookups = Lookups(config, warning, dns)
        self.default_rbl_reply = config.default_rbl_reply
        self.rbl_replies = maps.MapList(config["rbl_reply_maps"], config, "rbl_reply_maps")
        self.visible = frozenset(unescape(config.smtpd_expansion_filter))
        self.permits = PermitLog(config)
        self.told: set[str] = set()         # what is said once
        self.services: dict[str, Any] = {}  # policy services by their spelling
        self._tables: dict[str, Access] = {}
        self._lists: dict[str, list[Step]] = {}

    # -- addresses

    def canonical(self, address: bytes) -> bytes:
        """The address as cleanup will see it: what is decided here and where it goes must be about the same thing."""
        return address if plain_address(address) else self.resolver.local.rewrite(address)

    async def resolve(self, address: bytes, sender: bytes) -> Resolution:
        """Where an address leads, rewritten first."""
        return await self.resolver.resolve(self.canonical(address), sender)

    def censor(self, text: str) -> str:
        """A client's text as replies may hold it: smtpd_expansion_filter."""
        return text if self.visible.issuperset(text) else "".join(c if c in self.visible else "_" for c in text)

    # -- tables

    def table(self, spec: str) -> Access:
        """The access table of that name, opened once."""
        found = self._tables.get(spec)
        if found is None:
            try:
                opened = maps.open(spec, self.config)
            except TableError as error:
                opened = Unopened(spec, error.text)
            found = self._tables[spec] = Access(self, opened, spec)
        return found

    def open_tables(self, texts: Iterable[str]) -> None:
        """Open the tables that these lists and all classes name, which else is done when one is first asked."""
        for text in (*texts, *self.classes.values()):
            for step in self.compiled(text):
                if not step.name or step.name.startswith("check_") and step.name.endswith("_access"):
                    self.table(step.argument)

    def domain_keys(self, name: bytes, whole: bool) -> Iterator[tables.Key]:
        """A domain's keys in the order of lookup."""
        return tables.parent_keys(name, self.dotted, whole)

    def mail_keys(self, address: bytes) -> Iterator[tables.Key]:
        """A mail address's keys in the order of lookup."""
        return tables.mail_keys(address, self.style, self.dotted)

    # -- lists

    def compiled(self, text: str) -> list[Step]:
        """The steps of a list; compiled once."""
        steps = self._lists.get(text)
        if steps is None:
            steps = self._lists[text] = self.compile(split_words(text))
        return steps

    def compile(self, words: list[str]) -> list[Step]:
        """Steps from words. Mistakes become steps that answer 451 when they are reached."""
        steps, at = [], 0
        while at < len(words):
            word = words[at]
            at += 1
            name, argument = word.lower(), None
            row = self.rows.get(name)
            if ":" in word:
                name, row, argument = "", self.rows["type:table"], word
            elif word in self.classes:
                name, row, argument = word, self.rows["class"], word
            elif row is None:
                row, argument = self.rows["unknown"], word
            elif row.argument:
                if at < len(words):
                    argument = words[at]
                    at += 1
                else:
                    row, argument = self.rows["no argument"], word
            useless = words[at] if row.final and at < len(words) else ""
            steps.append(Step(name, row.check, argument, useless))
        return steps

    async def run_text(self, subject: Subject, text: str, name: bytes, kind: bytes, shorthand: str) -> int:
        """Runs a list given as text: DUNNO, OK or REJECT. Raises Stop."""
        steps = self.compiled(text)
        if not steps:
            return DUNNO
        return await self.run(subject, steps, Scope(name, kind, shorthand))

    async def run(self, subject: Subject, steps: list[Step], scope: Scope) -> int:
        """Runs compiled steps."""
        if subject.depth >= MAX_DEPTH:
            self.warning(b"restriction list recursion is too deep")
            raise server_error(subject)
        subject.depth += 1
        status = DUNNO
        try:
            for step in steps:
                if subject.discard:
                    break
                if step.name == "warn_if_reject":
                    subject.warn_if_reject = subject.warn_if_reject or subject.depth
                    continue
                if step.useless and not subject.warn_if_reject:
                    self.warning(f"restriction `{step.useless}' after `{step.name}' is ignored".encode())
                result = step.check(self, subject, scope, step.argument)
                status = result if result.__class__ is int else await result
                if status == OK and self.permits:
                    self.permits.step(subject, step.name, scope)
                if subject.warn_if_reject >= subject.depth:
                    subject.warn_if_reject = 0
                if status != DUNNO or (subject.defer_if_reject and subject.defer_if_permit):
                    break
        finally:
            subject.depth -= 1
        return status

    def permits_networks_first(self, text: str) -> bool:
        """Does the list, as far as it goes, accept every client in mynetworks before it asks anything?"""
        steps = self.compiled(text)
        return not steps or steps[0].name in ("permit_mynetworks", "permit")

    def in_mynetworks(self, subject: Subject) -> bool:
        """Is the client in mynetworks? Asked once a session. Raises TableError."""
        if subject.trusted is None:
            subject.trusted = self.networks.match(subject.name, subject.address)
        return subject.trusted


__all__ = ["DUNNO", "OK", "Engine", "Scope", "Step"]
