"""Fuzz targets of what every session and every message passes: the short way of smtpd and cleanup beside the twin's whole law."""

from collections.abc import Callable
from typing import Any

from pyfix.cleanup.hot import Hot
from pyfix.cleanup.intake import Intake
from pyfix.cleanup.origin import Origin
from pyfix.errors import QueueError
from pyfix.model import VERP, Recipient, Reply
from pyfix.resolve.cache import Cache
from pyfix.resolve.domains import DEFAULT, ERROR, FAIL
from pyfix.smtpd import hot
from pyfix.telemetry.lines import Lines
from tests.fuzz.records import steps
from tests.oracle import accepting, door, routes

HEADER = b"From: a@x.example\r\nTo: b@y.example\r\nDate: now\r\nMessage-Id: <1@x>\r\nSubject: x\r\n\r\nbody\r\n"
DROPPED = b"Bcc: y@z.example\r\nSubject: x\r\n\r\nbody\r\n"
SPECIAL = {"error": 1, "retry": 2}


def place(address: bytes) -> tuple[str, str, bytes | None, int] | None:
    """What the resolver knows of an address: anything, and always the same."""
    kind, domain = sum(address) % 16, address.rpartition(b"@")[2].decode("latin-1")
    return {0: None, 1: ("smtp", domain, None, ERROR), 2: ("smtp", domain, None, FAIL | DEFAULT), 3: ("smtp", domain, b"other@x.example", DEFAULT),
            4: ("relay", domain, address, 0), 5: ("error", "5.1.1 no", None, DEFAULT), 6: ("smtp", "hub", None, DEFAULT)}.get(kind, ("smtp", domain, None, DEFAULT))


class Log(Lines):
    """Lines that nobody reads."""

    flushed = 0

    def flush(self) -> None:
        self.flushed += 1


class Knows:
    """A resolver that is no Cache."""

    def cached(self, address: bytes, sender: bytes) -> tuple[Any, ...] | None:
        return place(address)


class Stage(Hot):
    """A Hot whose other ways, writer and readers are the test's."""

    def __init__(self, choice: int) -> None:
        self.resolver, self.mapper, self.writer, self.notify = Knows(), self, self, self.told
        self.idle, self.plain, self.generation, self.broken = not choice & 1, not choice & 2, 7, bool(choice & 4)
        self.log, self.checks, self.queue_errors = Log(b"h", b"t"), None, (QueueError,)
        self.host, self.mail_name, self.drop_mask, self.hopcount_limit = b"h", b"m", 15, 50
        self.count, self.waiting, self.slow, self.notices, self.replies = 0, [], [], [], {}

    def date(self) -> bytes:
        return b"now"

    def new_id(self) -> bytes:
        self.count += 1
        return b"%06X" % self.count

    def commit(self, *arguments: Any) -> None:
        """A writer's, or that of the stage itself."""
        if isinstance(arguments[0], Intake):
            return Hot.commit(self, *arguments)
        if self.broken:
            raise QueueError("full")
        self.waiting.append(arguments[:3])
        return None

    def complete_slowly(self, intake: Intake) -> None:
        self.slow.append(intake.queue_id)

    def prepended(self, intake: Intake) -> bytes:
        return b""

    def failed(self, trouble: Exception) -> str:
        return "write"

    def refuse(self, intake: Intake) -> None:
        self.replies[intake.queue_id] = intake.error
        intake.abort()

    def told(self, notices: list[bytes]) -> None:
        assert self.log.flushed and not self.replies, "qmgr hears of a message before its client"
        self.notices += notices


def origin_of(choice: int) -> tuple[Origin, dict[str, str]]:
    """Where a message comes from, and the attributes it has by that."""
    attributes = {"client_name": "n.example", "helo": "\udce4"} if choice & 1 else {}
    uid, local = (-1, 0, 1000)[choice >> 1 & 3] if choice & 6 != 6 else -1, bool(choice & 8)
    made = Origin(b"from x\r\n\tby h id ", attributes, "d", local, uid)
    if choice & 16:
        port = (25, -1, 65535, -9)[choice >> 5 & 3]
        client = ClientFor(made)
        return hot.origin(client, b"x", port, True, False), attributes | {"client_port": str(port) if port >= 0 else "unknown"}
    return made, attributes


class ClientFor(hot.ClientHot):
    """A client whose messages have this origin."""

    def __init__(self, made: Origin) -> None:
        self.result, self.asked = made, []

    def make_origin(self, helo: bytes | None, esmtp: bool, utf8: bool) -> Origin:
        self.asked.append((helo, esmtp, utf8))
        return self.result


def message(data: bytes) -> None:
    """Three bytes of settings, then lines: the sender, and recipients; one message, then the same by the group."""
    choice, source, more = data[:3].ljust(3, b"\0")
    sender, *recipients = (line[:200] for line in data[3:].split(b"\n"))
    if not recipients:
        return
    stage = Stage(choice)
    stage.senders = {sender: b"mapped@x.example"} if choice & 8 else {}
    origin, attributes = origin_of(source)
    intake = stage.intake(origin)
    intake.sender, intake.recipients = sender, [Recipient(address) for address in recipients[:40]]
    intake.actions, intake.envid = ({} if choice & 16 else None), b""
    intake.start()
    intake.put(DROPPED if choice & 32 else HEADER)
    intake.encoding = (None, "8bit", "7bit")[more % 3]
    flags = VERP if more & 8 else more & 7
    intake.finish(flags, lambda reply: stage.replies.__setitem__(intake.queue_id, reply))
    want = accepting.Message(intake.queue_id, sender, recipients[:40], flags, origin.uid, origin.local, attributes,
                             (None, "8bit", "7bit")[more % 3], bool(choice & 48))
    judge(stage, intake, want, bool(more & 16))


def judge(stage: Stage, intake: Intake, want: accepting.Message, fails: bool) -> None:
    """Whether what became of the message is what the twin says."""
    asked = not stage.idle or not stage.plain or want.edited
    sender = None if asked else accepting.queued_sender(want, stage.senders)
    places = None if sender is None else accepting.routes(want, {address: place(address) for address in want.recipients})
    if sender is None or places is None:
        assert stage.slow == [want.queue_id] and not stage.waiting and not stage.replies
        return
    assert not stage.slow
    if stage.broken:
        assert stage.replies == {want.queue_id: "write"} and not stage.waiting
        return
    [(envelope, content, token)] = stage.waiting
    assert token is intake and envelope == accepting.head(want, sender, places, intake.arrival, intake.size, 7)
    where = (3, 4096, 500)
    stage.on_group([(intake, None, QueueError("no")) if fails else (intake, where, None)])
    assert stage.notices == ([] if fails else [accepting.notice(want, sender, places, intake.arrival, intake.size, where)])
    assert stage.replies == {want.queue_id: "write" if fails else Reply(250, "2.0.0", "Ok: queued as " + want.queue_id.decode())}


class Answers(Cache):
    """A resolver that knows places by address."""

    def __init__(self, addresses: list[bytes]) -> None:
        self._cache = {address: known for address in addresses if (known := place(address)) is not None}


class Settings(hot.SettingsHot):
    """A configuration."""

    def __init__(self, choice: int, addresses: list[bytes]) -> None:
        self.short_way, self.asks_no_table, self.asks_unlisted = bool(choice & 1), bool(choice & 2), bool(choice & 4)
        self.connection_count, self.connection_rate = choice >> 3 & 1, choice >> 4 & 1
        self.resolver, self.canonical = Answers(addresses), lambda address: b"<" + address


def welcomes(data: bytes) -> None:
    """A byte of settings, then addresses: who is plainly welcome, and how cleanup will see them."""
    addresses = data[1:].split(b"\n")
    settings = Settings(data[0] if data else 0, addresses)
    for address in addresses:
        want = door.welcome(place(address), settings.short_way, settings.asks_no_table, settings.asks_unlisted)
        assert hot.welcome(settings, address, b"s@x.example") == want, address
        assert hot.canonical_form(settings, address) == door.canonical_form(address, settings.canonical), address
    assert not hot.welcome(settings, b"unheard@of.example", b"")


class Client(hot.ClientHot):
    """A client; `made` counts its origins."""

    def __init__(self, settings: Settings, address: bytes, exempt: bool) -> None:
        self.settings, self.address, self.exempt, self.made = settings, address, exempt, []

    def make_origin(self, helo: bytes | None, esmtp: bool, utf8: bool) -> Origin:
        self.made.append((helo, esmtp, utf8))
        return Origin(b"from %b " % (helo or b"-"), {"helo": "x"}, "d", utf8=utf8)


class Server(hot.ServerHot):
    """A process; what it asks of its Python half is kept."""

    def __init__(self, limit: int) -> None:
        self.limit, self.events = limit, []

    def full(self) -> None:
        self.events.append("full")

    def left(self) -> None:
        self.events.append("left")

    def admit(self, session: int) -> str:
        self.events.append(("admit", session))
        self.tallied[session] = 1
        return "421"

    def release(self, session: int) -> None:
        self.events.append(("release", session))
        self.tallied.pop(session, None)


def clients(data: bytes) -> None:
    """A limit, then a script: clients come, are remembered and asked for, sessions enter and leave, settings change."""
    server, twin, now, kept = Server(data[0] % 5 if data else 0), door.Door(data[0] % 5 if data else 0), 0, {}
    server.settings = Settings(0, [])
    for what, n in steps(data[1:], 2):
        address, kind, settings = b"10.0.0.%d" % (n % 6), what % 6, server.settings
        limited = bool(settings.connection_count or settings.connection_rate)
        client = kept.setdefault((address, id(settings)), Client(settings, address, bool(n & 8)))
        plain = door.Client(address, id(settings), client.exempt, limited)
        if kind == 0:
            hot.remember(server, client, now), twin.remember(plain, now)
        elif kind == 1:
            now += (0, 1, 500, 999, 1000, 1001)[n % 6]
        elif kind == 2:
            assert hot.enter(server, n, address, client) == twin.enter(n, plain)
            server.sessions.add(n), twin.sessions.add(n)
        elif kind == 3:
            hot.leave(server, n, address), twin.leave(n)
        elif kind == 4 and n % 3 == 0:
            server.settings = Settings(n, [])
            kept[0, len(kept)] = server.settings        # lives on, so that no other gets its id
        else:
            origins(client, n)
        found, want = hot.known(server, address, now), twin.known(address, id(server.settings), now)
        assert (found is None) == (want is None) and (found is None or found.address == want.address)
        assert (server.events, server.sessions, set(server.tallied)) == (twin.events, twin.sessions, twin.counted)


def origins(client: Client, n: int) -> None:
    """The origin of a session is made anew only where something in it is another than in the last one's."""
    helo, esmtp, utf8, port = (b"a", b"b", None)[n % 3], bool(n & 4), bool(n & 32), n - 3
    last, before = (client.made[-1] if client.made else None), len(client.made)
    origin = hot.origin(client, helo, port, esmtp, utf8)
    assert origin.received == b"from %b " % (helo or b"-") and origin.utf8 == utf8 and origin.attributes["helo"] == "x"
    assert origin.attributes["client_port"] == (str(port) if port >= 0 else "unknown")
    assert len(client.made) - before == (last != (helo, esmtp, utf8) or utf8)


class Resolver(Cache):
    """A resolver to which a domain is all, or nothing; `asked`: for which it was."""

    kind = tuple

    def __init__(self, choice: int) -> None:
        self._by_domain, self._by_sender, self._watched, self.asked = bool(choice & 1), bool(choice & 2), [Table()] if choice & 4 else [], []

    def default_route(self, domain: bytes) -> tuple[str, str] | None:
        self.asked.append(domain)
        return route(domain)


class Table:
    """A table that may change."""

    generation = 0


def route(domain: bytes) -> tuple[str, str] | None:
    """Where a domain's mail goes; None where the whole address is looked at."""
    return None if sum(domain) % 3 == 0 else ("smtp", domain.decode("latin-1"))


def answers(data: bytes) -> None:
    """A byte of settings, then lines: an address that is asked for, "!address" that resolve() had an answer for, "#" a table's change, "?" a second."""
    resolver, asked = Resolver(data[0] if data else 0), []
    twin = routes.Routes(resolver._by_domain, resolver._by_sender, lambda domain: (asked.append(domain), route(domain))[1])
    changed = looked(resolver)
    for number, line in enumerate(data[1:].split(b"\n")):
        sender = b"s%d@x.example" % (number % 2)
        if line.startswith(b"!"):
            answer = ("relay", f"n{number}", line[1:], 0)
            resolver._cache[(line[1:], sender) if resolver._by_sender else line[1:]] = answer
            twin.put(line[1:], sender, answer)
        elif line.startswith(b"#") and resolver._watched:
            resolver._watched[0].generation += 1
            changed = True
        elif line.startswith(b"?"):
            if changed:
                twin.changed()
            changed = looked(resolver)
        else:
            assert resolver.cached(line, sender) == twin.cached(line, sender), line
        assert resolver.asked == asked


def looked(resolver: Resolver) -> bool:
    """A second is over, and tables have been looked at; until the next no time passes. Always False: nothing has changed since."""
    resolver._checked = -10_000
    assert resolver.cached(b"nobody", b"") is None
    resolver._checked = 1 << 60
    return False


TARGETS: dict[str, Callable[[bytes], None]] = {one.__name__: one for one in (message, welcomes, clients, answers)}
