"""An Agent in the test's own loop: messages from a dictionary, outcomes in a list, a log in a list."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import uvloop

from pyfix import model
from pyfix._core.quote import quote
from pyfix.config import Config
from pyfix.deliver.agent import Agent
from pyfix.deliver.hosts import Hosts
from pyfix.deliver.parameters import Parameters
from pyfix.dns.config import ResolverConfig
from pyfix.dns.resolver import Resolver
from pyfix.net.engine import Engine

BODY = b"Subject: test\r\n\r\nhello\r\n"


class Log:
    """Lines as text."""

    def flush(self):
        """Nothing waits here."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, text: str | bytes) -> None:
        self.lines.append(text if isinstance(text, str) else text.decode())

    def warning(self, text: str) -> None:
        self.lines.append("warning: " + text)

    def error(self, text: str) -> None:
        self.lines.append("error: " + text)


class Content:
    """Content in memory, or pretending to be too long for that."""

    def __init__(self, data: bytes, spilled: bool = False) -> None:
        self.data = None if spilled else memoryview(data)
        self.size, self._bytes = len(data), data

    def pieces(self) -> Iterator[memoryview]:
        yield from (memoryview(self._bytes[at:at + 1000]) for at in range(0, self.size, 1000))


class MemoryReader:
    """Messages by their offset."""

    def __init__(self) -> None:
        self.messages: list[tuple[model.Envelope, Content]] = []

    def open(self, place: model.Place) -> tuple[model.Envelope, Content]:
        return self.messages[place.offset]


def configuration(directory: Path, **settings: str) -> Config:
    """A main.cf of the given settings, over what suits a test."""
    base = {"myhostname": "client.example", "inet_protocols": "ipv4", "compatibility_level": "3.6", "inet_interfaces": "127.0.0.1"}
    (directory / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in {**base, **settings}.items()))
    return Config.load(str(directory))


class Bench:
    """One agent. Use inside a running uvloop loop; see run()."""

    def __init__(self, config: Config, program: str = "smtp", dns: ResolverConfig | None = None, own: set[str] | None = None) -> None:
        loop = asyncio.get_running_loop()
        self.log, self.reader = Log(), MemoryReader()
        self.outcomes: list[list[Any]] = []
        self.waiting: dict[int, asyncio.Future[list[Any]]] = {}
        self.engine = Engine(loop)
        parameters = Parameters(config, self.log, program)
        self.resolver = Resolver(dns or ResolverConfig((("127.0.0.1", 9),), 0.5, 1))
        hosts = Hosts(self.resolver, parameters, own or set(), set(), self.log)
        self.agent = Agent(parameters, hosts, self.reader, self.engine, loop, self.log, self.report)

    def report(self, results: list[list[Any]]) -> None:
        for result in results:
            self.outcomes.append(result)
            waiter = self.waiting.pop(result[0], None)
            if waiter is not None:
                waiter.set_result(result)

    def put(self, nexthop: str, recipients: list[Any] | None = None, content: Content | bytes = BODY, **envelope: Any) -> int:
        """Give the agent a message; its job number."""
        found = [one if isinstance(one, model.Recipient) else model.Recipient(one) for one in recipients or [b"r@example.com"]]
        content = content if isinstance(content, Content) else Content(content)
        number = len(self.reader.messages)
        made = {"sender": b"s@example.org", "size": content.size, "attributes": {"client_name": "c.example"}, **envelope}
        now = time.time_ns() // 1000
        self.reader.messages.append((model.Envelope(b"QID%d" % number, now - 50_000, recipients=found, **made), content))
        self.agent.deliver([number, b"QID%d" % number, 1, number, 0, nexthop, list(range(len(found))), 0, now])
        return number

    async def send(self, nexthop: str, *arguments: Any, **envelope: Any) -> list[Any]:
        """put(), and wait for the outcome: [site trouble, [[index, status, dsn, text], ...]]."""
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self.waiting[len(self.reader.messages)] = future
        self.put(nexthop, *arguments, **envelope)
        result = await asyncio.wait_for(future, 20)
        return [result[1], sorted(row[:4] if isinstance(row, list) else self.logged(result[0], row) for row in result[2])]

    def logged(self, number: int, index: int) -> list[Any]:
        """An outcome of which only the index was told: the rest is in the log."""
        address = quote(self.reader.messages[number][0].recipients[index].address).decode("utf-8", "backslashreplace")
        lines = [line for line in self.log.lines if line.startswith(f"QID{number}: to=<") and f"<{address}>" in line]
        assert len(lines) == 1, (address, self.log.lines)
        dsn, status, text = re.fullmatch(r".*, dsn=(\S+), status=(\w+) \((.*)\)", lines[0]).groups()
        assert status == "sent"
        return [index, status, dsn, text]

    async def close(self) -> None:
        await self.agent.stop()
        await asyncio.sleep(0)
        self.engine.close()


def run(scenario: Callable[[], Any], seconds: float = 30) -> Any:
    """Run a coroutine function on a fresh uvloop loop; an exception that reached the loop's handler fails the test."""
    loop = uvloop.new_event_loop()
    errors: list[BaseException] = []
    loop.set_exception_handler(lambda _, context: errors.append(context.get("exception") or RuntimeError(context["message"])))
    try:
        return loop.run_until_complete(asyncio.wait_for(scenario(), seconds))
    finally:
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        if errors:
            raise errors[0]


