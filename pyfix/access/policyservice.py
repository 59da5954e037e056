"""check_policy_service: asking a policy server (SMTPD_POLICY_README).

The law: "name=value" lines and an empty line each way, one request at a time on a connection. A server that can't be
reached, is late or talks nonsense costs a try; after smtpd_policy_service_try_limit the action is
smtpd_policy_service_default_action. Nothing waits but the session that asks.
"""

import asyncio
import time
from collections.abc import Awaitable
from typing import Any, NamedTuple

from pyfix import jail
from pyfix.access.actions import Result
from pyfix.access.engine import Engine, Scope
from pyfix.access.subject import Subject
from pyfix.access.verdict import server_error
from pyfix.config.lines import split_words, unbrace
from pyfix.config.units import as_int, as_time
from pyfix.errors import ConfigError

MOST_CONNECTIONS = 100
MOST_REPLY = 100_000
PREFIX = "smtpd_policy_service_"
TIMES = ("timeout", "retry_delay", "max_idle", "max_ttl")
NUMBERS = ("try_limit", "request_limit")
LATE = (b"DATA", b"BDAT", b"END-OF-MESSAGE")


class Talk(Exception):
    """The server can't be used now; args[0] says why."""


class Options(NamedTuple):
    """smtpd_policy_service_* as they hold for one server."""

    timeout: int
    retry_delay: int
    max_idle: int
    max_ttl: int
    try_limit: int
    request_limit: int
    default_action: str
    policy_context: str


class Connection(NamedTuple):
    """An open connection: when it was opened and used, and how many requests it had."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    opened: float
    used: float
    requests: int


class Service:
    """One policy server, with the connections to it that are idle."""

    def __init__(self, config: Any, server: str, options: Options) -> None:
        self.server, self.options = server, options
        self.queue_directory = jail.base(config["queue_directory"])
        self.idle: list[Connection] = []
        self.slots = asyncio.Semaphore(MOST_CONNECTIONS)

    async def ask(self, subject: Subject, request: bytes) -> bytes:
        """The action for a request; default_action where the server gives none."""
        options = self.options
        for attempt in range(max(1, options.try_limit)):
            if attempt and options.retry_delay:
                await asyncio.sleep(options.retry_delay)
            try:
                async with asyncio.timeout(options.timeout or None), self.slots:
                    return await self.exchange(subject, request, attempt == 0)
            except (OSError, TimeoutError, Talk, EOFError) as error:
                why = "Connection timed out" if isinstance(error, TimeoutError) else \
                    error.strerror if isinstance(error, OSError) and error.strerror else str(error)
                subject.warning(f"problem talking to server {self.server}: {why}".encode())
        return options.default_action.encode()

    async def exchange(self, subject: Subject, request: bytes, reuse: bool) -> bytes:
        """One request and its reply. A connection that broke while it was idle is not the server's fault."""
        kept = self.take() if reuse else None
        if kept is not None:
            try:
                return await self.on(kept, subject, request)
            except (OSError, EOFError):
                kept.writer.close()
        return await self.on(await self.connect(), subject, request)

    async def on(self, connection: Connection, subject: Subject, request: bytes) -> bytes:
        """Asks on a connection, which is kept if all went well."""
        good = False
        try:
            connection.writer.write(request)
            action = await self.read(connection.reader, subject)
            good = True
        finally:
            if not good:
                connection.writer.close()
        self.keep(connection._replace(used=time.monotonic(), requests=connection.requests + 1))
        return action

    async def read(self, reader: asyncio.StreamReader, subject: Subject) -> bytes:
        """The action of a reply. Raises Talk."""
        action = None
        while (line := (await read_line(reader)).rstrip(b"\r\n")):
            name, equals, value = line.partition(b"=")
            if not equals:
                raise Talk("malformed reply")
            if name == b"action" and action is None:
                action = value
        if action is None:
            raise Talk("missing action attribute")
        try:
            action.decode()
        except UnicodeDecodeError:
            subject.warning(b'malformed UTF-8 in policy server %b response: "%b"' % (self.server.encode(), action))
            raise Talk("malformed UTF-8") from None
        return action

    # -- connections

    def take(self) -> Connection | None:
        """An idle connection that is still fresh."""
        now = time.monotonic()
        while self.idle:
            connection = self.idle.pop()
            if now - connection.used < self.options.max_idle and now - connection.opened < self.options.max_ttl \
                    and not connection.reader.at_eof() and not connection.writer.is_closing():
                return connection
            connection.writer.close()
        return None

    def keep(self, connection: Connection) -> None:
        """A connection back; request_limit may end it."""
        if self.options.request_limit and connection.requests >= self.options.request_limit:
            connection.writer.close()
        else:
            self.idle.append(connection)

    async def connect(self) -> Connection:
        """A new connection. Raises OSError, Talk."""
        kind, _, place = self.server.partition(":")
        if kind == "unix":
            path = place if place.startswith("/") else f"{self.queue_directory}/{place}"
            reader, writer = await asyncio.open_unix_connection(path, limit=MOST_REPLY)
        elif kind == "inet":
            host, _, port = place.rpartition(":")
            reader, writer = await asyncio.open_connection(host.strip("[]") or "127.0.0.1", port, limit=MOST_REPLY)
        else:
            raise Talk("no client endpoint for this server; use inet:host:port or unix:path")
        now = time.monotonic()
        return Connection(reader, writer, now, now, 0)


async def read_line(reader: asyncio.StreamReader) -> bytes:
    """A whole line. Raises EOFError at the end, Talk for one without end."""
    try:
        line = await reader.readline()
    except ValueError:
        raise Talk("reply too long") from None
    if not line.endswith(b"\n"):
        raise EOFError("lost connection")
    return line


# -- settings


def service_of(engine: Engine, subject: Subject, argument: str) -> Service:
    """The Service that a restriction names: "server" or "{ server, name = value ... }". Raises Stop."""
    found = engine.services.get(argument)
    if found is None:
        try:
            found = engine.services[argument] = make_service(engine.config, argument)
        except (ConfigError, ValueError) as error:
            subject.warning(f"policy service syntax error: {error}".encode())
            raise server_error(subject) from None
    return found


def make_service(config: Any, argument: str) -> Service:
    """Raises ConfigError, ValueError."""
    words = split_words(unbrace(argument)[0]) if argument.startswith("{") else [argument]
    if not words or ":" not in words[0]:
        raise ValueError(f'"{argument}" names no transport:server')
    settings: dict[str, Any] = {name: getattr(config, PREFIX + name) for name in TIMES + NUMBERS}
    settings |= {name: config[PREFIX + name] for name in ("default_action", "policy_context")}
    for name, value in pairs(words[1:]):
        if name not in settings:
            raise ValueError(f"unexpected policy service option: {name}")
        settings[name] = as_time(name, value, "s") if name in TIMES else \
            as_int(name, value) if name in NUMBERS else value
    return Service(config, words[0], Options(**settings))


def pairs(words: list[str]) -> list[tuple[str, str]]:
    """ "a=b", "a = b" and "{ a = b c }" as pairs."""
    found, rest = [], list(words)
    while rest:
        word = rest.pop(0)
        if word.startswith("{"):
            word = unbrace(word)[0]
        elif "=" not in word and len(rest) > 1 and rest[0] == "=":
            word += "=" + rest[1]
            del rest[:2]
        name, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f'missing "=" after "{word}"')
        found.append((name.strip(), value.strip()))
    return found


# -- the request


def request_for(engine: Engine, subject: Subject, options: Options) -> bytes:
    """The attributes, in Postfix's order."""
    stress = engine.config.get("stress") or ""
    late = subject.where in LATE
    rows = (
        (b"request", b"smtpd_access_policy"), (b"protocol_state", b"DATA" if subject.where == b"BDAT" else subject.where),
        (b"protocol_name", subject.protocol), (b"client_address", subject.address), (b"client_name", subject.name),
        (b"client_port", subject.port), (b"reverse_client_name", subject.reverse_name),
        (b"server_address", subject.server[0]), (b"server_port", subject.server[1]), (b"helo_name", subject.helo or b""),
        (b"sender", subject.sender or b""), (b"recipient", subject.recipient or b""),
        (b"recipient_count", b"%d" % (subject.recipients if late else 0)), (b"queue_id", subject.queue_id),
        (b"instance", subject.instance), (b"size", b"%d" % subject.size), (b"etrn_domain", subject.etrn or b""),
        (b"stress", stress.encode()), (b"sasl_method", b""), (b"sasl_username", subject.sasl_username), (b"sasl_sender", b""),
        (b"ccert_subject", b""), (b"ccert_issuer", b""), (b"ccert_fingerprint", b""), (b"ccert_pubkey_fingerprint", b""),
        (b"encryption_protocol", b""), (b"encryption_cipher", b""), (b"encryption_keysize", b"0"),
        (b"policy_context", options.policy_context.encode()),
        (b"compatibility_level", engine.config["compatibility_level"].encode()),
        (b"mail_version", engine.config["mail_version"].encode()))
    return b"".join(b"%b=%b\n" % (name, one_line(value)) for name, value in rows) + b"\n"


def one_line(value: bytes) -> bytes:
    """A value can't begin another attribute."""
    return value if b"\n" not in value and b"\0" not in value else value.replace(b"\n", b"?").replace(b"\0", b"?")


def check_policy_service(engine: Engine, subject: Subject, scope: Scope, argument: str) -> Awaitable[int]:
    """The restriction's row."""
    return consult(engine, subject, scope, service_of(engine, subject, argument))


async def consult(engine: Engine, subject: Subject, scope: Scope, service: Service) -> int:
    """Asks, and does what the answer says."""
    request = request_for(engine, subject, service.options)
    action = await asyncio.get_running_loop().create_task(service.ask(subject, request))
    return await Result(engine, subject, service.server.encode(), b"policy query", action, scope.name, scope.kind,
                        scope.shorthand).act()
