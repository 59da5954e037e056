"""The operations whose cost is watched, from a command line to a whole message.

The law: an operation is a function without arguments that does the same work at each call and leaves nothing behind. It is
made by a setup function that imports what it needs, so that the same list can measure another tree, which may lack some.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

Call = Callable[[], object]

MAIL = b"MAIL FROM:<someone@example.com> SIZE=4096 BODY=8BITMIME\r\n"
PATH = b"<john.doe+list@mail.example.com>"
HEADER = b"".join(b"Received: from host%d.example.com (host%d [192.0.2.%d])\r\n\tby mail.example.com; Sun, 1 Jan 2026\r\n"
                  % (i, i, i) for i in range(6)) + b"".join(
    name + b": some text <of.usual@length.example.com>\r\n" for name in (
        b"From", b"To", b"Subject", b"Date", b"Message-ID", b"MIME-Version", b"Content-Type", b"X-Mailer", b"List-Id")
) + b"\r\n"
CONTENT = HEADER + (b"a" * 68 + b"\r\n") * 46
NOW = 1_800_000_000


class Operation(NamedTuple):
    """name, how to make the call, how many calls are one measurement, and what it is in words."""

    name: str
    setup: Callable[[], Call]
    calls: int
    words: str


def command_line() -> Call:
    from pyfix._core.limits import Limits
    from pyfix._core.server import ServerCore
    core = ServerCore(Limits(hostname=b"mx.example.org", junk=1 << 30))
    core.feed(b"EHLO client.example\r\n")
    core.reply_lines(250, b"250 mx.example.org\r\n")

    def call() -> None:
        rest = MAIL + b"RSET\r\n"
        while rest:
            event, used = core.feed(rest)
            rest = rest[used:]
            if event == "mail":
                core.reply(250, b"2.1.0 Ok")
        core.out.take()
    return call


def address() -> Call:
    from pyfix._core.address import parse_path
    return lambda: parse_path(PATH)


def rewrite() -> Call:
    from pyfix._core.rewrite import RewriteRules
    rules = RewriteRules(b"example.com", b"example.com")
    return lambda: rules.rewrite(b"john.doe+list@mail.example.com")


def hash_lookup() -> Call:
    from pyfix._core.hashbuild import Builder
    from pyfix._core.hashmap import Reader
    builder = Builder(seed=bytes(16))       # a random one would move the entries, and the count by a percent
    for number in range(1000):
        builder.add(b"user%d@example.com" % number, b"value%d" % number)
    image = bytes(builder.image()[0])
    find = Reader(image).find

    def call() -> None:
        find(b"user500@example.com")
        find(b"nobody@example.com")
    return call


def frame() -> Call:
    from pyfix._core.frame import decode, encode
    head, body = b"e" * 200, CONTENT
    return lambda: decode(encode(1, head, body, 7, 1, 4096, 4096), 7, 1, 4096, 1 << 26)


def header_facts() -> Call:
    from pyfix.cleanup.facts import facts_of
    return lambda: facts_of(HEADER)


def end_of_data() -> Call:
    from pyfix._core.data import scan_only
    content = CONTENT + b".\r\n"
    return lambda: scan_only(content)


def slot() -> Call:
    from pyfix._core.slots import SlotTable, make_id
    table = SlotTable(1)
    for number in range(1, 1000):
        table.add(make_id(number, 0), 0, 1, number * 4096, 4000, 4000, 0)
    queue_id = make_id(5000, 0)

    def call() -> None:
        at = table.add(queue_id, 0, 1, 4096, 4000, 4000, 0)
        table.set_state(table.find(queue_id), 2)
        table.remove(at)
    return call


def timer() -> Call:
    from pyfix._core.slots import SlotTable, make_id
    from pyfix._core.wheel import Wheel
    table = SlotTable(1)
    slots = [table.add(make_id(number, 0), 0, 1, number * 4096, 4000, 4000, 0) for number in range(1, 100)]
    wheel = Wheel(table, NOW)

    def call() -> None:
        for at in slots:
            wheel.insert(at, NOW + 300 + at)
        for at in slots:
            wheel.cancel(at)
    return call


def choice() -> Call:
    from pyfix.qmgr.scheduler import Agent, Limits, Message, Scheduler
    scheduler, agent = Scheduler(lambda name: Limits()), Agent("smtp", None)
    scheduler.join(agent)
    scheduler.ready(agent, 50)

    def call() -> None:
        message = Message(1, b"ABCDEF", 0, 1, 0, 100, 100, 0, b"s@example.org", 1, 0)
        scheduler.enter(message, "smtp", "d1.example", [0], "d1.example", 0)
        for who, entries in scheduler.assign(0):
            for entry in entries:
                scheduler.well(scheduler.finish(who, entry.job).site, 0)
    return call


def log_line() -> Call:
    from pyfix.telemetry.lines import Lines
    lines = Lines(b"mx", b"postfix/smtpd[123]")

    def call() -> None:
        lines.info(b"4F2A13C05D: client=mail.example.com[192.0.2.1]")
        lines.clear()
    return call


def client_dialogue() -> Call:
    from pyfix._core.client import ClientCore
    from pyfix._core.request import Request, Settings
    settings = Settings(b"client.example")
    request = Request(b"s@example.org", [b"r@example.com"], size=4096)

    def call() -> None:
        core = ClientCore(settings)
        core.receive(b"220 mx.example ESMTP\r\n")
        core.receive(b"250-mx.example\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250 8BITMIME\r\n")
        core.begin(request)
        core.receive(b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 End data\r\n")
        core.sent_content()
        core.receive(b"250 2.0.0 Ok: queued as 4F2A13C05D\r\n")
    return call


OPERATIONS = {operation.name: operation for operation in (
    Operation("command line", command_line, 300, "MAIL with parameters through _core.server, answered, and RSET"),
    Operation("address", address, 1000, "_core.address.parse_path of an ordinary path"),
    Operation("rewrite", rewrite, 1000, "_core.rewrite of an ordinary address"),
    Operation("hash lookup", hash_lookup, 600, "_core.hashmap: one key that is there and one that is not, of 1,000"),
    Operation("frame", frame, 150, "_core.frame: a record of 4.5 KB made, checked and read"),
    Operation("header facts", header_facts, 150, "cleanup.facts: a header block of 15 fields, read in one pass"),
    Operation("end of data", end_of_data, 60, "_core.data: scan of 4.5 KB of content"),
    Operation("slot", slot, 300, "_core.slots: add, find, set state, remove"),
    Operation("timer", timer, 20, "_core.wheel: insert and cancel 99 timers"),
    Operation("choice", choice, 200, "qmgr.scheduler: enter, assign, finish, feedback"),
    Operation("log line", log_line, 1000, "telemetry.lines: one line"),
    Operation("client dialogue", client_dialogue, 150, "_core.client: one message to a server with PIPELINING"),
    Operation("message", lambda: message(), 60, "4.5 KB through server core, cleanup and the committed queue log, no sockets"),
)}


def message() -> Call:
    """A whole message; the log's own thread is not counted where the processor counts."""
    import asyncio

    from bench.gate.message import Acceptor
    return Acceptor(asyncio.new_event_loop(), CONTENT).one
