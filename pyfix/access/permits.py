"""The log of what was permitted, and by what: smtpd_log_access_permit_actions (postconf(5)).

The law: an action is logged under its own name when it says OK; a list of restrictions that an entry or a class names is logged by what
said OK inside. Off (the default), nothing is asked.
"""

from typing import Any

from pyfix.access.subject import Subject
from pyfix.access.verdict import CLIENT, RECIPIENT, log_event
from pyfix.errors import TableError
from pyfix.resolve.matchlist import MatchList

OF_CLIENT = frozenset(("permit_mynetworks", "permit_inet_interfaces", "permit_dnswl_client", "permit_rhswl_client"))
OF_RECIPIENT = frozenset(("permit_auth_destination", "permit_mx_backup"))


class PermitLog:
    """The log of one configuration; false where nothing is to be logged."""

    def __init__(self, config: Any) -> None:
        self.actions = MatchList(config, "smtpd_log_access_permit_actions")

    def __bool__(self) -> bool:
        return bool(self.actions)

    def tell(self, subject: Subject, action: bytes, kind: bytes, name: bytes, table: bytes = b"") -> None:
        """Logs one, if its action is in the list. A table that fails logs it."""
        try:
            listed = not self.actions.local or self.actions.match(action)
        except TableError as error:
            subject.warning(str(error).encode())
            listed = True
        if listed:
            source = b"from " + table if table else b""
            log_event(subject, b"permit", b"action=%b for %b=%b %b" % (action, kind, name, source))

    def step(self, subject: Subject, name: str, scope: Any) -> None:
        """A restriction said OK; access tables and classes speak for themselves."""
        if name == "permit":
            self.tell(subject, b"permit", scope.kind, scope.name)
        elif name in OF_CLIENT:
            self.tell(subject, name.encode(), CLIENT, subject.client)
        elif name in OF_RECIPIENT:
            self.tell(subject, name.encode(), RECIPIENT, subject.recipient or b"")
