"""pyfix bench sink: a receiver for load that checks every message.

    pyfix bench sink 127.0.0.1:2526                              take everything
    pyfix bench sink 127.0.0.1:2526 127.0.0.2:2526=greylist      the second address plays a profile

The first line on stdout is {"listening": [...]}, the last the result. On SIGINT, SIGTERM or the end of standard input (with
--control) it ends. With --control each line on standard input is a command: "report", "count" and "reset" are each
answered by one JSON line. The profiles are in profile.py.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import signal
import socket
import sys
from typing import Any

from pyfix._core.limits import Limits
from pyfix.load import profile, tls
from pyfix.load.checking import Run
from pyfix.load.receiving import Receiver
from pyfix.load.receiving_tls import FEATURE, SecureReceiver
from pyfix.load.tool import Clock, UsageError, Workers, added, address, part, run, say, summed
from pyfix.net.engine import Engine

COUNTS = ("connections", "messages", "recipients", "octets", "altered", "damaged", "unmarked", "bare_lf", "refused", "deferred",
          "dropped", "most_sessions")
NO_LIMIT = 1 << 30
EHLO = ("PIPELINING", "SIZE", "8BITMIME", "ENHANCEDSTATUSCODES", "DSN", "SMTPUTF8", "CHUNKING")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    words = argparse.ArgumentParser(prog="pyfix bench sink", description="Receive SMTP load and check it.")
    add = words.add_argument
    add("listen", nargs="+", help="HOST:PORT[=PROFILE]; port 0: any. Profiles: " + ", ".join(profile.names()) + " or FILE.toml")
    add("--seconds", type=float, default=0.0, help="end after that time")
    add("--expect", type=int, default=0, help="end after that many messages")
    add("--control", action="store_true", help="take commands from standard input")
    add("--no", action="append", default=[], metavar="KEYWORD", help="do not offer this extension (PIPELINING, CHUNKING, ...)")
    add("--tls", action="store_true", help="offer STARTTLS, with a certificate of its own unless there is --cert")
    add("--cert", default="", metavar="FILE", help="certificate chain (PEM), for --tls")
    add("--key", default="", metavar="FILE", help="its key, unless it is in the same file")
    add("--backlog", type=int, default=4096)
    add("--seed", type=int, default=1)
    add("-j", "--jobs", type=int, default=1, help="processes, on the same ports")
    add("-q", "--quiet", action="store_true", help="no progress lines")
    add("--part", default="", help=argparse.SUPPRESS)
    return words


def bind(text: str) -> socket.socket:
    """A bound, non-blocking socket for HOST:PORT."""
    family, host, port = address(text)
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        raise UsageError(f"{text}: {error.strerror}") from None
    sock.setblocking(False)
    return sock


def limits(features: int) -> Limits:
    """A session that is never tired of its client."""
    return Limits(hostname=b"sink.load.test", message_size=0, recipients=0, soft_errors=0, hard_errors=NO_LIMIT, junk=NO_LIMIT,
                  forbid_pipelining=False, features=features)


def hello(offers: list[str]) -> bytes:
    """The answer to EHLO."""
    lines = ["sink.load.test", *offers]
    return "".join(f"250{'-' if number < len(lines) - 1 else ' '}{line}\r\n" for number, line in enumerate(lines)).encode()


class Post:
    """One address with its profile and its counts."""

    def __init__(self, engine: Engine, args: argparse.Namespace, where: str, name: str, secure: tls.Counts | None = None) -> None:
        self.where, self.name = where, name
        table = profile.load(name) if name else {}
        self.script = profile.Script(table, args.seed, name) if name else None
        if self.script is not None and self.script.remembers and part(args.part or "0/1")[1] > 1:
            raise UsageError(f"{name}: it limits by address, which several processes can't share: use -j 1")
        if self.script is not None and self.script.secures and secure is None:
            raise UsageError(f"{name}: it is about TLS, which is not offered: say --tls")
        greeting = f"220 {table.get('greeting', 'sink.load.test ESMTP')}\r\n".encode()
        offers = [word for word in EHLO if word not in {item.upper() for item in args.no}]
        if secure is None:
            self.receiver = Receiver(engine, limits(0), greeting, hello(offers), self.script)
        else:
            self.receiver = SecureReceiver(engine, limits(FEATURE), greeting, hello([*offers, "STARTTLS"]), self.script, secure,
                                           limits(0), hello(offers))
        self.socket = bind(where)
        self.socket.listen(args.backlog)
        self.door = self.receiver.listen(self.socket.fileno())

    def packed(self) -> dict[str, Any]:
        """All counts, for the sum over processes."""
        receiver = self.receiver
        runs = {name.decode(): base64.b64encode(entries.state()).decode() for name, entries in receiver.runs.items()}
        replies = {text.decode("ascii", "replace"): count for text, count in receiver.replies.items()}
        return {key: getattr(receiver, key) for key in COUNTS} | {
            "runs": runs, "replies": replies, "latency": receiver.latency.pack(), "samples": receiver.samples}


class Server:
    """The posts of one process."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.loop = asyncio.get_running_loop()
        self.over = self.loop.create_future()
        self.engine = Engine(self.loop)
        self.secure = tls.server(args.cert, args.key) if args.tls else None
        self.posts = [Post(self.engine, args, *split(text), self.secure) for text in args.listen]
        self.clock = Clock()

    def stop(self) -> None:
        """Ends serve()."""
        if not self.over.done():
            self.over.set_result(None)

    def packed(self) -> dict[str, Any]:
        """What this process has counted."""
        return {"seconds": self.clock.seconds(), "cpu_seconds": self.clock.cpu(),
                "posts": [post.packed() for post in self.posts], "tls": self.secure and self.secure.packed()}

    def messages(self) -> int:
        """Messages taken."""
        return sum(post.receiver.messages for post in self.posts)

    def recipients(self) -> int:
        """Recipients they were taken for."""
        return sum(post.receiver.recipients for post in self.posts)

    def obey(self, command: str) -> None:
        """One command; the answer is one line."""
        if command == "reset":
            for post in self.posts:
                post.receiver.reset()
            if self.secure is not None:
                self.secure.reset()
            self.clock.reset()
            say({"reset": True})
        elif command == "count":
            say({"count": self.messages(), "recipients": self.recipients()})
        elif command == "report":
            say({"report": self.packed() if self.args.part else summary(self.args, [self.packed()])})
        else:
            say({"error": f"{command}: no such command"})

    async def serve(self) -> None:
        """Until told to stop."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self.loop.add_signal_handler(number, self.stop)
        if self.args.seconds and not self.args.part:
            self.loop.call_later(self.args.seconds, self.stop)
        say({"listening": [post.socket.getsockname()[:2] for post in self.posts]})
        tasks = [self.loop.create_task(self.progress())]
        if self.args.control or self.args.part:
            tasks.append(self.loop.create_task(commands(self.obey, self.stop)))
        await self.over
        for task in tasks:
            task.cancel()

    async def progress(self) -> None:
        """Each second: how it goes; and whether it is enough."""
        before, turn = 0, 0
        while True:
            await asyncio.sleep(0.05)
            turn += 1
            if self.args.expect and self.messages() >= self.args.expect and not self.args.part:
                self.stop()
            if turn % 20 == 0 and not self.args.quiet and not self.args.part and self.messages() != before:
                show(self.clock.seconds(), self.posts, self.messages() - before)
                before = self.messages()


async def commands(obey: Any, ended: Any) -> None:
    """Lines of standard input, until it ends."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        obey(line.decode("ascii", "replace").strip())
    ended()


def show(seconds: float, posts: list[Post], rate: int) -> None:
    """The progress line."""
    receivers = [post.receiver for post in posts]
    print(f"{seconds:6.0f} s  {sum(r.messages for r in receivers):9d} received  {rate:7d}/s  "
          f"{sum(r.open_sessions for r in receivers):5d} sessions  p50 {receivers[0].recent.percentile(50) / 1000:8.1f} ms  "
          f"{sum(r.altered + r.damaged for r in receivers)} altered", file=sys.stderr, flush=True)
    for receiver in receivers:
        receiver.recent.clear()


def split(text: str) -> tuple[str, str]:
    """HOST:PORT and the profile behind "="."""
    where, _, name = text.partition("=")
    return where, name


def summary(args: argparse.Namespace, parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The result of all processes together."""
    posts = [whole([one["posts"][index] for one in parts]) | dict(zip(("listen", "profile"), split(text), strict=True))
             for index, text in enumerate(args.listen)]
    total = {key: sum(post[key] for post in posts) for key in COUNTS}
    packed = [post.pop("packed") for post in posts]
    runs: dict[str, Run] = {}
    for one in parts:
        for post in one["posts"]:
            for name, state in post["runs"].items():
                runs.setdefault(name, Run(name.encode())).merge(base64.b64decode(state))
    return {"tool": "pyfix bench sink", "processes": len(parts), "seconds": round(max(one["seconds"] for one in parts), 3)} | total | {
        "latency_ms": summed(packed).summary(), "runs": {name: entries.result() for name, entries in runs.items()},
        "tls": tls.merged([one["tls"] for one in parts]) if args.tls else None,
        "replies": added(posts, "replies"), "altered_samples": [row for post in posts for row in post["samples"]],
        "posts": posts if len(posts) > 1 else [], "cpu_seconds": added(parts, "cpu_seconds")}


def whole(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """One post, from all processes."""
    latency = summed([one["latency"] for one in parts])
    return {key: sum(one[key] for one in parts) for key in COUNTS} | {
        "latency_ms": latency.summary(), "packed": latency.pack(), "replies": added(parts, "replies"),
        "samples": [row for one in parts for row in one["samples"]][:20]}


async def single(args: argparse.Namespace) -> int:
    """One process: alone, or as a part."""
    server = Server(args)
    await server.serve()
    packed = server.packed()
    server.engine.close()
    say({"result": packed} if args.part else summary(args, [packed]))
    return 0


class Several:
    """The parent of `-j` processes: commands go to all of them, their answers become one."""

    def __init__(self, args: argparse.Namespace, words: list[str]) -> None:
        self.args = args
        self.holders = [bind(split(text)[0]) for text in args.listen]    # keep the ports for the processes
        args.listen = [moved(text, holder) for text, holder in zip(args.listen, self.holders, strict=True)]
        options = [word for word in words if word not in self.positional(words)]
        self.workers = Workers("pyfix.load.sink", [*args.listen, *options], args.jobs, self.heard)
        self.answers: dict[str, list[dict[str, Any]]] = {}
        self.listening = 0

    @staticmethod
    def positional(words: list[str]) -> list[str]:
        """The addresses among the words."""
        return parser().parse_args(words).listen

    async def run(self) -> int:
        """Until all have ended."""
        await self.workers.start()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        if self.args.seconds:
            loop.call_later(self.args.seconds, self.stop)
        task = loop.create_task(commands(self.workers.tell, self.stop)) if self.args.control else None
        watch = loop.create_task(self.watch()) if self.args.expect else None
        status = await self.workers.finish()
        for one in (task, watch):
            if one is not None:
                one.cancel()
        if len(self.answers.get("result", [])) == self.args.jobs:
            say(summary(self.args, self.answers["result"]))
        return status

    def stop(self) -> None:
        """Ends all processes."""
        for process in self.workers.processes:
            process.terminate()

    async def watch(self) -> None:
        """Asks how many have come until it is enough."""
        while True:
            await asyncio.sleep(0.1)
            self.workers.tell("count")

    def heard(self, index: int, line: dict[str, Any]) -> None:
        """One answer; once all have answered they are summed."""
        kind = next(iter(line))
        answers = self.answers.setdefault(kind, [])
        answers.append(line if kind in ("count", "reset", "listening", "error") else line[kind])
        if len(answers) < self.args.jobs or kind == "result":
            return
        self.answers[kind] = []
        if kind == "count":
            self.counted(sum(row["count"] for row in answers), sum(row["recipients"] for row in answers))
        elif kind == "report":
            say({"report": summary(self.args, answers)})
        else:
            say(answers[0])

    def counted(self, messages: int, recipients: int) -> None:
        """The sum of the counts."""
        if self.args.control:
            say({"count": messages, "recipients": recipients})
        if self.args.expect and messages >= self.args.expect:
            self.stop()


def moved(text: str, holder: socket.socket) -> str:
    """HOST:PORT=PROFILE with the port that the holder has got."""
    where, name = split(text)
    return f"{where.rpartition(':')[0]}:{holder.getsockname()[1]}" + (f"={name}" if name else "")


def main(words: list[str] | None = None) -> int:
    """Entry point; 2 on bad usage."""
    words = sys.argv[1:] if words is None else words
    args = parser().parse_args(words)
    try:
        if (args.cert or args.key) and not args.tls:
            raise UsageError("--cert and --key need --tls")
        if args.jobs > 1 and not args.part:
            return run(lambda: several(args, words))
        return run(lambda: single(args))
    except (UsageError, profile.ProfileError) as error:
        print(f"pyfix bench sink: {error}", file=sys.stderr)
        return 2


async def several(args: argparse.Namespace, words: list[str]) -> int:
    """As `-j` processes."""
    return await Several(args, words).run()


if __name__ == "__main__":
    sys.exit(main())
