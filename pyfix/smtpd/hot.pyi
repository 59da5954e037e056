"""What every session passes of what its process shares (ext/pyfix/smtpd/hot.pyx)."""

from collections.abc import Callable
from typing import Any

from pyfix._core.limits import Limits
from pyfix.cleanup.origin import Origin
from pyfix.resolve.cache import Cache

class SettingsHot:
    """One configuration for smtpd, as sessions read it."""

    config: Any
    log: Any
    policy: Any
    clients: Any
    canonical: Callable[[bytes], bytes]
    hostname: bytes
    mail_name: bytes
    greeting: bytes
    helo_reply: bytes
    limits: Limits
    resolver: Cache
    timeout: int
    connection_count: int
    connection_rate: int
    message_rate: int
    recipient_rate: int
    message_size: int
    error_sleep: Any
    hide_client: bool
    forbids_early: bool
    checks_at_connect: bool
    asks_helo: bool
    asks_mail: bool
    asks_data: bool
    asks_end: bool
    counts_rates: bool
    strict_utf8: bool
    short_way: bool
    asks_no_table: bool
    asks_unlisted: bool

class ClientHot:
    """A client under one configuration. pyfix.smtpd.client.Client says what its attributes are, and makes origins."""

    settings: Any
    address: bytes
    log_name: bytes
    peer: Any
    ehlo: tuple[int, bytes, str]
    trusted: bool
    exempt: bool
    local: bool
    newlines: int
    until: float

class ServerHot:
    """All sessions of a process. pyfix.smtpd.server.Server has what is asked rarely."""

    settings: Any
    log: Any
    names: Any
    clock: Callable[[], float]
    make_intake: Callable[[Any], Any]
    info: Callable[[Any], None]
    warning: Callable[[Any], None]
    sessions: set[Any]
    tallied: dict[Any, int]
    doors: list[Any]
    limit: int
    stressed: bool
    closed: bool
    room_until: float

def welcome(settings: SettingsHot, address: bytes, sender: bytes) -> bool:
    """Is this recipient of a client in mynetworks plainly welcome? False means: policy has to be asked. (Sessions call it in C, as what follows.)"""

def canonical_form(settings: SettingsHot, address: bytes) -> bytes:
    """The address as cleanup will see it."""

def origin(client: ClientHot, helo: bytes | None, port: int, esmtp: bool, utf8: bool) -> Origin:
    """The Origin of messages of one session: all of the Received field before the queue id."""

def known(server: ServerHot, address: bytes, now: int) -> ClientHot | None:
    """The Client at an address if it was here within the last second; `now` in milliseconds."""

def remember(server: ServerHot, client: ClientHot, now: int) -> None:
    """The client's name and what tables say of it are known now."""

def enter(server: ServerHot, session: Any, address: bytes, client: ClientHot) -> bytes | None:
    """A new client: None, or the 421 it gets."""

def leave(server: ServerHot, session: Any, address: bytes) -> None:
    """A session is over."""
